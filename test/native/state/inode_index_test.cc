// The index finds every number that was added and no other, through all its growth.
#include "state/inode_index.h"

#include <gtest/gtest.h>

namespace cfsrepl {
namespace {

class InodeIndexTest : public testing::Test {
 protected:
  void Add(Inode inode) {
    const uint32_t slot = records_.Allocate();
    records_[slot].inode = inode;
    index_.Add(inode, slot);
  }
  uint64_t Missing(Inode first, uint64_t count) const {
    uint64_t missing = 0;
    for (Inode inode = first; inode < first + count; inode++) {
      const uint32_t slot = index_.Find(inode);
      missing += slot == 0 || records_[slot].inode != inode || index_.FindLikely(inode) == 0;
    }
    return missing;
  }

  Slab<InodeRecord> records_;
  InodeIndex index_{&records_};
};

TEST_F(InodeIndexTest, AnEmptyIndexHasNothing) {
  EXPECT_EQ(index_.Find(0), 0u);
  EXPECT_EQ(index_.Find(1), 0u);
  EXPECT_EQ(index_.FindLikely(UINT64_MAX), 0u);
}

TEST_F(InodeIndexTest, NumbersInARowOfTwoSitesAreFoundAndOthersAreNot) {
  constexpr uint64_t kEach = 400'000;  // some tables are split twice
  constexpr Inode kSiteOne = Inode{1} << 48, kSiteTwo = Inode{2} << 48;
  for (uint64_t i = 0; i < kEach; i++) {
    Add(kSiteOne + i);
    Add(kSiteTwo + i);
  }
  EXPECT_EQ(Missing(kSiteOne, kEach), 0u);
  EXPECT_EQ(Missing(kSiteTwo, kEach), 0u);
  uint64_t invented = 0;
  for (uint64_t i = 0; i < kEach; i++) invented += index_.Find(kSiteOne + kEach + i) != 0;
  EXPECT_EQ(invented, 0u);
  EXPECT_LT(index_.memory_bytes(), 2 * kEach * 24);
}

TEST_F(InodeIndexTest, AFewNumbersCostAPage) {
  for (Inode inode = 1; inode <= 300; inode++) Add(inode);
  EXPECT_EQ(Missing(1, 300), 0u);
  EXPECT_LE(index_.memory_bytes(), 8192u);
}

}  // namespace
}  // namespace cfsrepl
