// Inode number -> slot.
#ifndef CFS_REPL_STATE_INODE_INDEX_H_
#define CFS_REPL_STATE_INODE_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/prefetch.h"
#include "base/types.h"
#include "state/records.h"
#include "state/slab.h"

namespace cfsrepl {

// Extendible hashing (Fagin, Nievergelt, Pippenger, Strong: "Extendible hashing", ACM TODS 1979):
// a directory, chosen from by the top bits of the number's hash, of tables that are one huge page
// each and are split when full. So a lookup is one cache line and no page walk, wherever it falls
// (a library's table takes two lines in small pages, and cannot be asked to prefetch), and growth
// moves 200,000 entries at most, in a millisecond or two, however many there are.
//
// A table is open addressed with linear probing. An entry is the slot and 32 bits of the hash:
// growing never touches the records, and a lookup touches almost only the right one.
//
// Threads: const methods may run together when nothing else does.
class InodeIndex {
 public:
  explicit InodeIndex(const Slab<InodeRecord>* records);
  ~InodeIndex();
  InodeIndex(const InodeIndex&) = delete;
  InodeIndex& operator=(const InodeIndex&) = delete;

  // 0 if absent.
  uint32_t Find(Inode inode) const {
    const uint32_t tag = TagOf(inode);
    const Table& table = TableOf(tag);
    for (uint32_t at = tag & table.mask;; at = (at + 1) & table.mask) {
      const Entry entry = table.entries[at];
      if (entry.slot == 0) return 0;
      if (entry.tag == tag && (*records_)[entry.slot].inode == inode) return entry.slot;
    }
  }

  // As Find, but trusts the tag, so once in some hundred lookups among ten million it may be
  // another inode's slot. It does not touch the record, so a caller that only prefetches it need
  // not wait.
  uint32_t FindLikely(Inode inode) const {
    const uint32_t tag = TagOf(inode);
    const Table& table = TableOf(tag);
    for (uint32_t at = tag & table.mask;; at = (at + 1) & table.mask) {
      const Entry entry = table.entries[at];
      if (entry.slot == 0 || entry.tag == tag) return entry.slot;
    }
  }

  // Starts loading what Find will look at first.
  void Prefetch(Inode inode) const {
    const uint32_t tag = TagOf(inode);
    const Table& table = TableOf(tag);
    PrefetchLine(&table.entries[tag & table.mask]);
  }

  // `inode` must be absent; `slot` is not 0.
  void Add(Inode inode, uint32_t slot);
  // `inode` is at `slot`.
  void Remove(Inode inode, uint32_t slot);

  uint64_t memory_bytes() const;

 private:
  struct Entry {
    uint32_t tag;
    uint32_t slot;  // 0: free
  };
  struct Table {
    Entry* entries = nullptr;
    uint32_t mask = 0;   // entries - 1
    uint32_t count = 0;  // in use
    uint32_t depth = 0;  // all its tags agree in so many top bits
  };

  uint32_t TagOf(Inode inode) const { return static_cast<uint32_t>(MixInode(inode ^ seed_) >> 32); }
  const Table& TableOf(uint32_t tag) const {
    return tables_[directory_[static_cast<uint64_t>(tag) >> directory_shift_]];
  }
  static Table NewTable(uint32_t entries, uint32_t depth);
  static void FreeTable(const Table& table);
  static void Put(Table* table, Entry entry);
  static bool IsFull(const Table& table);
  // Moves what `from` holds to a table twice as large.
  void Double(uint32_t number);
  // Halves table `number`: tags with the next bit set go to a new one.
  void Split(uint32_t number);

  const Slab<InodeRecord>* const records_;
  const uint64_t seed_;  // random, so that no peer can choose numbers that collide
  std::vector<Table> tables_;
  std::vector<uint32_t> directory_;  // 2^n numbers of tables
  uint32_t directory_shift_ = 32;    // 32 - n
};

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_INODE_INDEX_H_
