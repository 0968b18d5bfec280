// Two sites are compared: what is in flight is no difference, what is wrong is found and mended.
#include <gtest/gtest.h>

#include "engine/comparison_support.h"

namespace cfsrepl {
namespace {

using Strings = std::vector<std::string>;

Strings RegistersOf(const InodeReport& report) {
  Strings names;
  for (const RegisterReport& at : report.registers) names.push_back(at.which);
  return names;
}

TEST_F(ComparisonTest, EqualSitesAreFoundEqualInOneExchange) {
  for (int i = 0; i < 50; i++) Make(a_.get(), "/f" + std::to_string(i));
  Meet();
  const Outcome outcome = Check(a_.get(), b_.get());
  EXPECT_TRUE(outcome.totals.equal);
  EXPECT_EQ(outcome.totals.exchanges, 1u);
  EXPECT_EQ(outcome.totals.inodes_there, 51u);
  EXPECT_EQ(outcome.totals.common.Get(a_->GetStatus().origin), a_->GetStatus().last_lsn);
}

TEST_F(ComparisonTest, WhatIsInFlightIsNoDifference) {
  for (const char* name : {"/x", "/y", "/gone"}) Make(a_.get(), name);
  Meet();
  const Lsn met = a_->GetStatus().last_lsn;
  SetMode(a_.get(), "/x", 0600);
  SetMode(b_.get(), "/y", 0640);
  Make(b_.get(), "/new");
  BatchBuilder batch;
  batch.ByPath(Op::Unlink, "/gone").ByPath(Op::Rename, "/y", "/z");
  ASSERT_TRUE(AppendAndWait(a_.get(), batch).status.ok());
  const Outcome outcome = Check(a_.get(), b_.get());
  EXPECT_TRUE(outcome.totals.equal);
  EXPECT_TRUE(outcome.reports.empty());
  EXPECT_EQ(outcome.totals.inodes_in_flight, 4u);
  EXPECT_EQ(outcome.totals.common.Get(a_->GetStatus().origin), met);
}

// One frame brings both that it was made and that it is gone, and so nothing; but the site that
// made it answered in between.
TEST_F(ComparisonTest, AnObjectThatVanishesInABatchIsNoDifference) {
  Make(b_.get(), "/short-lived");
  const Inode inode = At(b_.get(), "/short-lived").inode;
  int moments = 0;
  const Outcome outcome = RunComparison(a_.get(), b_.get(), {}, [&] {
    constexpr int kRegistersAreOnTheirWay = 7;
    if (++moments != kRegistersAreOnTheirWay) return;
    BatchBuilder batch;
    batch.ByPath(Op::Unlink, "/short-lived");
    ASSERT_TRUE(AppendAndWait(b_.get(), batch).status.ok());
    Replicate(b_.get(), a_.get(), 2);
  });
  EXPECT_EQ(a_->Lookup(inode).status().code(), Code::kNotFound) << "it was to vanish";
  EXPECT_EQ(outcome.totals.exchanges, 5u) << "or it was not asked about twice";
  EXPECT_TRUE(outcome.totals.equal);
  EXPECT_TRUE(outcome.reports.empty());
}

TEST_F(ComparisonTest, AnEntryThatASiteLostIsFoundAndTakenFromTheOther) {
  const Inode file = site_3_.Mint();
  Diverge({site_3_.Create(0x1000, file, kRootInode, "f"), site_3_.Chmod(0x2000, file, 0600)}, {0});
  const Outcome at_a = Check(a_.get(), b_.get());
  EXPECT_FALSE(at_a.totals.equal);
  ASSERT_EQ(at_a.reports.size(), 1u);
  EXPECT_EQ(at_a.reports[0].registers.at(0).remedy, Remedy::kGive);

  const Outcome at_b = Check(b_.get(), a_.get());
  ASSERT_EQ(at_b.reports.size(), 1u);
  const InodeReport& report = at_b.reports[0];
  EXPECT_EQ(report.inode, file);
  EXPECT_EQ(report.path, "/f");
  ASSERT_EQ(RegistersOf(report), Strings{"mode"});
  EXPECT_EQ(report.registers[0].here.text, "0644 (asserts links)");
  EXPECT_EQ(report.registers[0].there.text, "0600 (asserts links)");
  EXPECT_EQ(report.registers[0].there.stamp, (Stamp{0x2000, site_3_.origin(), 2}));
  EXPECT_EQ(report.registers[0].remedy, Remedy::kTake);
  EXPECT_FALSE(report.registers[0].repaired);
  EXPECT_EQ(At(b_.get(), "/f").mode & 07777, 0644u) << "a check changes nothing";

  EXPECT_EQ(Resync(a_.get(), b_.get()).totals.registers_repaired, 0u) << "a has what is right";
  const Outcome mended = Resync(b_.get(), a_.get());
  EXPECT_EQ(mended.totals.registers_repaired, 1u);
  EXPECT_TRUE(mended.reports[0].registers[0].repaired);
  EXPECT_EQ(At(b_.get(), "/f").mode & 07777, 0600u);
  EXPECT_TRUE(Check(a_.get(), b_.get()).totals.equal);
  ExpectEqualState(a_.get(), b_.get());
}

TEST_F(ComparisonTest, ARepairIsInTheJournalAndInCheckpoints) {
  const Inode file = site_3_.Mint();
  Diverge({site_3_.Create(0x1000, file, kRootInode, "f"), site_3_.Chmod(0x2000, file, 0600)}, {0});
  Resync(b_.get(), a_.get());
  for (const bool checkpoint : {false, true, false}) {
    Reopen(checkpoint);
    ExpectEqualState(a_.get(), b_.get());
    EXPECT_TRUE(Check(a_.get(), b_.get()).totals.equal);
  }
}

// No two entries share a stamp, so one of the values is damage, and the operator says which.
TEST_F(ComparisonTest, OfTwoValuesUnderOneStampTheOneOfThePeerIsTaken) {
  Journal damaged(3);
  const Inode file = site_3_.Mint();
  const std::vector<TestEntry> right = {site_3_.Create(0x1000, file, kRootInode, "f"),
                                        site_3_.Setxattr(0x2000, file, "user.k", "right"),
                                        site_3_.Symlink(0x3000, site_3_.Mint(), 1, "s", "there")};
  const std::vector<TestEntry> wrong = {damaged.Create(0x1000, file, kRootInode, "g"),
                                        damaged.Setxattr(0x2000, file, "user.k", "wrong"),
                                        damaged.Symlink(0x3000, right[2].inode(), 1, "s", "here")};
  Take(a_.get(), FrameOf(right, AllOf(right)));
  Take(b_.get(), FrameOf(wrong, AllOf(wrong)));
  EXPECT_EQ(Check(a_.get(), b_.get()).totals.registers_differing, 3u);
  const Outcome mended = Resync(b_.get(), a_.get());
  EXPECT_EQ(mended.totals.registers_repaired, 3u);
  EXPECT_EQ(AllPaths(b_.get()), (Strings{"/f", "/s"}));
  EXPECT_EQ(At(b_.get(), "/s").target, "there");
  ASSERT_EQ(At(b_.get(), "/f").xattrs.size(), 1u);
  EXPECT_EQ(At(b_.get(), "/f").xattrs[0].value, "right");
  ExpectEqualState(a_.get(), b_.get());
  Reopen(false);
  ExpectEqualState(a_.get(), b_.get());
}

TEST_F(ComparisonTest, AWholeObjectANameAndARemovalCanBeMissing) {
  const Inode dir = site_3_.Mint(), file = site_3_.Mint(), gone = site_3_.Mint();
  const TestEntry made = site_3_.Mkdir(0x1000, dir, kRootInode, "d");
  const TestEntry made_file = site_3_.Create(0x2000, file, dir, "f");
  const TestEntry link = site_3_.Link(0x3000, file, kRootInode, "l");
  const TestEntry made_gone = site_3_.Create(0x4000, gone, kRootInode, "gone");
  const TestEntry removed = site_3_.Unlink(0x5000, gone, made_gone.link(), kRootInode, "gone");
  Diverge({made, made_file, link, made_gone, removed}, {1, 3});
  EXPECT_EQ(AllPaths(b_.get()), (Strings{"/gone"})) << "what is in a missing directory waits";
  const Outcome mended = Resync(b_.get(), a_.get());
  EXPECT_EQ(mended.totals.inodes_differing, 3u);
  EXPECT_EQ(AllPaths(b_.get()), (Strings{"/d", "/d/f", "/l"}));
  ExpectEqualState(a_.get(), b_.get());
  Reopen(false);
  ExpectEqualState(a_.get(), b_.get());
  EXPECT_TRUE(Check(b_.get(), a_.get()).totals.equal);
}

// Each site forgets tombstones in its own time.
TEST_F(ComparisonTest, AForgottenTombstoneIsNoDifference) {
  const Inode file = site_3_.Mint();
  const TestEntry made = site_3_.Create(0x1000, file, kRootInode, "f");
  const TestEntry link = site_3_.Link(0x2000, file, kRootInode, "l");
  Diverge({made, link, site_3_.Unlink(0x3000, file, link.link(), kRootInode, "l"),
           site_3_.Removexattr(0x4000, file, "user.k"), site_3_.Chmod(0x5000, file, 0600, false)},
          {0});
  for (const auto& [here, there] : {std::pair(a_, b_), std::pair(b_, a_)}) {
    const Outcome outcome = Check(here.get(), there.get());
    ASSERT_EQ(outcome.reports.size(), 1u);
    EXPECT_EQ(RegistersOf(outcome.reports[0]).front(), "mode");
    for (const RegisterReport& at : outcome.reports[0].registers) {
      EXPECT_TRUE(at.which == "mode" || at.which == "asserted") << at.which;
    }
  }
}

TEST_F(ComparisonTest, OneOfManyInodesIsFoundInFewExchanges) {
  BatchBuilder batch;
  for (int i = 0; i < 20000; i++) batch.ByPath(Op::Create, "/f" + std::to_string(i));
  ASSERT_TRUE(AppendAndWait(a_.get(), batch).status.ok());
  Meet();
  const Inode file = At(a_.get(), "/f777").inode;
  // Wins at a; b took another value under the same stamp.
  const Hlc hlc = a_->GetStatus().last_hlc + 1;
  Take(a_.get(), FrameOf({Journal(3).Chmod(hlc, file, 0600)}, {0}));
  Take(b_.get(), FrameOf({Journal(3).Chmod(hlc, file, 0666)}, {0}));
  const Outcome outcome = Check(a_.get(), b_.get());
  EXPECT_EQ(outcome.totals.inodes_differing, 1u);
  EXPECT_LE(outcome.totals.exchanges, 5u);
  EXPECT_LT(outcome.totals.inodes_listed, 10u);
  EXPECT_EQ(outcome.totals.inodes_compared, 1u);
}

TEST_F(ComparisonTest, OneInodeCanBeAskedFor) {
  const Inode file = site_3_.Mint();
  Diverge({site_3_.Create(0x1000, file, kRootInode, "f"), site_3_.Chmod(0x2000, file, 0600),
           site_3_.Create(0x3000, site_3_.Mint(), kRootInode, "other")},
          {0});
  const ComparisonOptions mend{.peer = 1, .inode = file, .repair = true};
  EXPECT_EQ(RunComparison(b_.get(), a_.get(), mend).totals.registers_repaired, 1u);
  EXPECT_EQ(AllPaths(b_.get()), Strings{"/f"}) << "nothing else is mended";
  const Outcome again = RunComparison(b_.get(), a_.get(), mend);
  EXPECT_TRUE(again.totals.equal);
  EXPECT_EQ(again.totals.exchanges, 1u);
  EXPECT_TRUE(RunComparison(b_.get(), a_.get(), {.peer = 1, .inode = 12345}).totals.equal);
}

TEST_F(ComparisonTest, AnInodeWithTooManyRegistersIsReported) {
  const std::string value(limits::kXattrValueBytesMax, 'v');
  const Inode file = site_3_.Mint();
  std::vector<TestEntry> entries = {site_3_.Create(0x1000, file, kRootInode, "f")};
  for (size_t i = 0; i * value.size() < limits::kComparedRegisterBytesMax; i++) {
    const std::string key = "user." + std::to_string(i);
    entries.push_back(site_3_.Setxattr(0x2000, file, key, value));
  }
  for (const TestEntry& entry : entries) {
    const bool last = entry.header.lsn() == entries.size();
    Take(a_.get(), FrameOf({entry}, {0}));
    Take(b_.get(), FrameOf({entry}, last ? std::vector<uint32_t>() : std::vector<uint32_t>{0}));
  }
  const Outcome outcome = Check(b_.get(), a_.get());
  ASSERT_EQ(outcome.reports.size(), 1u);
  EXPECT_TRUE(outcome.reports[0].too_large);
}

}  // namespace
}  // namespace cfsrepl
