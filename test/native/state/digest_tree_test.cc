// The digest that is kept current is at every step the one that a look at everything gives.
#include "state/digest_tree.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "base/buffer.h"
#include "state/checkpoint.h"
#include "state/wild_history.h"

namespace cfsrepl {
namespace {

LeafSet AllLeaves() { return LeafSet().set(); }

std::vector<InodeHash> ListOf(const DigestTree& tree, const LeafSet& leaves) {
  std::vector<InodeHash> listed;
  for (uint32_t slot = 1; !tree.List(leaves, 3, SIZE_MAX, &slot, &listed);) {
  }
  std::sort(listed.begin(), listed.end(),
            [](const InodeHash& a, const InodeHash& b) { return a.inode < b.inode; });
  return listed;
}

// Sums of sums and lists of hashes, each from the level below it.
void ExpectConsistent(const DigestTree& tree) {
  const DigestSums nodes = tree.NodeSums();
  uint64_t sum = 0;
  std::vector<uint64_t> leaves;
  for (size_t node = 0; node < kDigestFanOut; node++) {
    uint64_t of_leaves = 0;
    for (uint64_t leaf : tree.LeafSums(static_cast<uint8_t>(node))) {
      of_leaves += leaf;
      leaves.push_back(leaf);
    }
    ASSERT_EQ(of_leaves, nodes[node]) << "node " << node;
    sum += of_leaves;
  }
  ASSERT_EQ(sum, tree.digest().sum);
  for (const InodeHash& listed : ListOf(tree, AllLeaves())) {
    leaves[LeafOf(listed.inode)] -= listed.hash;
  }
  ASSERT_EQ(leaves, std::vector<uint64_t>(kDigestLeaves));
}

TEST(DigestTreeTest, IsWhatARescanGivesAfterEveryEntryOfRandomHistories) {
  const uint64_t base_seed = std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(base_seed));
  for (uint64_t seed = base_seed; seed < base_seed + 1500; seed++) {
    WildHistory history(seed);
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + Describe(history.entries()));
    State state;
    DigestTree tree(&state);
    for (const TestEntry& entry : history.entries()) {
      Merge(&state, entry);
      // Not always: marks add up.
      if (history.random()() % 3 == 0) continue;
      while (!tree.Settle(1 + history.random()() % 3)) {
      }
      ASSERT_EQ(tree.digest(), DigestOf(state));
    }
    ASSERT_EQ(ListOf(tree, AllLeaves()).size(), DigestOf(state).inodes) << "before it is settled";
    tree.Settle(SIZE_MAX);
    ASSERT_EQ(tree.digest(), DigestOf(state));
    if (seed % 100 == 0) ExpectConsistent(tree);
  }
}

// Checkpoints, bootstrap and repair bring registers, not entries.
TEST(DigestTreeTest, SeesRegistersThatComeInChunks) {
  const uint64_t base_seed = std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(base_seed));
  for (uint64_t seed = base_seed; seed < base_seed + 300; seed++) {
    WildHistory history(seed);
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + Describe(history.entries()));
    State source;
    Merge(&source, history.entries());
    WildHistory other(~seed);
    State state;
    Merge(&state, other.entries());
    DigestTree tree(&state);
    tree.Settle(SIZE_MAX);
    for (Inode inode : history.inodes()) {
      Buffer chunks;
      if (!EncodeInodeChunks(source, inode, &chunks).ok()) continue;
      const Ties ties = history.random()() % 2 == 0 ? Ties::kKeep : Ties::kTake;
      // No chunk has a directory in itself, as some of these are.
      if (!MergeChunks(chunks.bytes(), &state, ties).ok()) continue;
      tree.Settle(SIZE_MAX);
      ASSERT_EQ(tree.digest(), DigestOf(state));
    }
  }
}

TEST(DigestTreeTest, ListsOnlyTheLeavesAskedForAndNoTombstones) {
  State state;
  DigestTree tree(&state);
  Journal journal(1);
  const Inode a = journal.Mint(), b = journal.Mint();
  const TestEntry made = journal.Create(0x1000, a, kRootInode, "a");
  Merge(&state, made);
  Merge(&state, journal.Create(0x2000, b, kRootInode, "b"));
  tree.Settle(SIZE_MAX);
  LeafSet leaves;
  leaves.set(LeafOf(a));
  ASSERT_NE(LeafOf(a), LeafOf(b));
  EXPECT_EQ(ListOf(tree, leaves), (std::vector<InodeHash>{{a, HashInode(state, a)}}));
  Merge(&state, journal.Unlink(0x3000, a, made.link(), kRootInode, "a"));
  EXPECT_TRUE(ListOf(tree, leaves).empty());
  tree.Settle(SIZE_MAX);
  EXPECT_TRUE(ListOf(tree, leaves).empty());
  EXPECT_EQ(tree.unsettled(), 0u);
}

TEST(ChangedSlotsTest, GivesEachMarkedSlotOnce) {
  ChangedSlots changed;
  EXPECT_EQ(changed.TakeFirst(), 0u);
  for (uint32_t slot : {70000u, 3u, 70000u, 64u}) changed.Mark(slot);
  EXPECT_EQ(changed.count(), 3u);
  EXPECT_TRUE(changed.Has(64));
  EXPECT_FALSE(changed.Has(65));
  EXPECT_FALSE(changed.Has(1u << 30));
  EXPECT_EQ(changed.TakeFirst(), 3u);
  EXPECT_EQ(changed.TakeFirst(), 64u);
  EXPECT_EQ(changed.TakeFirst(), 70000u);
  changed.Mark(5);
  EXPECT_EQ(changed.TakeFirst(), 5u) << "below what was taken before";
  EXPECT_EQ(changed.TakeFirst(), 0u);
}

}  // namespace
}  // namespace cfsrepl
