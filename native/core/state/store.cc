#include "state/store.h"

#include <algorithm>
#include <cstring>

namespace cfsrepl {
namespace {

constexpr int kListedLinksMax = 8;  // an inode with more has its links in a hash set
constexpr uint16_t kRootMode = 0755;

bool SameBytes(Bytes a, Bytes b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace

Store::Store()
    : index_(&inodes),
      asserted_(CountingAllocator<std::pair<const uint32_t, PackedStamp>>(&asserted_bytes_)),
      many_links_(0, LinkHash{&links}, LinkEqual{&links},
                  CountingAllocator<uint32_t>(&many_links_bytes_)) {
  InodeRecord& root = inodes[FindOrAddInode(kRootInode)];
  root.kind = Kind::kDirectory;
  root.mode = kRootMode;
}

uint32_t Store::FindOrAddInode(Inode inode) {
  uint32_t slot = index_.Find(inode);
  if (slot != 0) [[likely]]
    return slot;
  slot = inodes.Allocate();
  inodes[slot].inode = inode;
  index_.Add(inode, slot);
  return slot;
}

uint32_t Store::FindLink(uint32_t child, PackedSource id) const {
  const InodeRecord& inode = inodes[child];
  if (inode.many_links) {
    auto it = many_links_.find(LinkKey{child, id});
    return it == many_links_.end() ? 0 : *it;
  }
  uint32_t link = inode.first_link;
  while (link != 0 && links[link].id != id) link = links[link].next;
  return link;
}

uint32_t Store::AddLink(uint32_t child, PackedSource id) {
  uint32_t slot = links.Allocate();
  InodeRecord& inode = inodes[child];
  LinkRecord& link = links[slot];
  link.id = id;
  link.child = child;
  link.next = inode.first_link;
  inode.first_link = slot;
  if (inode.many_links) {
    many_links_.insert(slot);
    return slot;
  }
  int count = 0;
  for (uint32_t other = slot; other != 0; other = links[other].next) count++;
  if (count > kListedLinksMax) {
    inode.many_links = 1;
    for (uint32_t other = slot; other != 0; other = links[other].next) many_links_.insert(other);
  }
  return slot;
}

void Store::SetParent(LinkRecord* link, uint32_t parent) {
  if (link->parent == parent) return;
  if (link->parent != 0) DirectoryOf(link->parent).links--;
  link->parent = parent;
  DirectoryOf(parent).links++;
}

void Store::RemoveInode(uint32_t slot) {
  InodeRecord& inode = inodes[slot];
  while (inode.first_link != 0) RemoveLink(slot, inode.first_link);
  while (inode.first_xattr != 0) RemoveXattr(slot, inode.first_xattr);
  if (inode.kind == Kind::kSymlink) blobs.Remove(inode.special);
  if (inode.asserted_apart) asserted_.erase(slot);
  if (inode.directory != 0) directories.Free(inode.directory);
  index_.Remove(inode.inode, slot);
  inodes.Free(slot);
}

// `link` is the first of the inode's.
void Store::RemoveLink(uint32_t child, uint32_t link) {
  InodeRecord& inode = inodes[child];
  LinkRecord& record = links[link];
  if (inode.many_links) many_links_.erase(link);
  inode.first_link = record.next;
  if (record.parent != 0) DirectoryOf(record.parent).links--;
  SetName(&record, {});
  links.Free(link);
}

void Store::RemoveXattr(uint32_t inode, uint32_t xattr) {
  uint32_t* place = &inodes[inode].first_xattr;
  while (*place != xattr) place = &xattrs[*place].next;
  *place = xattrs[xattr].next;
  blobs.Remove(xattrs[xattr].key);
  blobs.Remove(xattrs[xattr].value);
  xattrs.Free(xattr);
}

uint32_t Store::FindXattr(uint32_t inode, Bytes key) const {
  uint32_t xattr = inodes[inode].first_xattr;
  while (xattr != 0 && !SameBytes(blobs.Get(xattrs[xattr].key), key)) xattr = xattrs[xattr].next;
  return xattr;
}

uint32_t Store::AddXattr(uint32_t inode, Bytes key) {
  uint32_t slot = xattrs.Allocate();
  XattrRecord& xattr = xattrs[slot];
  xattr.key = blobs.Add(key);
  xattr.next = inodes[inode].first_xattr;
  inodes[inode].first_xattr = slot;
  return slot;
}

Bytes Store::Name(const LinkRecord& link) const {
  if (link.name_bytes <= sizeof(link.name)) [[likely]]
    return Bytes(link.name, link.name_bytes);
  uint32_t ref;
  std::memcpy(&ref, link.name, sizeof(ref));
  return blobs.Get(ref);
}

void Store::SetName(LinkRecord* link, Bytes name) {
  if (SameBytes(Name(*link), name)) return;
  if (link->name_bytes > sizeof(link->name)) {
    uint32_t ref;
    std::memcpy(&ref, link->name, sizeof(ref));
    blobs.Remove(ref);
  }
  link->name_bytes = static_cast<uint8_t>(name.size());
  if (name.size() <= sizeof(link->name)) {
    std::copy(name.begin(), name.end(), link->name);
    return;
  }
  uint32_t ref = blobs.Add(name);
  std::memcpy(link->name, &ref, sizeof(ref));
}

void Store::SetBlob(uint32_t* ref, Bytes bytes) {
  uint32_t old = *ref;
  *ref = blobs.Add(bytes);
  blobs.Remove(old);
}

DirectoryRecord& Store::DirectoryOf(uint32_t inode) {
  uint32_t& slot = inodes[inode].directory;
  if (slot == 0) slot = directories.Allocate();
  return directories[slot];
}

PackedStamp Store::GreatestAssert(uint32_t slot) const {
  const PackedStamp held = HeldAssert(slot);
  if (!inodes[slot].asserted_apart) [[likely]]
    return held;
  const PackedStamp apart = AssertedApart(slot);
  return origins.Newer(apart, held) ? apart : held;
}

PackedStamp Store::HeldAssert(uint32_t slot) const {
  const InodeRecord& inode = inodes[slot];
  PackedStamp greatest = inode.birth;
  for (int i = 0; i < kFieldCount; i++) {
    if ((inode.asserts_links >> i & 1) != 0 && origins.Newer(inode.stamps[i], greatest)) {
      greatest = inode.stamps[i];
    }
  }
  return greatest;
}

PackedStamp Store::AssertedApart(uint32_t slot) const {
  return inodes[slot].asserted_apart ? asserted_.find(slot)->second : PackedStamp{};
}

void Store::KeepAssert(uint32_t slot, const PackedStamp& stamp) {
  inodes[slot].asserted_apart = 1;
  PackedStamp& kept = asserted_[slot];
  if (origins.Newer(stamp, kept)) kept = stamp;
}

std::strong_ordering Store::CompareLinks(uint32_t a, uint32_t b) const {
  const LinkRecord& link_a = links[a];
  const LinkRecord& link_b = links[b];
  if (auto order = origins.Compare(link_a.stamp, link_b.stamp); order != 0) return order;
  if (auto order = link_b.Has(kLinkRemoved) <=> link_a.Has(kLinkRemoved); order != 0) return order;
  if (auto order = inodes[link_a.child].inode <=> inodes[link_b.child].inode; order != 0) {
    return order;
  }
  return origins.Compare(link_a.id, link_b.id);
}

uint64_t Store::memory_bytes() const {
  return inodes.memory_bytes() + links.memory_bytes() + xattrs.memory_bytes() +
         directories.memory_bytes() + blobs.memory_bytes() + index_.memory_bytes() +
         asserted_bytes_ + many_links_bytes_;
}

}  // namespace cfsrepl
