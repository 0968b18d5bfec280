// DigestTree: the digest of a State, kept current, with the partial sums that lead to what differs.
//
// A merge only marks the inodes that it touches, which costs it about a nanosecond. Settling hashes
// the marked ones anew and moves their leaves by the difference, so an inode that is written a
// thousand times between two questions is hashed once.
//
// A leaf is the sum of the inodes whose numbers, mixed, start with its 16 bits: the same inodes at
// every site. Node n of the level above has the leaves 256 n to 256 n + 255, and all 256 nodes
// together are the digest. An inode keeps 8 bytes here: its hash as of when it was settled.
#ifndef CFS_REPL_STATE_DIGEST_TREE_H_
#define CFS_REPL_STATE_DIGEST_TREE_H_

#include <array>
#include <bitset>
#include <vector>

#include "base/buffer.h"
#include "state/changed_slots.h"
#include "state/digest.h"
#include "state/slab.h"

namespace cfsrepl {

inline constexpr size_t kDigestFanOut = 256;
inline constexpr size_t kDigestLeaves = kDigestFanOut * kDigestFanOut;

inline uint16_t LeafOf(Inode inode) { return static_cast<uint16_t>(MixInode(inode) >> 48); }

using DigestSums = std::array<uint64_t, kDigestFanOut>;
using LeafSet = std::bitset<kDigestLeaves>;

struct InodeHash {
  Inode inode = 0;
  uint64_t hash = 0;
  bool operator==(const InodeHash&) const = default;
};

// Whoever may change the State may settle; const methods may run together when nothing else does.
class DigestTree {
 public:
  // Watches `state`, which outlives it and has no other watcher.
  explicit DigestTree(State* state);
  ~DigestTree();
  DigestTree(const DigestTree&) = delete;
  DigestTree& operator=(const DigestTree&) = delete;

  // Inodes that changed since they were settled.
  uint64_t unsettled() const { return changed_.count(); }
  // Settles up to `max_inodes` of them. True when none is left.
  bool Settle(size_t max_inodes);

  // These are of the State as it is if all is settled, else partly of what it was before.
  StateDigest digest() const;
  DigestSums NodeSums() const;
  DigestSums LeafSums(uint8_t node) const;

  // Appends the live inodes of `leaves` to *out, settled or not, in the order of slots from *slot
  // on (at first 1): looks at up to `max_slots` of them, and stops when *out holds `max_listed`.
  // True when there are no more.
  bool List(const LeafSet& leaves, size_t max_slots, size_t max_listed, uint32_t* slot,
            std::vector<InodeHash>* out) const;

  uint64_t memory_bytes() const;

 private:
  // 262,144 in a chunk: one huge page.
  using Hashes = Slab<uint64_t, 18>;

  State* const state_;
  ChangedSlots changed_;
  Hashes hashes_;  // by the slot of the inode; 0: it is not live
  std::vector<uint64_t> leaves_;
  Buffer scratch_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_DIGEST_TREE_H_
