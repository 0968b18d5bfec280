// Wrong clocks: what is written after seeing an entry is stamped later than it, whatever any clock
// says.
#include <gtest/gtest.h>

#include <limits>

#include "checksum/crc32c.h"
#include "engine/engine_support.h"
#include "engine/metadata.h"
#include "frame/frame_support.h"

namespace cfsrepl {
namespace {

constexpr int64_t kNsPerHour = 3600ll * 1000000000;
constexpr int64_t kNow = 1795257092ll * 1000000000 + 123456789;  // 2026
constexpr Hlc kHlcPerHour = Hlc{3600} * 1000000 << 12;

TEST(Clock, AWallClockIsMicrosecondsWithoutACounter) {
  EXPECT_EQ(HlcOfWall(0), 0u);
  EXPECT_EQ(HlcOfWall(999), 0u);
  EXPECT_EQ(HlcOfWall(1000), 4096u);
  EXPECT_EQ(HlcOfWall(kNow), Hlc{1795257092123456} << 12);
}

TEST(Clock, AWallClockWhereNoHlcMayBeIsTheNearestThatMay) {
  EXPECT_EQ(HlcOfWall(-1), 0u);
  EXPECT_EQ(HlcOfWall(std::numeric_limits<int64_t>::min()), 0u);
  const Hlc last = HlcOfWall(std::numeric_limits<int64_t>::max());  // 2262
  EXPECT_LE(last, limits::kHlcReceivedMax);
  EXPECT_GT(last, HlcOfWall(kNow));
}

TEST(Clock, GoesOnWhenTheWallClockJumpsBack) {
  Metadata metadata;
  metadata.last_hlc = HlcOfWall(kNow);
  Hlc before = metadata.last_hlc;
  for (int i = 0; i < 10000; i++) {
    const Hlc next = metadata.NextHlc(HlcOfWall(kNow - kNsPerHour + i));
    EXPECT_GT(next, before);
    before = metadata.last_hlc = next;
  }
  // The counter has run over into the microseconds, a few of them.
  EXPECT_LT(before, HlcOfWall(kNow + 3000));
}

TEST(Clock, FollowsTheWallClockWhenThatIsAhead) {
  Metadata metadata;
  metadata.last_hlc = HlcOfWall(kNow);
  EXPECT_EQ(metadata.NextHlc(HlcOfWall(kNow + kNsPerHour)), HlcOfWall(kNow + kNsPerHour));
}

// As test::Mkdir, with a stamp.
test::TestEntry MkdirAt(Hlc hlc, Lsn lsn, std::string_view name) {
  const test::TestEntry made =
      test::Mkdir(lsn, (Inode{2} << kInodeSiteShift) + lsn, kRootInode, name);
  const EntryHeader& h = made.header;
  EntryHeader header(h.lsn(), hlc, h.inode(), h.seq(), 0, h.payload_bytes(), 0, h.shard(), h.site(),
                     h.op(), h.schema(), h.flags(), 0, 0);
  SetHeaderField(&header, kEntryCrcAt, EntryCrc(header, made.payload));
  return {header, made.payload};
}

class ClockTest : public ::testing::Test {
 protected:
  void SetUp() override { Open(); }

  void Open() {
    EngineOptions options = SmallOptions(dir_ / "one", 1);
    options.cluster = test::kCluster;
    engine_ = OpenEngine(options);
  }

  Hlc Write() {
    const AppendResult result =
        AppendAndWait(engine_.get(), BatchBuilder().SetMode(kRootInode, mode_++));
    EXPECT_TRUE(result.status.ok()) << result.status.message();
    return engine_->GetStatus().last_hlc;
  }

  TempDir dir_;
  std::shared_ptr<Engine> engine_;
  uint32_t mode_ = 0700;
};

TEST_F(ClockTest, WhatIsWrittenAfterAStampFromTheFutureIsLaterAlsoAfterARestart) {
  const Hlc future = Write() + 24 * kHlcPerHour;
  const Buffer frame = test::WriteFrame({MkdirAt(future, 1, "d")});
  ASSERT_TRUE(ReceiveAndWait(engine_.get(), frame.bytes(), 2).status.ok());
  EXPECT_EQ(engine_->GetStatus().last_hlc, future);
  EXPECT_EQ(Write(), future + 1);
  EXPECT_EQ(Write(), future + 2);
  ASSERT_TRUE(engine_->Close(false).ok());
  Open();
  EXPECT_EQ(Write(), future + 3);
  ASSERT_TRUE(engine_->Close(true).ok());
  Open();
  EXPECT_EQ(Write(), future + 4);
}

TEST_F(ClockTest, TheLastStampThatIsTakenLeavesRoomForWhatFollows) {
  const Hlc last = limits::kHlcReceivedMax;
  const Buffer frame = test::WriteFrame({MkdirAt(last, 1, "d")});
  ASSERT_TRUE(ReceiveAndWait(engine_.get(), frame.bytes(), 2).status.ok());
  EXPECT_EQ(Write(), last + 1);
}

TEST_F(ClockTest, AStampAtTheEndOfTimeIsRefusedAndChangesNothing) {
  const Hlc before = Write();
  for (const Hlc hlc : {limits::kHlcReceivedMax + 1, std::numeric_limits<Hlc>::max()}) {
    const Buffer frame = test::WriteFrame({MkdirAt(hlc, 1, "d")});
    const Status status = ReceiveAndWait(engine_.get(), frame.bytes(), 2).status;
    EXPECT_EQ(status.code(), Code::kMalformed);
    EXPECT_NE(status.message().find("expected at most"), std::string::npos) << status.message();
    EXPECT_EQ(engine_->GetStatus().last_hlc, before);
    EXPECT_TRUE(AllPaths(engine_.get()).empty());
  }
  EXPECT_LT(Write(), before + kHlcPerHour);
}

}  // namespace
}  // namespace cfsrepl
