#include "state/digest.h"

#include <algorithm>
#include <vector>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/buffer.h"
#include "state/state.h"
#include "state/store.h"
#include "state/visible_tree.h"

namespace cfsrepl {
namespace {

// What is hashed, in front of the strings. Local origin indices never enter.
struct HashedStamp {
  Hlc hlc;
  uint64_t incarnation;
  uint64_t site_and_lsn;
};
struct HashedInode {
  Inode inode;
  uint32_t kind;
  uint32_t rdev;
  uint32_t mode;
  uint32_t asserts_links;
  uint32_t uid;
  uint32_t gid;
  uint32_t file_flags;
  uint32_t project;
  uint64_t size;
  uint64_t extent_ref;
  int64_t atime_ns;
  int64_t mtime_ns;
  HashedStamp birth;
  HashedStamp stamps[kFieldCount];
  uint64_t target_bytes;
};
struct HashedLink {
  Inode parent;
  uint64_t id_incarnation;
  uint64_t id_site_and_lsn;
  HashedStamp stamp;
  uint32_t removed;
  uint32_t name_bytes;
};
struct HashedXattr {
  HashedStamp stamp;
  uint32_t key_bytes;
  uint32_t value_bytes;
};
static_assert(sizeof(HashedInode) == 248 && sizeof(HashedLink) == 56 && sizeof(HashedXattr) == 32);

uint64_t SiteAndLsn(const OriginTable& origins, PackedSource source) {
  return (uint64_t{origins.Get(source.origin()).site} << 48) | source.lsn();
}

HashedStamp Portable(const OriginTable& origins, const PackedStamp& stamp) {
  return {stamp.hlc, origins.Get(stamp.source.origin()).incarnation,
          SiteAndLsn(origins, stamp.source)};
}

template <typename T>
void Put(const T& value, Buffer* out) {
  out->Append(Bytes(reinterpret_cast<const uint8_t*>(&value), sizeof(value)));
}

void PutInode(const Store& store, uint32_t slot, Buffer* out) {
  const InodeRecord& record = store.inodes[slot];
  HashedInode hashed{};
  hashed.inode = record.inode;
  hashed.kind = static_cast<uint32_t>(record.kind);
  hashed.rdev = store.Rdev(record);
  hashed.mode = record.mode;
  hashed.asserts_links = record.asserts_links;
  hashed.uid = record.uid;
  hashed.gid = record.gid;
  hashed.file_flags = record.file_flags;
  hashed.project = record.project;
  hashed.size = record.size;
  hashed.extent_ref = record.extent_ref;
  hashed.atime_ns = record.atime_ns;
  hashed.mtime_ns = record.mtime_ns;
  hashed.birth = Portable(store.origins, record.birth);
  for (int i = 0; i < kFieldCount; i++) {
    hashed.stamps[i] = Portable(store.origins, record.stamps[i]);
  }
  Bytes target = store.Target(record);
  hashed.target_bytes = target.size();
  Put(hashed, out);
  out->Append(target);
  if (!record.asserted_apart) [[likely]]
    return;
  // Where it lies apart depends on the order of merging; that it is the greatest does not.
  const PackedStamp apart = store.AssertedApart(slot);
  if (store.origins.Newer(apart, store.HeldAssert(slot))) Put(Portable(store.origins, apart), out);
}

// In an order that is the same everywhere: LinkIds are unique within an inode.
void PutLinks(const Store& store, const NameIndex& names, const InodeRecord& record, Buffer* out) {
  std::vector<uint32_t> many;
  uint32_t one[1];
  std::span<uint32_t> shown;
  if (record.shown_links == 1) {  // nearly always
    uint32_t link = record.first_link;
    while (!store.links[link].Has(kLinkShown)) link = store.links[link].next;
    one[0] = link;
    shown = one;
  } else {
    for (uint32_t link = record.first_link; link != 0; link = store.links[link].next) {
      if (store.links[link].Has(kLinkShown)) many.push_back(link);
    }
    std::sort(many.begin(), many.end(), [&](uint32_t a, uint32_t b) {
      return store.origins.Compare(store.links[a].id, store.links[b].id) < 0;
    });
    shown = many;
  }
  for (uint32_t link : shown) {
    const LinkRecord& at = store.links[link];
    Bytes name = names.VisibleName(link);
    HashedLink hashed{store.inodes[names.EffectiveParent(at)].inode,
                      store.origins.Get(at.id.origin()).incarnation,
                      SiteAndLsn(store.origins, at.id),
                      Portable(store.origins, at.stamp),
                      at.Has(kLinkRemoved),
                      static_cast<uint32_t>(name.size())};
    Put(hashed, out);
    out->Append(name);
  }
}

void PutXattrs(const Store& store, const InodeRecord& record, Buffer* out) {
  if (record.first_xattr == 0) return;
  std::vector<const XattrRecord*> set;
  for (uint32_t xattr = record.first_xattr; xattr != 0; xattr = store.xattrs[xattr].next) {
    if (!store.xattrs[xattr].removed) set.push_back(&store.xattrs[xattr]);
  }
  std::sort(set.begin(), set.end(), [&](const XattrRecord* a, const XattrRecord* b) {
    return std::ranges::lexicographical_compare(store.blobs.Get(a->key), store.blobs.Get(b->key));
  });
  for (const XattrRecord* xattr : set) {
    Bytes key = store.blobs.Get(xattr->key);
    Bytes value = store.blobs.Get(xattr->value);
    Put(HashedXattr{Portable(store.origins, xattr->stamp), static_cast<uint32_t>(key.size()),
                    static_cast<uint32_t>(value.size())},
        out);
    out->Append(key);
    out->Append(value);
  }
}

bool IsLive(const InodeRecord& record) {
  return record.shown_links > 0 || record.inode == kRootInode;
}

}  // namespace

uint64_t HashSlot(const Store& store, const NameIndex& names, uint32_t slot, Buffer* scratch) {
  const InodeRecord& record = store.inodes[slot];
  if (!IsLive(record)) return 0;
  scratch->Clear();
  PutInode(store, slot, scratch);
  if (record.shown_links > 0) PutLinks(store, names, record, scratch);
  PutXattrs(store, record, scratch);
  return std::max<uint64_t>(XXH3_64bits(scratch->data(), scratch->size()), 1);
}

uint64_t HashInode(const State& state, Inode inode) {
  uint32_t slot = state.store().FindInode(inode);
  if (slot == 0) return 0;
  Buffer scratch;
  return HashSlot(state.store(), state.tree().names(), slot, &scratch);
}

bool DigestScan::Step(size_t max_inodes) {
  const Store& store = state_.store();
  const NameIndex& names = state_.tree().names();
  Buffer scratch;
  for (size_t count = 0; count < max_inodes && next_slot_ < store.inodes.end(); count++) {
    uint32_t slot = next_slot_++;
    if (!IsLive(store.inodes[slot])) continue;
    digest_.sum += HashSlot(store, names, slot, &scratch);
    digest_.inodes++;
    digest_.names += store.inodes[slot].shown_links;
  }
  return next_slot_ >= store.inodes.end();
}

}  // namespace cfsrepl
