// A digest of live state: equal on two sites that show the same tree with the same stamps, and
// different on two that do not. It is a sum of hashes of inodes, so it does not depend on any
// order; digest_tree.h keeps it, and partial sums of it, current.
//
// Two states that differ by accident have the same sum once in 2^64. Sums can be made to collide on
// purpose, but the sites of a cluster write each other's state anyway: there is nobody to fool.
#ifndef CFS_REPL_STATE_DIGEST_H_
#define CFS_REPL_STATE_DIGEST_H_

#include <cstddef>
#include <cstdint>

#include "base/types.h"

namespace cfsrepl {

class Buffer;
class NameIndex;
class State;
class Store;

struct StateDigest {
  uint64_t sum = 0;     // of the hashes of live inodes, modulo 2^64
  uint64_t inodes = 0;  // live, the root included
  uint64_t names = 0;   // visible
  bool operator==(const StateDigest&) const = default;
};

// XXH3-64 of what a live inode shows: registers with stamps and real origins, visible names,
// xattrs that are set. Zero for an inode with no visible name, and for nothing else: tombstones are
// not live state.
uint64_t HashInode(const State& state, Inode inode);
// The same by slot. `scratch` is reused.
uint64_t HashSlot(const Store& store, const NameIndex& names, uint32_t slot, Buffer* scratch);

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
