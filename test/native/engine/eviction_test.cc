// Evicting a site: its journals are closed wherever the entry comes to, and only they.
#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <string>
#include <vector>

#include "engine/engine_support.h"
#include "engine/metadata.h"

namespace cfsrepl {
namespace {

Origin OriginOf(Engine* engine) { return engine->GetStatus().origin; }

bool Same(const Eviction& a, const Eviction& b) {
  return a.site == b.site && a.incarnation == b.incarnation && a.by == b.by;
}

// What `engine` sends to somebody who has nothing.
std::vector<SealedFrame> FramesOf(Engine* engine) {
  std::vector<SealedFrame> frames;
  auto feed = engine->OpenFeed({});
  EXPECT_TRUE(feed.ok()) << feed.status().message();
  while (feed.ok()) {
    auto frame = feed.value()->Next({});
    EXPECT_TRUE(frame.ok()) << frame.status().message();
    if (!frame.ok() || !frame->has_value()) break;
    frames.push_back(std::move(frame.value()).value());
  }
  return frames;
}

ReceiveResult Send(Engine* from, const SealedFrame& frame, Engine* to) {
  const Origin peer = OriginOf(from);
  return ReceiveAndWait(to, frame.bytes, peer.site, peer.incarnation);
}

class EvictionTest : public TwoSitesTest {
 protected:
  void SetUp() override {
    TwoSitesTest::SetUp();
    OpenC();
  }

  void OpenC() { c_ = OpenEngine(SmallOptions(dir_ / "c", 3)); }
  void ReopenA() {
    a_.reset();
    a_ = OpenEngine(SmallOptions(dir_ / "a", 1));
  }

  void Evict(Engine* at, const Origin& journal) {
    const Result<Lsn> evicted = at->Evict(journal.site, journal.incarnation);
    ASSERT_TRUE(evicted.ok()) << evicted.status().message();
    EXPECT_EQ(evicted.value(), at->GetStatus().durable_lsn);
  }

  std::shared_ptr<Engine> c_;
};

TEST_F(EvictionTest, NothingIsTakenOverASessionWithAnEvictedSite) {
  Do(c_.get(), Op::Mkdir, "/c");
  const SealedFrame taken = FramesOf(c_.get()).front();
  EXPECT_TRUE(Send(c_.get(), taken, a_.get()).status.ok());
  Do(c_.get(), Op::Mkdir, "/late");
  const SealedFrame late = FramesOf(c_.get()).back();
  Evict(a_.get(), OriginOf(c_.get()));
  for (const SealedFrame& frame : {taken, late}) {
    const ReceiveResult result = Send(c_.get(), frame, a_.get());
    EXPECT_EQ(result.status.code(), Code::kEvicted);
    EXPECT_EQ(result.status.message(), "site 3 in incarnation " +
                                           std::to_string(OriginOf(c_.get()).incarnation) +
                                           " was evicted by LSN 1 of site 1, incarnation " +
                                           std::to_string(OriginOf(a_.get()).incarnation));
  }
  EXPECT_EQ(a_->GetStatus().frames_refused, 2u);
  EXPECT_EQ(AllPaths(a_.get()), (std::vector<std::string>{"/c"})) << "what was taken stays";
}

TEST_F(EvictionTest, WhatAnEvictedSitePassesOnIsRefusedToo) {
  Do(b_.get(), Op::Mkdir, "/b");
  Evict(a_.get(), OriginOf(c_.get()));
  EXPECT_EQ(Send(c_.get(), FramesOf(b_.get()).front(), a_.get()).status.code(), Code::kEvicted);
  EXPECT_TRUE(Send(b_.get(), FramesOf(b_.get()).front(), a_.get()).status.ok());
}

TEST_F(EvictionTest, ADirectoryThatWasCopiedBringsNothingOfItsClosedJournalUnderAnotherName) {
  Do(c_.get(), Op::Mkdir, "/unsent");
  const SealedFrame unsent = FramesOf(c_.get()).front();
  const Origin closed = OriginOf(c_.get());
  Evict(a_.get(), closed);
  const uint64_t copied = closed.incarnation + 1;
  EXPECT_EQ(ReceiveAndWait(a_.get(), unsent.bytes, 3, copied).status.code(), Code::kEvicted);
  EXPECT_TRUE(ReceiveAndWait(a_.get(), unsent.bytes, 2).status.ok()) << "passed on by another";
}

TEST_F(EvictionTest, ANewDirectoryIsLaterThanWhatItIsToFollowWhateverTheClockSays) {
  EngineOptions options = SmallOptions(dir_ / "next", 3);
  options.incarnation_after = OriginOf(c_.get()).incarnation + (uint64_t{1} << 60);
  EXPECT_EQ(OriginOf(OpenEngine(options).get()).incarnation, options.incarnation_after + 1);
}

TEST_F(EvictionTest, ItHoldsFromTheMomentTheEntryIsMergedOnInTheSameGroup) {
  Evict(a_.get(), OriginOf(c_.get()));
  Do(c_.get(), Op::Mkdir, "/c");
  const SealedFrame evict = FramesOf(a_.get()).front(), late = FramesOf(c_.get()).front();
  BatchBuilder keeps_it_busy;
  for (int i = 0; i < 1000; i++) keeps_it_busy.ByPath(Op::Mkdir, "/d" + std::to_string(i));
  std::promise<void> appended;
  std::promise<Status> merged, refused;
  ASSERT_TRUE(
      b_->Append(keeps_it_busy.bytes(), {}, [&](AppendResult) { appended.set_value(); }).ok());
  ASSERT_TRUE(b_->Receive(evict.bytes, OriginOf(a_.get()), [&](ReceiveResult result) {
                  merged.set_value(result.status);
                }).ok());
  ASSERT_TRUE(b_->Receive(late.bytes, OriginOf(c_.get()), [&](ReceiveResult result) {
                  refused.set_value(result.status);
                }).ok());
  EXPECT_TRUE(merged.get_future().get().ok());
  EXPECT_EQ(refused.get_future().get().code(), Code::kEvicted);
  appended.get_future().get();
}

TEST_F(EvictionTest, WhatWasAcceptedSomewhereBeforeIsTakenFromThere) {
  Do(c_.get(), Op::Mkdir, "/c");
  Replicate(c_.get(), b_.get(), 3);
  Evict(a_.get(), OriginOf(c_.get()));
  Forward(b_.get(), a_.get());
  EXPECT_EQ(AllPaths(a_.get()), (std::vector<std::string>{"/c"}));
  Meet();
}

TEST_F(EvictionTest, ANewerIncarnationIsAnOrdinaryMember) {
  const Origin old = OriginOf(c_.get());
  c_ = OpenEngine(SmallOptions(dir_ / "later", 3));
  ASSERT_GT(OriginOf(c_.get()), old);
  Evict(a_.get(), old);
  Do(c_.get(), Op::Mkdir, "/new");
  EXPECT_GT(Replicate(c_.get(), a_.get(), 3), 0);
  EXPECT_EQ(AllPaths(a_.get()), (std::vector<std::string>{"/new"}));

  Evict(a_.get(), OriginOf(c_.get()));
  Do(c_.get(), Op::Mkdir, "/late");
  EXPECT_EQ(Send(c_.get(), FramesOf(c_.get()).back(), a_.get()).status.code(), Code::kEvicted);
}

TEST_F(EvictionTest, ASiteLearnsOfItsOwnThroughAThirdAndGoesOnByItself) {
  Evict(a_.get(), OriginOf(c_.get()));
  Replicate(a_.get(), b_.get(), 1);
  Forward(b_.get(), c_.get());
  const auto evictions = c_->GetStatus().evictions;
  ASSERT_EQ(evictions.size(), 1u);
  EXPECT_EQ(evictions[0].site, 3);
  EXPECT_EQ(evictions[0].incarnation, OriginOf(c_.get()).incarnation);
  EXPECT_EQ(evictions[0].by.origin, OriginOf(a_.get()));
  EXPECT_EQ(evictions[0].by.lsn, 1u);
  Do(c_.get(), Op::Mkdir, "/still");
  Do(b_.get(), Op::Mkdir, "/b");
  EXPECT_EQ(Replicate(b_.get(), c_.get(), 2), 1) << "others are no more evicted than before";
  EXPECT_EQ(AllPaths(c_.get()), (std::vector<std::string>{"/b", "/still"}));
}

TEST_F(EvictionTest, SitesThatEvictWithoutKnowledgeOfEachOtherAgree) {
  const Origin journal = OriginOf(c_.get());
  Evict(a_.get(), {3, journal.incarnation - 1});
  Evict(b_.get(), journal);
  Evict(a_.get(), journal);
  Evict(b_.get(), {3, 7});
  Evict(b_.get(), {9, 1});
  Meet();
  const auto evictions = a_->GetStatus().evictions;
  EXPECT_TRUE(std::ranges::equal(evictions, b_->GetStatus().evictions, Same));
  ASSERT_EQ(evictions.size(), 2u);
  EXPECT_EQ(evictions[0].site, 3);
  EXPECT_EQ(evictions[0].incarnation, journal.incarnation);
  EXPECT_EQ(evictions[0].by.origin, OriginOf(b_.get())) << "the earlier of the two";
  EXPECT_EQ(evictions[1].site, 9);
}

TEST_F(EvictionTest, ItSurvivesRestartsByReplayAndByCheckpoint) {
  Evict(a_.get(), OriginOf(c_.get()));
  Evict(b_.get(), {4, 5});
  Replicate(b_.get(), a_.get(), 2);
  const auto before = a_->GetStatus().evictions;
  ASSERT_EQ(before.size(), 2u);
  Do(c_.get(), Op::Mkdir, "/late");
  for (const bool by_checkpoint : {false, true}) {
    SCOPED_TRACE(by_checkpoint);
    ASSERT_TRUE(a_->Close(by_checkpoint).ok());
    ReopenA();
    EXPECT_EQ(a_->GetStatus().recovered_entries == 0, by_checkpoint);
    EXPECT_TRUE(std::ranges::equal(a_->GetStatus().evictions, before, Same));
    EXPECT_EQ(Send(c_.get(), FramesOf(c_.get()).front(), a_.get()).status.code(), Code::kEvicted);
  }
}

TEST_F(EvictionTest, ASiteMayCloseItsOwnEarlierJournalsAlone) {
  const uint64_t own = OriginOf(a_.get()).incarnation;
  const auto refusal = [&](SiteId site, uint64_t incarnation) {
    const Status status = a_->Evict(site, incarnation).status();
    EXPECT_EQ(status.code(), Code::kInvalidArgument) << status.message();
    return status.message();
  };
  EXPECT_EQ(refusal(1, own), "incarnation " + std::to_string(own) +
                                 " of site 1 is this site's own, expected one before " +
                                 std::to_string(own));
  refusal(1, own + 1);
  EXPECT_EQ(refusal(0, 5), "site is 0, expected 1 to 65535");
  EXPECT_EQ(a_->GetStatus().durable_lsn, 0u) << "nothing was written";
  EXPECT_TRUE(a_->GetStatus().evictions.empty());
  Evict(a_.get(), {1, own - 1});
  Do(a_.get(), Op::Mkdir, "/a");
  EXPECT_GT(Replicate(a_.get(), b_.get(), 1), 0);
}

TEST(Evictions, KeepTheGreatestIncarnationAndItsSmallestStampInAnyOrder) {
  std::vector<Eviction> evictions = {{3, 8, {10, {1, 5}, 1}},
                                     {3, 9, {30, {2, 5}, 1}},
                                     {3, 9, {20, {2, 5}, 2}},
                                     {3, 9, {20, {1, 6}, 7}}};
  const auto less = [](const Eviction& a, const Eviction& b) { return a.by < b.by; };
  std::ranges::sort(evictions, less);
  do {
    Metadata metadata(1);
    for (int twice = 0; twice < 2; twice++) {
      for (const Eviction& eviction : evictions) metadata.Evict(eviction);
    }
    ASSERT_EQ(metadata.evictions.size(), 1u);
    EXPECT_TRUE(Same(metadata.evictions[3], {3, 9, {20, {1, 6}, 7}}));
    EXPECT_NE(metadata.EvictionOf({3, 9}), nullptr);
    EXPECT_NE(metadata.EvictionOf({3, 0}), nullptr);
    EXPECT_EQ(metadata.EvictionOf({3, 10}), nullptr);
    EXPECT_EQ(metadata.EvictionOf({4, 9}), nullptr);
  } while (std::ranges::next_permutation(evictions, less).found);
}

TEST(Evictions, AreInTheMetadataOfACheckpointButNotOfOneThatIsOlder) {
  Metadata metadata(1);
  metadata.forgotten.Raise({1, 5}, 6);
  std::vector<uint8_t> bytes = metadata.Encode();
  metadata.Evict({3, 9, {20, {1, 6}, 7}});
  const auto decoded = Metadata::Decode(metadata.Encode());
  ASSERT_TRUE(decoded.ok()) << decoded.status().message();
  EXPECT_TRUE(Same(*decoded->EvictionOf({3, 9}), {3, 9, {20, {1, 6}, 7}}));

  bytes[0] = 3;
  bytes.resize(bytes.size() - 2 * sizeof(uint32_t));
  const auto older = Metadata::Decode(bytes);
  ASSERT_TRUE(older.ok()) << older.status().message();
  EXPECT_EQ(older->forgotten.Get({1, 5}), 6u);
  EXPECT_TRUE(older->evictions.empty());
}

}  // namespace
}  // namespace cfsrepl
