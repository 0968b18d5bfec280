// Admission of what an operator decides about a conflict.
#include <algorithm>
#include <string>

#include "base/bytes.h"
#include "engine/admission.h"

namespace cfsrepl {
namespace {

Result<EntryPayload> PartsOf(const ConflictSide& side, Inode inode) {
  const EntryHeader header(side.stamp.lsn, 0, inode, 0, 0,
                           static_cast<uint32_t>(side.payload.size()), 0, 0, side.stamp.origin.site,
                           static_cast<uint8_t>(side.op), kEntrySchemaVersion, 0, 0, 0);
  return DecodePayload(header, side.payload);
}

}  // namespace

// Acknowledges a conflict, having made the loser's change again if that is wanted.
Status Admission::AdmitSettling(const OpView& op, Inode* inode) {
  ByteReader reader(op.name);
  const auto stored = reader.Get<schema::LinkId>();
  const auto how = static_cast<Settled>(op.record.attributes.mode());
  if (!reader.finished() || (how != Settled::kAcknowledged && how != Settled::kRestored)) {
    return Status(Code::kInvalidArgument,
                  "expected the id of a conflict, and whether it is to be restored");
  }
  const LinkId id{{stored.site(), stored.incarnation()}, stored.lsn()};
  const auto record = state_->ledger().Find(id);
  if (record == state_->ledger().end()) return NoConflict(id);
  const Conflict conflict = record->second.conflict();
  *inode = conflict.loser_inode;
  if (how == Settled::kRestored) CFS_RETURN_IF_ERROR(AddRestored(op, conflict));
  std::vector<uint8_t> ack;
  EncodeConflictAck({record->first.id, how}, &ack);
  AddRaw(op, Op::Conflictack, kRootInode, 0, ack);
  return Status::Ok();
}

// The loser's entry is the same but for its stamp, whatever the tree looks like now. What it needs
// and is gone, its inode or a directory, is made again first, in full: other sites may
// have forgotten it already.
Status Admission::AddRestored(const OpView& op, const Conflict& conflict) {
  const ConflictSide& loser = conflict.loser;
  const Inode inode = conflict.loser_inode;
  const bool is_gone = inode != kRootInode && !state_->PathOf(inode).ok();
  Result<EntryPayload> parts = PartsOf(loser, inode);
  if (!parts.ok()) return parts.status();
  // The entry will be one of this site's, and so in its ids.
  if ((parts->attributes.mask() & kFieldOwner) != 0) {
    const Owner owner{parts->attributes.uid(), parts->attributes.gid()};
    parts->attributes =
        WithOwner(parts->attributes, id_maps_->Get()->Local(loser.stamp.origin.site, owner));
  }
  if (loser.op == Op::Unlink || loser.op == Op::Rmdir) {
    if (!is_gone) AddRaw(op, loser.op, inode, 0, loser.payload);
    return Status::Ok();
  }
  if (conflict.lost == Lost::kExistence) {
    Result<Inode> parent = AddRevivedDirectory(op, parts->parent);
    if (!parent.ok()) return parent.status();
    parts->parent = parent.value();
    if (is_gone) return AddRebirth(op, loser.op, inode, parts.value());
    Add(op, loser.op, inode, kEntryAssertsLinks, parts.value());
    return Status::Ok();
  }
  if (loser.op == Op::Rename) {
    if (is_gone) return AddRevival(op, inode, {parts->new_parent, parts->new_name});
    Result<Inode> parent = AddRevivedDirectory(op, parts->new_parent);
    if (!parent.ok()) return parent.status();
    parts->new_parent = parent.value();
    Add(op, Op::Rename, inode, 0, parts.value());
    return Status::Ok();
  }
  if (is_gone) {
    const auto names = state_->NamesEver(inode);
    if (names.empty()) {
      return Status(Code::kNotFound,
                    "inode " + std::to_string(inode) + " was removed, and has been forgotten");
    }
    CFS_RETURN_IF_ERROR(AddRevival(op, inode, {names.back().parent, AsBytes(names.back().name)}));
  }
  ChangeTarget target;
  const bool known = state_->GetChangeTarget(inode, &target);
  const bool asserts = loser.asserts_links && known && !target.has_removed_link;
  Add(op, loser.op, inode, asserts ? uint16_t{kEntryAssertsLinks} : uint16_t{0}, parts.value());
  return Status::Ok();
}

// An inode that is gone, as it was, under a new link.
Status Admission::AddRevival(const OpView& op, Inode inode, const Place& place) {
  Result<InodeView> view = state_->GetInode(inode);
  if (!view.ok()) return view.status();
  Result<Inode> parent = AddRevivedDirectory(op, place.parent);
  if (!parent.ok()) return parent.status();
  const InodeAttributes& now = view->attributes;
  const Owner owner = id_maps_->Get()->Local(now.owner_site, {now.uid, now.gid});
  EntryPayload parts;
  parts.attributes =
      Attributes(kFieldsAll, now.mode, owner.uid, owner.gid, now.size, now.extent_ref, now.atime_ns,
                 now.mtime_ns, now.rdev, now.file_flags, now.project, 0);
  parts.target = AsBytes(view->target);
  parts.parent = parent.value();
  parts.name = place.name;
  return AddRebirth(op, BirthOpOf(now.kind), inode, parts);
}

// Writes every register that the inode has, so that a site which has forgotten it and one which has
// not end in the same. Its old links are removed once more: the new birth asserts them.
Status Admission::AddRebirth(const OpView& op, Op birth, Inode inode, const EntryPayload& parts) {
  Result<InodeView> view = state_->GetInode(inode);
  if (!view.ok()) return view.status();
  Add(op, birth, inode, kEntryAssertsLinks, parts);
  for (const NamedValue& xattr : view->xattrs) {
    EntryPayload set;
    set.key = AsBytes(xattr.key);
    set.value = AsBytes(xattr.value);
    Add(op, Op::Setxattr, inode, 0, set);
  }
  const Op removal = birth == Op::Mkdir ? Op::Rmdir : Op::Unlink;
  for (const State::NameRegister& name : state_->NamesEver(inode)) {
    AddRemoval(op, removal, inode, {name.parent, AsBytes(name.name)}, name.link);
  }
  return Status::Ok();
}

// `directory`, if need be made again where it was last; the root if nothing is known of it any
// more.
Result<Inode> Admission::AddRevivedDirectory(const OpView& op, Inode directory) {
  if (directory == kRootInode || state_->PathOf(directory).ok()) return directory;
  InodeAttributes attributes;
  const auto names = state_->NamesEver(directory);
  const bool is_above_itself =
      std::find(reviving_.begin(), reviving_.end(), directory) != reviving_.end();
  if (is_above_itself || names.empty() || !state_->GetAttributes(directory, &attributes) ||
      attributes.kind != Kind::kDirectory) {
    return kRootInode;
  }
  reviving_.push_back(directory);
  const Status added = AddRevival(op, directory, {names.back().parent, AsBytes(names.back().name)});
  reviving_.pop_back();
  if (!added.ok()) return added;
  return directory;
}

void Admission::AddRaw(const OpView& op, Op kind, Inode inode, uint16_t flags, Bytes bytes) {
  AddDraft(op, kind, inode, flags).assign(bytes.begin(), bytes.end());
  drafts_.back().payload = payloads_[drafts_.size() - 1];
}

}  // namespace cfsrepl
