#include "state/digest_tree.h"

#include <algorithm>
#include <numeric>

#include "state/state.h"
#include "state/store.h"
#include "state/visible_tree.h"

namespace cfsrepl {

DigestTree::DigestTree(State* state) : state_(state), leaves_(kDigestLeaves) {
  state->Watch(&changed_);
}

DigestTree::~DigestTree() { state_->Watch(nullptr); }

bool DigestTree::Settle(size_t max_inodes) {
  const Store& store = state_->store();
  const NameIndex& names = state_->tree().names();
  while (hashes_.end() < store.inodes.end()) hashes_.Allocate();
  for (size_t count = 0; count < max_inodes; count++) {
    const uint32_t slot = state_->TakeChanged();
    if (slot == 0) return true;
    const uint64_t hash = HashSlot(store, names, slot, &scratch_);
    leaves_[LeafOf(store.inodes[slot].inode)] += hash - hashes_[slot];
    hashes_[slot] = hash;
  }
  return changed_.count() == 0;
}

StateDigest DigestTree::digest() const {
  const NameIndex& names = state_->tree().names();
  return {std::accumulate(leaves_.begin(), leaves_.end(), uint64_t{0}), names.live_inodes() + 1,
          names.visible_names()};
}

DigestSums DigestTree::NodeSums() const {
  DigestSums sums{};
  for (size_t leaf = 0; leaf < kDigestLeaves; leaf++) sums[leaf / kDigestFanOut] += leaves_[leaf];
  return sums;
}

DigestSums DigestTree::LeafSums(uint8_t node) const {
  DigestSums sums;
  std::copy_n(leaves_.begin() + node * kDigestFanOut, kDigestFanOut, sums.begin());
  return sums;
}

bool DigestTree::List(const LeafSet& leaves, size_t max_slots, size_t max_listed, uint32_t* slot,
                      std::vector<InodeHash>* out) const {
  const Store& store = state_->store();
  const NameIndex& names = state_->tree().names();
  const uint32_t end = store.inodes.end();
  const auto stop = static_cast<uint32_t>(std::min<uint64_t>(end, uint64_t{*slot} + max_slots));
  Buffer scratch;
  for (; *slot < stop && out->size() < max_listed; ++*slot) {
    const Inode inode = store.inodes[*slot].inode;
    if (!leaves[LeafOf(inode)]) continue;
    const bool settled = *slot < hashes_.end() && !changed_.Has(*slot);
    const uint64_t hash = settled ? hashes_[*slot] : HashSlot(store, names, *slot, &scratch);
    if (hash != 0) out->push_back({inode, hash});
  }
  return *slot >= end;
}

uint64_t DigestTree::memory_bytes() const {
  return hashes_.memory_bytes() + changed_.memory_bytes() + leaves_.size() * sizeof(uint64_t);
}

}  // namespace cfsrepl
