// Store: where the registers lie, and how to find them. It knows nothing of visibility.
//
// Registers, each the value with the greatest stamp that any merged entry gave it:
//   existence  of an inode: kind, rdev, symlink target (written by create, mkdir, symlink)
//   fields     of an inode: mode | owner | size and extent_ref | atime | mtime | flags and project
//   xattr      (inode, key): a value, or removed
//   asserted   of an inode: the greatest stamp with which a writer said that its links live. Most
//   of
//              the time the existence register or a field that such a writer wrote has it.
//   link       (inode, LinkId): parent, name and whether removed, under one stamp. create, mkdir,
//              symlink and link write it, rename writes it with the new name, unlink and rmdir
//              write it as removed, and so does a rename onto it.
// Entries come in any order, so an inode may be known by its number long before it is created.
#ifndef CFS_REPL_STATE_STORE_H_
#define CFS_REPL_STATE_STORE_H_

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "base/prefetch.h"
#include "state/blob_arena.h"
#include "state/changed_slots.h"
#include "state/counting_allocator.h"
#include "state/inode_index.h"
#include "state/origin_table.h"
#include "state/records.h"
#include "state/slab.h"

namespace cfsrepl {

inline constexpr uint32_t kRootSlot = 1;

class Store {
 public:
  Store();  // with the root at kRootSlot
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  OriginTable origins;
  Slab<InodeRecord> inodes;
  Slab<LinkRecord> links;
  Slab<XattrRecord> xattrs;
  Slab<DirectoryRecord> directories;
  BlobArena blobs;

  // Told of every inode whose registers, or what shows of it, may have changed; null: nobody.
  ChangedSlots* changed = nullptr;
  // The bit in the record, which is at hand, spares all but the first of many changes the way
  // there. Only while it is set does the watcher still have to look at what is, or was, in the
  // slot.
  void NoteChange(uint32_t slot) {
    InodeRecord& inode = inodes[slot];
    if (inode.changed || changed == nullptr) return;
    inode.changed = 1;
    changed->Mark(slot);
  }
  // One of those it was told of, which it then is not any more; 0 if there is none.
  uint32_t TakeChanged() {
    const uint32_t slot = changed->TakeFirst();
    inodes[slot].changed = 0;
    return slot;
  }

  uint32_t FindInode(Inode inode) const { return index_.Find(inode); }  // 0 if absent
  // Starts loading where the record is to be found.
  void PrefetchIndex(Inode inode) const { index_.Prefetch(inode); }
  // Starts loading the record, if there is one.
  void PrefetchInode(Inode inode) const {
    uint32_t slot = index_.FindLikely(inode);
    if (slot == 0) return;
    const char* record = reinterpret_cast<const char*>(&inodes[slot]);
    for (size_t at = 0; at < sizeof(InodeRecord); at += kCacheLineBytes) {
      PrefetchLine(record + at);
    }
  }
  uint32_t FindOrAddInode(Inode inode);
  // The same, for a caller who often asks for what it asked for last: *recent is that slot, or 0.
  uint32_t FindOrAddInode(Inode inode, uint32_t* recent) {
    if (*recent == 0 || inodes[*recent].inode != inode) *recent = FindOrAddInode(inode);
    return *recent;
  }

  uint32_t FindLink(uint32_t child, PackedSource id) const;  // 0 if absent
  // A link with a zero stamp, no parent and no name; `id` must be absent from `child`.
  uint32_t AddLink(uint32_t child, PackedSource id);

  // The directory that the link names, by slot.
  void SetParent(LinkRecord* link, uint32_t parent);

  // Forgets an inode with its links and xattrs. None of the links lives, and no link names it as
  // its parent; it is not the root.
  void RemoveInode(uint32_t slot);
  // Forgets an xattr of `inode`.
  void RemoveXattr(uint32_t inode, uint32_t xattr);

  uint32_t FindXattr(uint32_t inode, Bytes key) const;  // 0 if absent
  uint32_t AddXattr(uint32_t inode, Bytes key);

  Bytes Name(const LinkRecord& link) const;
  void SetName(LinkRecord* link, Bytes name);

  // Replaces the blob behind *ref.
  void SetBlob(uint32_t* ref, Bytes bytes);

  DirectoryRecord& DirectoryOf(uint32_t inode);  // added if absent

  Bytes Target(const InodeRecord& inode) const {
    return inode.kind == Kind::kSymlink ? blobs.Get(inode.special) : Bytes();
  }
  uint32_t Rdev(const InodeRecord& inode) const {
    return inode.kind == Kind::kSymlink ? 0 : inode.special;
  }

  // The asserted register.
  PackedStamp GreatestAssert(uint32_t inode) const;
  // The part of it that birth and fields hold.
  PackedStamp HeldAssert(uint32_t inode) const;
  // The part that lies apart from them; zero if nothing does.
  PackedStamp AssertedApart(uint32_t inode) const;
  // Raises it to `stamp`, which no field may hold.
  void KeepAssert(uint32_t inode, const PackedStamp& stamp);
  // The order by which links win a name and cycles are cut: stamp, then present before removed (one
  // rename writes both), then child, then id.
  std::strong_ordering CompareLinks(uint32_t a, uint32_t b) const;

  uint64_t memory_bytes() const;

 private:
  struct LinkKey {
    uint32_t child;
    PackedSource id;
  };
  struct LinkHash {
    using is_transparent = void;
    const Slab<LinkRecord>* links;
    size_t operator()(const LinkKey& key) const {
      return MixInode(key.id.bits ^ (uint64_t{key.child} << 20));
    }
    size_t operator()(uint32_t slot) const {
      return (*this)(LinkKey{(*links)[slot].child, (*links)[slot].id});
    }
  };
  struct LinkEqual {
    using is_transparent = void;
    const Slab<LinkRecord>* links;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(const LinkKey& key, uint32_t slot) const {
      return (*links)[slot].child == key.child && (*links)[slot].id == key.id;
    }
    bool operator()(uint32_t slot, const LinkKey& key) const { return (*this)(key, slot); }
  };

  void RemoveLink(uint32_t child, uint32_t link);

  InodeIndex index_;
  uint64_t asserted_bytes_ = 0;
  boost::unordered_flat_map<uint32_t, PackedStamp, boost::hash<uint32_t>, std::equal_to<uint32_t>,
                            CountingAllocator<std::pair<const uint32_t, PackedStamp>>>
      asserted_;
  // Links of the inodes that have more than a list should; most inodes have one link.
  uint64_t many_links_bytes_ = 0;
  boost::unordered_flat_set<uint32_t, LinkHash, LinkEqual, CountingAllocator<uint32_t>> many_links_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_STORE_H_
