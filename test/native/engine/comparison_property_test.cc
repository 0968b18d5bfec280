// Comparisons of random sites: under writes nothing in flight is ever called a difference, and what
// really differs is found and mended, whatever it is.
#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "engine/comparison_support.h"
#include "engine/comparison_wire.h"

namespace cfsrepl {
namespace {

uint64_t BaseSeed() {
  const uint64_t seed = std::random_device()();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

class ComparisonPropertyTest : public ComparisonTest {
 protected:
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  std::string AnyPath() {
    static const char* const kPaths[] = {"/a", "/b", "/d", "/d/a", "/d/b", "/e", "/e/a", "/d/e"};
    return kPaths[Below(std::size(kPaths))];
  }

  // Some operations at one site; many are refused, as their names are there or are not.
  void Write(Engine* site) {
    BatchBuilder batch;
    for (uint64_t count = 1 + Below(6); count > 0; count--) {
      static constexpr Op kOps[] = {Op::Create,   Op::Create, Op::Mkdir,   Op::Unlink, Op::Rmdir,
                                    Op::Setxattr, Op::Rename, Op::Setattr, Op::Create, Op::Unlink};
      const Op op = kOps[Below(std::size(kOps))];
      if (op == Op::Setattr) {
        auto info = site->LookupPath(AsBytes(AnyPath()));
        if (info.ok()) batch.SetMode(info->inode, static_cast<uint32_t>(Below(0777)));
      } else if (op == Op::Setxattr) {
        BatchBuilder::Parts parts;
        parts.name = AnyPath();
        parts.new_name = "user.k";
        parts.value = std::to_string(Below(3));
        parts.flags = kOpNameIsPath;
        batch.Add(op, parts);
      } else {
        batch.ByPath(op, AnyPath(), op == Op::Rename ? AnyPath() : "");
      }
    }
    (void)AppendAndWait(site, batch, {.keep_going = true});
  }

  // Some of what one site lacks of the other.
  void Send(Engine* from, Engine* to, SiteId site) {
    FeedOptions options;
    options.compact = Below(4) != 0;
    auto feed = from->OpenFeed(to->Held(false));
    ASSERT_TRUE(feed.ok());
    auto frame = feed.value()->Next(options);
    ASSERT_TRUE(frame.ok());
    if (!frame->has_value()) return;
    const ReceiveResult result = ReceiveAndWait(to, frame.value()->bytes, site);
    ASSERT_TRUE(result.status.ok()) << result.status.message();
  }

  void Live() {
    for (uint64_t steps = Below(4); steps > 0; steps--) {
      switch (Below(4)) {
        case 0:
          Write(a_.get());
          break;
        case 1:
          Write(b_.get());
          break;
        case 2:
          Send(a_.get(), b_.get(), 1);
          break;
        default:
          Send(b_.get(), a_.get(), 2);
      }
    }
  }

  std::mt19937_64 random_;
};

TEST_F(ComparisonPropertyTest, UnderWritesNothingDiffersAndNothingIsMended) {
  const uint64_t seed = BaseSeed();
  random_.seed(seed);
  SCOPED_TRACE("seed " + std::to_string(seed));
  uint64_t in_flight = 0;
  for (int round = 0; round < 400; round++) {
    Live();
    const ComparisonOptions options{.peer = 2, .inode = 0, .repair = round % 2 == 0};
    const Outcome outcome = RunComparison(a_.get(), b_.get(), options, [this] { Live(); });
    ASSERT_TRUE(outcome.totals.equal) << "round " << round;
    ASSERT_TRUE(outcome.reports.empty()) << "round " << round;
    in_flight += outcome.totals.inodes_in_flight;
  }
  EXPECT_GT(in_flight, 40u) << "or this tested nothing";
  Meet();
  Meet();
  ExpectEqualState(a_.get(), b_.get());
  EXPECT_EQ(Check(a_.get(), b_.get()).totals.exchanges, 1u);
}

// Site 3 writes; each site loses some of it, and damages some.
TEST_F(ComparisonPropertyTest, WhatDiffersIsMendedByARepairAtEachSite) {
  const uint64_t seed = BaseSeed();
  random_.seed(seed);
  SCOPED_TRACE("seed " + std::to_string(seed));
  uint64_t repaired = 0;
  std::vector<Inode> inodes;
  Hlc hlc = 0x1000;
  for (int round = 0; round < 60; round++) {
    std::vector<TestEntry> entries, damaged;
    for (uint64_t count = 1 + Below(8); count > 0; count--) {
      hlc += 0x1000;
      const bool makes = inodes.empty() || Below(3) == 0;
      const Inode inode = makes ? site_3_.Mint() : inodes[Below(inodes.size())];
      Journal twin = site_3_;
      const auto mode = static_cast<uint32_t>(Below(0777));
      if (makes) {
        inodes.push_back(inode);
        const std::string name = "f" + std::to_string(Below(40));
        entries.push_back(site_3_.Create(hlc, inode, kRootInode, name));
        damaged.push_back(twin.Create(hlc, inode, kRootInode, name + "-damaged"));
      } else if (Below(3) == 0) {
        entries.push_back(site_3_.Setxattr(hlc, inode, "user.k", "v"));
        damaged.push_back(twin.Removexattr(hlc, inode, "user.k"));
      } else if (Below(2) == 0) {
        entries.push_back(site_3_.Chown(hlc, inode, mode, 0));
        damaged.push_back(twin.Chown(hlc, inode, mode, 1));
      } else {
        entries.push_back(site_3_.Link(hlc, inode, kRootInode, "l" + std::to_string(Below(40))));
        damaged.push_back(entries.back());
      }
    }
    for (Engine* site : {a_.get(), b_.get()}) {
      std::vector<TestEntry> taken = entries;
      std::vector<uint32_t> kept;
      for (uint32_t at = 0; at < taken.size(); at++) {
        if (site == b_.get() && Below(6) == 0) taken[at] = damaged[at];
        if (Below(6) != 0) kept.push_back(at);
      }
      Take(site, FrameOf(taken, kept));
    }
    if (Below(2) == 0) continue;
    repaired += Resync(b_.get(), a_.get()).totals.registers_repaired;
    repaired += Resync(a_.get(), b_.get()).totals.registers_repaired;
    ASSERT_EQ(Check(a_.get(), b_.get()).totals.exchanges, 1u) << "round " << round;
    ExpectEqualState(a_.get(), b_.get());
    if (Below(8) == 0) Reopen(Below(2) == 0);
  }
  EXPECT_GT(repaired, 20u) << "or this tested nothing";
}

// What a peer says may be anything.
TEST_F(ComparisonPropertyTest, DamagedAnswersAreRefusedAndChangeNothing) {
  const uint64_t seed = BaseSeed();
  random_.seed(seed);
  SCOPED_TRACE("seed " + std::to_string(seed));
  const Inode file = site_3_.Mint();
  Diverge({site_3_.Create(0x1000, file, kRootInode, "f"), site_3_.Chmod(0x2000, file, 0600)}, {0});
  const Digest before = b_->ComputeDigest(false).value();
  int refused = 0;
  for (int round = 0; round < 600; round++) {
    auto comparison = b_->Compare({});
    const uint64_t damaged_at = Below(5);
    for (uint64_t at = 0; at <= damaged_at; at++) {
      const auto question = comparison->Next();
      if (!question.has_value()) break;
      auto answer = a_->Answer(*question).value();
      if (at == damaged_at) {
        // Past the sums, a changed bit may be another answer of the same form.
        if (Below(2) == 0) {
          answer.resize(Below(answer.size()));
        } else {
          answer[Below(std::min<size_t>(answer.size(), 30))] ^= uint8_t(1u << Below(8));
        }
      }
      const Status status = comparison->Take(answer);
      if (!status.ok()) refused++;
      ASSERT_TRUE(at == damaged_at || status.ok()) << status.message();
      if (at == 4) break;
    }
  }
  EXPECT_GT(refused, 200);
  EXPECT_EQ(b_->ComputeDigest(true)->sum, before.sum);
  EXPECT_EQ(Check(b_.get(), a_.get()).totals.inodes_differing, 1u);
}

TEST_F(ComparisonPropertyTest, DamagedQuestionsAreRefused) {
  Question question;
  question.asked = Asked::kRegisters;
  question.inodes.assign(limits::kComparedInodesMax + 1, 7);
  EXPECT_EQ(a_->Answer(EncodeQuestion(question)).status().code(), Code::kTooLarge);
  const std::vector<uint8_t> huge(limits::kComparisonQuestionBytesMax + 1, 1);
  EXPECT_EQ(a_->Answer(huge).status().code(), Code::kTooLarge);
  EXPECT_EQ(a_->Answer({}).status().code(), Code::kMalformed);
  const std::vector<uint8_t> newer = {2, 1, 0, 0};
  EXPECT_EQ(a_->Answer(newer).status().code(), Code::kUnsupported);
  const std::vector<uint8_t> unknown = {1, 77, 0, 0};
  EXPECT_EQ(a_->Answer(unknown).status().code(), Code::kUnsupported);
  const std::vector<uint8_t> descending = {1, 2, 0, 0, 2, 0, 9, 8};
  EXPECT_EQ(a_->Answer(descending).status().code(), Code::kMalformed);
  const std::vector<uint8_t> too_long = {1, 1, 0, 0, 0};
  EXPECT_EQ(a_->Answer(too_long).status().code(), Code::kMalformed);
}

}  // namespace
}  // namespace cfsrepl
