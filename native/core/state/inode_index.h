// Inode number -> slot.
#ifndef CFS_REPL_STATE_INODE_INDEX_H_
#define CFS_REPL_STATE_INODE_INDEX_H_

#include <boost/unordered/unordered_flat_set.hpp>
#include <vector>

#include "base/types.h"
#include "state/counting_allocator.h"
#include "state/records.h"
#include "state/slab.h"

namespace cfsrepl {

// 256 flat sets chosen by the top bits of the number's hash, so that growth moves a 256th of the
// entries at a time (at 10 million inodes well under a millisecond). An entry is the slot and 32
// bits of the hash: growing never touches the records, and a lookup touches almost only the right
// one.
class InodeIndex {
 public:
  explicit InodeIndex(const Slab<InodeRecord>* records) {
    for (int i = 0; i < kSetCount; i++) {
      sets_.emplace_back(0, Hash{}, Equal{records}, CountingAllocator<Entry>(&memory_bytes_));
    }
  }
  InodeIndex(const InodeIndex&) = delete;
  InodeIndex& operator=(const InodeIndex&) = delete;

  // 0 if absent.
  uint32_t Find(Inode inode) const {
    uint64_t hash = MixInode(inode);
    const Set& set = sets_[hash >> kSetShift];
    auto it = set.find(Key{static_cast<uint32_t>(hash), inode});
    return it == set.end() ? 0 : it->slot;
  }

  // As Find, but trusts the hash: once in 2^32 another inode's slot. It does not touch the record,
  // so a caller that only prefetches it need not wait for it.
  uint32_t FindLikely(Inode inode) const {
    uint64_t hash = MixInode(inode);
    const Set& set = sets_[hash >> kSetShift];
    auto it = set.find(Tag{static_cast<uint32_t>(hash)});
    return it == set.end() ? 0 : it->slot;
  }

  // `inode` must be absent.
  void Add(Inode inode, uint32_t slot) {
    uint64_t hash = MixInode(inode);
    sets_[hash >> kSetShift].insert(Entry{static_cast<uint32_t>(hash), slot});
  }

  uint64_t memory_bytes() const { return memory_bytes_ + sets_.capacity() * sizeof(Set); }

 private:
  struct Entry {
    uint32_t tag;
    uint32_t slot;
  };
  struct Key {
    uint32_t tag;
    Inode inode;
  };
  struct Tag {
    uint32_t tag;
  };
  struct Hash {
    using is_transparent = void;
    using is_avalanching = void;  // MixInode has mixed; the product spreads 32 bits over 64
    size_t operator()(const Entry& entry) const { return entry.tag * 0x9e3779b97f4a7c15ull; }
    size_t operator()(const Key& key) const { return key.tag * 0x9e3779b97f4a7c15ull; }
    size_t operator()(const Tag& tag) const { return tag.tag * 0x9e3779b97f4a7c15ull; }
  };
  struct Equal {
    using is_transparent = void;
    const Slab<InodeRecord>* records;
    bool operator()(const Entry& a, const Entry& b) const { return a.slot == b.slot; }
    bool operator()(const Key& key, const Entry& entry) const {
      return key.tag == entry.tag && (*records)[entry.slot].inode == key.inode;
    }
    bool operator()(const Entry& entry, const Key& key) const { return (*this)(key, entry); }
    bool operator()(const Tag& tag, const Entry& entry) const { return tag.tag == entry.tag; }
    bool operator()(const Entry& entry, const Tag& tag) const { return tag.tag == entry.tag; }
  };
  using Set = boost::unordered_flat_set<Entry, Hash, Equal, CountingAllocator<Entry>>;

  static constexpr int kSetCount = 256;
  static constexpr int kSetShift = 56;

  uint64_t memory_bytes_ = 0;
  std::vector<Set> sets_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_INODE_INDEX_H_
