#include "state/losses.h"

#include <algorithm>

namespace cfsrepl {
namespace {

bool HasValueOf(const InodeRecord& inode, int field, const Attributes& incoming,
                const LossWatch& watch) {
  switch (1u << field) {
    case kFieldMode:
      return inode.mode == (incoming.mode() & 07777);
    case kFieldOwner:
      return watch.IsSameOwner(incoming, inode.uid, inode.gid);
    case kFieldSize:
      return inode.size == incoming.size() && inode.extent_ref == incoming.extent_ref();
    case kFieldAtime:
      return inode.atime_ns == incoming.atime_ns();
    case kFieldMtime:
      return inode.mtime_ns == incoming.mtime_ns();
    default:
      return inode.file_flags == incoming.file_flags() && inode.project == incoming.project();
  }
}

LinkId ToLinkId(const OriginTable& origins, PackedSource id) {
  return {origins.Get(id.origin()), id.lsn()};
}

}  // namespace

void LossFinder::BeforeFields(uint32_t inode, const Attributes& incoming,
                              const PackedStamp& stamp) const {
  const InodeRecord& record = store_->inodes[inode];
  uint32_t lost = 0;
  for (uint32_t rest = incoming.mask() & kFieldsAll; rest != 0; rest &= rest - 1) {
    const int field = __builtin_ctz(rest);
    if (!Unseen(record.stamps[field])) [[likely]]
      continue;
    if (!store_->origins.Newer(stamp, record.stamps[field])) continue;
    if (!HasValueOf(record, field, incoming, *watch_)) lost |= 1u << field;
  }
  if (lost != 0) [[unlikely]]
    LoseFields(inode, lost, 0, {});
}

// One loss for each change that wrote some of the fields.
void LossFinder::LoseFields(uint32_t inode, uint32_t fields, Inode parent, Bytes name) const {
  const InodeRecord& record = store_->inodes[inode];
  while (fields != 0) {
    const PackedStamp stamp = record.stamps[__builtin_ctz(fields)];
    uint32_t mask = 0;
    for (uint32_t rest = fields; rest != 0; rest &= rest - 1) {
      const int field = __builtin_ctz(rest);
      if (record.stamps[field] == stamp) mask |= 1u << field;
    }
    Loss loss;
    loss.lost = Lost::kFields;
    loss.inode = record.inode;
    loss.stamp = stamp;
    loss.op = Op::Setattr;
    loss.asserts_links = (record.asserts_links & mask) != 0;
    loss.parts.attributes =
        Attributes(mask, record.mode, record.uid, record.gid, record.size, record.extent_ref,
                   record.atime_ns, record.mtime_ns, 0, record.file_flags, record.project, 0);
    loss.parent = parent;
    loss.name = name;
    watch_->OnLoss(loss);
    fields &= ~mask;
  }
}

// Two sites gave their objects one number. What made the loser again would be its create, with the
// attributes that the inode has now.
void LossFinder::BeforeExistence(uint32_t inode, const EntryPayload& birth) const {
  const InodeRecord& record = store_->inodes[inode];
  if (!Unseen(record.birth)) [[likely]]
    return;
  const Bytes target = store_->Target(record);
  if (record.kind == KindOfMode(birth.attributes.mode()) &&
      store_->Rdev(record) == birth.attributes.rdev() && std::ranges::equal(target, birth.target)) {
    return;
  }
  Loss loss;
  loss.lost = Lost::kExistence;
  loss.inode = record.inode;
  loss.stamp = record.birth;
  loss.op = BirthOpOf(record.kind);
  loss.asserts_links = true;
  loss.parts.attributes =
      Attributes(kFieldsAll, ModeOfKind(record.kind) | record.mode, record.uid, record.gid,
                 record.size, record.extent_ref, record.atime_ns, record.mtime_ns,
                 store_->Rdev(record), record.file_flags, record.project, 0);
  loss.parts.target = target;
  const LinkRecord& link = store_->links[store_->FindLink(inode, record.birth.source)];
  loss.parts.parent = store_->inodes[link.parent].inode;
  loss.parts.name = store_->Name(link);
  loss.parent = loss.parts.parent;
  loss.name = loss.parts.name;
  watch_->OnLoss(loss);
}

void LossFinder::BeforeXattr(uint32_t inode, const XattrRecord& xattr,
                             const XattrRecordView& incoming) const {
  if (!Unseen(xattr.stamp)) return;
  const Bytes value = store_->blobs.Get(xattr.value);
  const bool same = (xattr.removed != 0) == incoming.removed &&
                    std::ranges::equal(value, incoming.removed ? Bytes() : incoming.value);
  if (!same) LoseXattr(inode, xattr);
}

void LossFinder::LoseXattr(uint32_t inode, const XattrRecord& xattr) const {
  Loss loss;
  loss.lost = Lost::kXattr;
  loss.inode = store_->inodes[inode].inode;
  loss.stamp = xattr.stamp;
  loss.op = xattr.removed != 0 ? Op::Removexattr : Op::Setxattr;
  loss.asserts_links = true;
  loss.parts.key = store_->blobs.Get(xattr.key);
  loss.parts.value = store_->blobs.Get(xattr.value);
  watch_->OnLoss(loss);
}

// The removal of a name loses to a later change of what it names.
void LossFinder::BeforeAssert(uint32_t inode, const PackedStamp& stamp) const {
  const InodeRecord& record = store_->inodes[inode];
  if (!record.has_removed) [[likely]]
    return;
  const PackedStamp before = store_->GreatestAssert(inode);
  for (uint32_t link = record.first_link; link != 0; link = store_->links[link].next) {
    const LinkRecord& removed = store_->links[link];
    if (!removed.Has(kLinkRemoved) || !Unseen(removed.stamp)) continue;
    if (!store_->origins.Newer(stamp, removed.stamp)) continue;
    if (store_->origins.Newer(before, removed.stamp)) continue;  // it had lost already
    LoseLink(Lost::kLink, link, store_->inodes[removed.parent].inode, store_->Name(removed));
  }
}

void LossFinder::BeforeLink(uint32_t link, const LinkRecordView& incoming) {
  const LinkRecord& record = store_->links[link];
  const uint32_t parent = store_->FindInode(incoming.parent);
  named_before_ = 0;
  held_up_before_ = 0;
  if (!incoming.removed && parent != 0) {
    named_before_ = tree_->names().Find(parent, incoming.name);
    held_up_before_ = tree_->LiveLink(parent);
  }
  if (!Unseen(record.stamp)) return;
  const bool same = record.Has(kLinkRemoved) == incoming.removed && record.parent == parent &&
                    std::ranges::equal(store_->Name(record), incoming.name);
  if (!same) LoseLink(Lost::kLink, link, incoming.parent, incoming.name);
}

void LossFinder::AfterLink(uint32_t link) const {
  const LinkRecord& record = store_->links[link];
  if (record.Has(kLinkRemoved)) {
    if (store_->inodes[record.child].shown_links == 0) LoseChanges(link);
    return;
  }
  // The one that had the name before gave it up.
  if (named_before_ != 0 && named_before_ != link) {
    const LinkRecord& other = store_->links[named_before_];
    if (other.Has(kLinkExtra) && other.child != record.child && Unseen(other.stamp)) {
      LoseLink(Lost::kName, named_before_, store_->inodes[other.parent].inode, store_->Name(other));
    }
  }
  // The new name keeps a directory that was removed.
  const uint32_t held_up = tree_->HeldUpLink(record.parent);
  if (held_up != 0 && held_up_before_ == 0 && Unseen(store_->links[held_up].stamp)) {
    const LinkRecord& removed = store_->links[held_up];
    LoseLink(Lost::kLink, held_up, store_->inodes[removed.parent].inode, store_->Name(removed));
  }
  if (const uint32_t cut = tree_->CutOf(record.child); cut != 0 && cut != link) {
    const LinkRecord& moved = store_->links[cut];
    if (Unseen(moved.stamp)) {
      LoseLink(Lost::kLink, cut, store_->inodes[moved.parent].inode, store_->Name(moved));
    }
  }
}

void LossFinder::LoseLink(Lost lost, uint32_t link, Inode from_parent, Bytes from_name) const {
  const LinkRecord& record = store_->links[link];
  Loss loss;
  loss.lost = lost;
  loss.inode = store_->inodes[record.child].inode;
  loss.stamp = record.stamp;
  loss.parts.link = ToLinkId(store_->origins, record.id);
  loss.parts.parent = store_->inodes[record.parent].inode;
  loss.parts.name = store_->Name(record);
  if (record.Has(kLinkRemoved)) {
    const bool is_directory = store_->inodes[record.child].kind == Kind::kDirectory;
    loss.op = is_directory ? Op::Rmdir : Op::Unlink;
  } else {
    loss.op = Op::Rename;
    loss.parts.new_parent = loss.parts.parent;
    loss.parts.new_name = loss.parts.name;
    loss.parts.parent = from_parent;
    loss.parts.name = from_name;
  }
  loss.parent = store_->inodes[record.parent].inode;
  loss.name = store_->Name(record);
  watch_->OnLoss(loss);
}

void LossFinder::LoseChanges(uint32_t link) const {
  const LinkRecord& removed = store_->links[link];
  const InodeRecord& inode = store_->inodes[removed.child];
  uint32_t fields = 0;
  for (int field = 0; field < kFieldCount; field++) {
    const bool asserts = (inode.asserts_links >> field & 1) != 0;
    if (asserts && Unseen(inode.stamps[field])) fields |= 1u << field;
  }
  LoseFields(removed.child, fields, store_->inodes[removed.parent].inode, store_->Name(removed));
  for (uint32_t at = inode.first_xattr; at != 0; at = store_->xattrs[at].next) {
    if (Unseen(store_->xattrs[at].stamp)) LoseXattr(removed.child, store_->xattrs[at]);
  }
}

}  // namespace cfsrepl
