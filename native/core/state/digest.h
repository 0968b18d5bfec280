// A digest of live state: equal on two sites if and only if they show the same tree with the same
// stamps. It is a sum, so it does not depend on any order, and a tree of partial sums by inode can
// be kept from the same per-inode hashes.
#ifndef CFS_REPL_STATE_DIGEST_H_
#define CFS_REPL_STATE_DIGEST_H_

#include <cstddef>
#include <cstdint>

#include "base/types.h"

namespace cfsrepl {

class State;

struct Hash128 {
  uint64_t hi = 0;
  uint64_t lo = 0;
  bool operator==(const Hash128&) const = default;
  // Addition modulo 2^128.
  Hash128& operator+=(const Hash128& other);
};

struct StateDigest {
  Hash128 sum;
  uint64_t inodes = 0;  // live, the root included
  uint64_t names = 0;   // visible
  bool operator==(const StateDigest&) const = default;
};

// XXH3-128 of what a live inode shows: registers with stamps and real origins, visible names,
// xattrs that are set. Zero for an inode with no visible name: tombstones are not live state.
Hash128 HashInode(const State& state, Inode inode);

// Sums all live inodes, some at a time. The state must not change between the steps if the result
// is to be of one moment. Borrows the state.
class DigestScan {
 public:
  explicit DigestScan(const State& state) : state_(state) {}
  // True when done.
  bool Step(size_t max_inodes);
  const StateDigest& digest() const { return digest_; }

 private:
  const State& state_;
  uint32_t next_slot_ = 1;
  StateDigest digest_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_DIGEST_H_
