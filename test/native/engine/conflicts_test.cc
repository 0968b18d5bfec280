// Two sites that change the same things apart: what each lost is in the ledger of both, once.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <thread>

#include "engine/engine_support.h"

namespace cfsrepl {
namespace {

class ConflictsTest : public TwoSitesTest {
 protected:
  // As TwoSitesTest does; the ledgers are equal as well then.
  void Meet() {
    TwoSitesTest::Meet();
    const auto of_a = LedgerOf(a_.get());
    const auto of_b = LedgerOf(b_.get());
    ASSERT_EQ(of_a.size(), of_b.size());
    for (size_t i = 0; i < of_a.size(); i++) {
      EXPECT_EQ(of_a[i].place.id, of_b[i].place.id);
      EXPECT_EQ(of_a[i].payload, of_b[i].payload);
      EXPECT_EQ(of_a[i].settled, of_b[i].settled);
    }
  }

  static void Chmod(Engine* site, Inode inode, uint32_t mode) {
    ASSERT_TRUE(AppendAndWait(site, BatchBuilder().SetMode(inode, mode)).status.ok());
  }
  // A file that both sites have.
  Inode Shared(const std::string& path) {
    Do(a_.get(), Op::Create, path);
    Meet();
    return a_->LookupPath(AsBytes(path)).value().inode;
  }
  uint32_t ModeOf(Engine* site, Inode inode) { return site->Lookup(inode)->mode & 07777; }
};

TEST_F(ConflictsTest, NothingSequentialIsReported) {
  const Inode file = Shared("/f");
  for (uint32_t round = 0; round < 20; round++) {
    Chmod(round % 2 == 0 ? a_.get() : b_.get(), file, 0600 + round);
    Meet();
  }
  EXPECT_TRUE(LedgerOf(a_.get()).empty());
}

TEST_F(ConflictsTest, TheSameFieldChangedApartIsInTheLedgerOfBothSites) {
  const Inode file = Shared("/f");
  Chmod(a_.get(), file, 0600);
  Chmod(b_.get(), file, 0640);
  Meet();
  const auto ledger = LedgerOf(a_.get());
  ASSERT_EQ(ledger.size(), 1u);
  const Conflict conflict = DecodeRecorded(ledger[0]);
  EXPECT_EQ(conflict.lost, Lost::kFields);
  EXPECT_EQ(conflict.loser_inode, file);
  EXPECT_EQ(AsString(conflict.path), "/f");
  EXPECT_LT(conflict.loser.stamp, conflict.winner.stamp);
  EXPECT_EQ(ledger[0].place.id.origin.site, conflict.loser.stamp.origin.site)
      << "the site that lost records it";
  EXPECT_EQ(ModeOf(a_.get(), file), 0640u);
}

TEST_F(ConflictsTest, DifferentFieldsAndEqualValuesAreNoConflict) {
  const Inode file = Shared("/f");
  Chmod(a_.get(), file, 0600);
  Chmod(b_.get(), file, 0600);
  Do(a_.get(), Op::Setxattr, "/f", "user.a", "1");
  Do(b_.get(), Op::Setxattr, "/f", "user.b", "2");
  Meet();
  EXPECT_TRUE(LedgerOf(a_.get()).empty());
}

// What b hears of in between must not make its first change superfluous: that is what a's lost to.
TEST_F(ConflictsTest, AChangeThatWonIsNotLeftOutForALaterOneThatKnewTheLoser) {
  const Inode file = Shared("/f");
  Do(a_.get(), Op::Setxattr, "/f", "user.k", "from a");
  Chmod(a_.get(), file, 0600);
  Do(b_.get(), Op::Setxattr, "/f", "user.k", "from b");
  Chmod(b_.get(), file, 0640);
  Replicate(a_.get(), b_.get(), 1);
  Do(b_.get(), Op::Setxattr, "/f", "user.k", "from b, who knows");
  Chmod(b_.get(), file, 0644);
  Meet();
  const auto ledger = LedgerOf(a_.get());
  ASSERT_EQ(ledger.size(), 2u);
  for (const RecordedConflict& recorded : ledger) {
    const Conflict conflict = DecodeRecorded(recorded);
    EXPECT_EQ(conflict.loser.stamp.origin.site, 1);
    EXPECT_TRUE(conflict.winner_seen.empty() || conflict.winner_seen[0].lsn() == 1);
  }
  EXPECT_EQ(ModeOf(a_.get(), file), 0644u);
}

TEST_F(ConflictsTest, AnXattrSetApartKeepsTheLosersValue) {
  Shared("/f");
  Do(a_.get(), Op::Setxattr, "/f", "user.k", "from a");
  Do(b_.get(), Op::Setxattr, "/f", "user.k", "from b");
  Meet();
  const auto ledger = LedgerOf(b_.get());
  ASSERT_EQ(ledger.size(), 1u);
  const Conflict conflict = DecodeRecorded(ledger[0]);
  EXPECT_EQ(conflict.lost, Lost::kXattr);
  EXPECT_NE(AsString(conflict.loser.payload).find("from a"), std::string::npos);
  EXPECT_NE(AsString(conflict.winner.payload).find("from b"), std::string::npos);
}

TEST_F(ConflictsTest, TwoRenamesOfOneFileKeepTheOtherName) {
  Shared("/f");
  Do(a_.get(), Op::Rename, "/f", "/by-a");
  Do(b_.get(), Op::Rename, "/f", "/by-b");
  Meet();
  const auto ledger = LedgerOf(a_.get());
  ASSERT_EQ(ledger.size(), 1u);
  EXPECT_EQ(DecodeRecorded(ledger[0]).lost, Lost::kLink);
  EXPECT_EQ(AsString(DecodeRecorded(ledger[0]).path), "/by-a");
}

TEST_F(ConflictsTest, ANameThatTwoFilesWantIsLostByOne) {
  Do(a_.get(), Op::Create, "/n");
  Do(b_.get(), Op::Create, "/n");
  Meet();
  const auto ledger = LedgerOf(a_.get());
  ASSERT_EQ(ledger.size(), 1u);
  EXPECT_EQ(DecodeRecorded(ledger[0]).lost, Lost::kName);
  EXPECT_NE(DecodeRecorded(ledger[0]).loser_inode, DecodeRecorded(ledger[0]).inode);
}

TEST_F(ConflictsTest, AChangeLostToAnUnlinkComesBackWithItsName) {
  const Inode file = Shared("/f");
  Chmod(a_.get(), file, 0600);
  Do(b_.get(), Op::Unlink, "/f");
  Meet();
  EXPECT_EQ(AllPaths(a_.get()), std::vector<std::string>{});
  const auto ledger = LedgerOf(b_.get());
  ASSERT_EQ(ledger.size(), 1u);
  EXPECT_EQ(DecodeRecorded(ledger[0]).lost, Lost::kFields);
  ASSERT_TRUE(b_->SettleConflict(ledger[0].place.id, Settled::kRestored).ok());
  Meet();
  EXPECT_EQ(AllPaths(a_.get()), std::vector<std::string>{"/f"});
  EXPECT_EQ(ModeOf(a_.get(), file), 0600u);
  EXPECT_TRUE(LedgerOf(a_.get())[0].settled);
}

TEST_F(ConflictsTest, AnUnlinkLostToALaterChangeIsReported) {
  const Inode file = Shared("/f");
  Do(a_.get(), Op::Unlink, "/f");
  Chmod(b_.get(), file, 0600);
  Meet();
  EXPECT_EQ(AllPaths(a_.get()), std::vector<std::string>{"/f"});
  const auto ledger = LedgerOf(b_.get());
  ASSERT_EQ(ledger.size(), 1u);
  EXPECT_EQ(DecodeRecorded(ledger[0]).lost, Lost::kLink);
  EXPECT_EQ(DecodeRecorded(ledger[0]).loser.op, Op::Unlink);
  ASSERT_TRUE(a_->SettleConflict(ledger[0].place.id, Settled::kRestored).ok());
  Meet();
  EXPECT_EQ(AllPaths(b_.get()), std::vector<std::string>{});
}

TEST_F(ConflictsTest, AnRmdirLosesToANameMadeInside) {
  Do(a_.get(), Op::Mkdir, "/d");
  Meet();
  Do(b_.get(), Op::Create, "/d/f");
  Do(a_.get(), Op::Rmdir, "/d");
  Meet();
  EXPECT_EQ(AllPaths(a_.get()), (std::vector<std::string>{"/d", "/d/f"}));
  const auto ledger = LedgerOf(a_.get());
  ASSERT_EQ(ledger.size(), 1u);
  EXPECT_EQ(DecodeRecorded(ledger[0]).loser.op, Op::Rmdir);
}

TEST_F(ConflictsTest, ARestoredFieldIsAWriteLikeAnyOtherAndIsSeenEverywhere) {
  const Inode file = Shared("/f");
  Chmod(a_.get(), file, 0600);
  Chmod(b_.get(), file, 0640);
  Meet();
  const LinkId id = LedgerOf(b_.get())[0].place.id;
  ASSERT_TRUE(b_->SettleConflict(id, Settled::kRestored).ok());
  Meet();
  EXPECT_EQ(ModeOf(a_.get(), file), 0600u);
  ASSERT_EQ(LedgerOf(a_.get()).size(), 1u) << "restoring is no conflict";
  EXPECT_EQ(LedgerOf(a_.get())[0].how, Settled::kRestored);
}

TEST_F(ConflictsTest, TheLedgerSurvivesReopeningWithAndWithoutACheckpoint) {
  const Inode file = Shared("/f");
  for (const bool checkpoint : {false, true}) {
    Chmod(a_.get(), file, checkpoint ? 0601 : 0602);
    Chmod(b_.get(), file, checkpoint ? 0603 : 0604);
    Meet();
    const auto before = LedgerOf(a_.get());
    ASSERT_EQ(before.size(), checkpoint ? 2u : 1u);
    ASSERT_TRUE(a_->SettleConflict(before[0].place.id, Settled::kAcknowledged).ok());
    ASSERT_TRUE(a_->Close(checkpoint).ok());
    a_ = OpenEngine(SmallOptions(dir_ / "a", 1));
    const auto after = LedgerOf(a_.get());
    ASSERT_EQ(after.size(), before.size());
    EXPECT_EQ(after.back().payload, before.back().payload);
    EXPECT_TRUE(after[0].settled);
  }
}

TEST_F(ConflictsTest, TheOldestGoesWhenTheLedgerIsFull) {
  const Inode file = Shared("/f");
  a_.reset();
  EngineOptions options = SmallOptions(dir_ / "a", 1);
  options.ledger_bytes_max = 2000;
  a_ = OpenEngine(options);
  for (uint32_t round = 0; round < 10; round++) {
    Chmod(a_.get(), file, 0100 + round);
    Chmod(b_.get(), file, 0200 + round);
    for (int i = 0; i < 3; i++) {
      Replicate(a_.get(), b_.get(), 1);
      Replicate(b_.get(), a_.get(), 2);
    }
  }
  EXPECT_EQ(LedgerOf(b_.get()).size(), 10u);
  const EngineStatus status = a_->GetStatus();
  EXPECT_LT(status.conflicts, 10u);
  EXPECT_EQ(status.conflicts + status.conflicts_evicted, 10u);
  EXPECT_EQ(LedgerOf(a_.get()).back().payload, LedgerOf(b_.get()).back().payload);
}

TEST_F(ConflictsTest, WhatIsTooOldGoesByTheClockOfThisNodeAlone) {
  const Inode file = Shared("/f");
  for (uint32_t round = 0; round < 2; round++) {
    Chmod(a_.get(), file, 0100 + round);
    Chmod(b_.get(), file, 0200 + round);
    Meet();
  }
  EXPECT_EQ(LedgerOf(a_.get()).size(), 2u);
  a_.reset();
  EngineOptions options = SmallOptions(dir_ / "a", 1);
  options.ledger_age_us_max = 1;
  a_ = OpenEngine(options);
  while (a_->GetStatus().conflicts != 0) std::this_thread::yield();
  EXPECT_EQ(a_->GetStatus().conflicts_evicted, 2u);
  EXPECT_EQ(LedgerOf(b_.get()).size(), 2u);
}

TEST_F(ConflictsTest, OneNumberGivenToTwoObjectsKeepsWhatTheOtherWas) {
  constexpr Inode kNumber = 777;
  BatchBuilder::Parts parts;
  parts.inode = kNumber;
  parts.flags = kOpNameIsPath;
  parts.name = "/file";
  ASSERT_TRUE(AppendAndWait(a_.get(), BatchBuilder().Add(Op::Create, parts)).status.ok());
  parts.name = "/link";
  parts.value = "target";
  ASSERT_TRUE(AppendAndWait(b_.get(), BatchBuilder().Add(Op::Symlink, parts)).status.ok());
  Meet();
  EXPECT_EQ(a_->Lookup(kNumber)->kind, Kind::kSymlink);
  std::optional<RecordedConflict> lost_existence;
  for (const RecordedConflict& recorded : LedgerOf(a_.get())) {
    if (DecodeRecorded(recorded).lost == Lost::kExistence) lost_existence = recorded;
  }
  ASSERT_TRUE(lost_existence.has_value());
  const Conflict conflict = DecodeRecorded(*lost_existence);
  EXPECT_EQ(conflict.loser.op, Op::Create);
  EXPECT_EQ(AsString(conflict.path), "/file");
  EXPECT_NE(AsString(conflict.winner.payload).find("target"), std::string::npos);
  ASSERT_TRUE(b_->SettleConflict(lost_existence->place.id, Settled::kRestored).ok());
  Meet();
  EXPECT_EQ(a_->Lookup(kNumber)->kind, Kind::kFile);
  EXPECT_EQ(AllPaths(a_.get()), (std::vector<std::string>{"/file", "/link"}));
}

TEST_F(ConflictsTest, AnUnknownConflictIsNamed) {
  const Status status = a_->SettleConflict({{2, 0xabc}, 7}, Settled::kAcknowledged).status();
  EXPECT_EQ(status.code(), Code::kNotFound);
  EXPECT_NE(status.message().find("2.abc.7"), std::string::npos);
}

// What a person with all sites before them would call a conflict, kept with plain sets: each write
// knows which writes its site had when it was made.
struct Write {
  size_t site = 0;
  size_t file = 0;
  Stamp stamp;
  std::set<size_t> seen;
};

class ConflictsOfThreeSites : public ::testing::TestWithParam<bool> {};

// Compacted, of several changes by one site that knew the same the last arrives, and has won.
TEST_P(ConflictsOfThreeSites, AreExactlyTheConcurrentOnesWhateverTheOrderOfMeeting) {
  constexpr size_t kSites = 3, kFiles = 3, kSteps = 300;
  const uint32_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  TempDir dir;
  std::vector<std::shared_ptr<Engine>> sites;
  for (size_t i = 0; i < kSites; i++) {
    const auto site = static_cast<SiteId>(i + 1);
    sites.push_back(OpenEngine(SmallOptions(dir / std::to_string(site), site)));
  }
  const FeedOptions feed{.compact = GetParam()};
  std::vector<Inode> files;
  for (size_t i = 0; i < kFiles; i++) {
    BatchBuilder batch;
    batch.ByPath(Op::Create, "/" + std::to_string(i));
    files.push_back(AppendAndWait(sites[0].get(), batch, {.want_inodes = true}).inodes[0]);
  }
  for (size_t to = 1; to < kSites; to++) Replicate(sites[0].get(), sites[to].get(), 1, feed);

  std::vector<Write> writes;
  std::vector<std::set<size_t>> known(kSites);
  std::vector<std::map<size_t, size_t>> current(kSites);  // by site and file: a write
  std::set<std::pair<Stamp, Stamp>> expected;             // loser, winner if it is known
  auto write = [&](size_t site, size_t file) {
    const uint32_t mode = static_cast<uint32_t>(writes.size()) & 07777;
    const AppendResult result =
        AppendAndWait(sites[site].get(), BatchBuilder().SetMode(files[file], mode));
    ASSERT_TRUE(result.status.ok());
    const EngineStatus status = sites[site]->GetStatus();
    writes.push_back({site, file, {status.last_hlc, status.origin, result.last_lsn}, known[site]});
    current[site][file] = writes.size() - 1;
    known[site].insert(writes.size() - 1);
  };
  auto meet = [&](size_t from, size_t to) {
    for (size_t id = 0; id < writes.size(); id++) {
      const Write& arriving = writes[id];
      if (arriving.site != from || !known[to].insert(id).second) continue;
      auto [held, is_first] = current[to].try_emplace(arriving.file, id);
      if (is_first || writes[held->second].stamp > arriving.stamp) continue;
      const Write& displaced = writes[held->second];
      if (displaced.site == to && !arriving.seen.contains(held->second)) {
        expected.emplace(displaced.stamp, GetParam() ? Stamp() : arriving.stamp);
      }
      held->second = id;
    }
    Replicate(sites[from].get(), sites[to].get(), static_cast<SiteId>(from + 1), feed);
  };
  for (size_t step = 0; step < kSteps; step++) {
    const size_t site = random() % kSites;
    if (random() % 3 != 0) {
      write(site, random() % kFiles);
    } else {
      meet(site, (site + 1 + random() % (kSites - 1)) % kSites);
    }
  }
  for (int round = 0; round < 3; round++) {
    for (size_t from = 0; from < kSites; from++) {
      for (size_t to = 0; to < kSites; to++) {
        if (from != to) meet(from, to);
      }
    }
  }
  for (const auto& site : sites) {
    std::set<std::pair<Stamp, Stamp>> found;
    const auto conflicts = site->Conflicts({}, 10000);
    for (const RecordedConflict& recorded : conflicts.value()) {
      const Conflict conflict = DecodeRecorded(recorded);
      const Stamp winner = GetParam() ? Stamp() : conflict.winner.stamp;
      EXPECT_TRUE(found.emplace(conflict.loser.stamp, winner).second);
    }
    EXPECT_EQ(found, expected);
    ExpectEqualState(site.get(), sites[0].get());
  }
  std::printf("[   COUNT  ] %zu writes at 3 sites, %zu conflicts, seed %u\n", writes.size(),
              expected.size(), seed);
}

INSTANTIATE_TEST_SUITE_P(WholeAndCompacted, ConflictsOfThreeSites, ::testing::Bool());

}  // namespace
}  // namespace cfsrepl
