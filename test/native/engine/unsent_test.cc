// A site that comes back after its journal was closed: what it never sent is in the ledger, and can
// be made again.
#include <gtest/gtest.h>

#include "engine/engine_support.h"

namespace cfsrepl {
namespace {

constexpr SiteId kAway = 3;

// Sites 1 and 2 go on; site 3 was away, and has written to its old journal meanwhile.
class UnsentTest : public TwoSitesTest {
 protected:
  void SetUp() override {
    TwoSitesTest::SetUp();
    old_ = OpenEngine(SmallOptions(dir_ / "old", kAway));
  }

  // The journal of site 3 is closed, and its next incarnation has what site 1 has.
  void OpenNext() {
    const Origin journal = old_->GetStatus().origin;
    ASSERT_TRUE(a_->Evict(journal.site, journal.incarnation).ok());
    next_ = OpenEngine(SmallOptions(dir_ / "next", kAway));
    Forward(a_.get(), next_.get());
  }

  // Gives every frame of the old journal beyond what the next incarnation holds of it to that.
  uint64_t RecordAll() { return RecordAfter(next_->Held(false)); }
  uint64_t RecordAfter(const std::vector<OriginCursor>& held) {
    auto feed = old_->OpenFeed(held);
    EXPECT_TRUE(feed.ok()) << feed.status().message();
    uint64_t recorded = 0;
    for (;;) {
      auto frame = feed.value()->Next({.compact = false});
      EXPECT_TRUE(frame.ok()) << frame.status().message();
      if (!frame.ok() || !frame->has_value()) return recorded;
      const Result<uint64_t> count = next_->RecordUnsent(frame.value()->bytes, old_.get());
      EXPECT_TRUE(count.ok()) << count.status().message();
      recorded += count.ok() ? count.value() : 0;
    }
  }

  Status Restore(const RecordedConflict& recorded) {
    return next_->SettleConflict(recorded.place.id, Settled::kRestored).status();
  }
  // The `index`th of those that were not sent, from 0.
  Status Restore(size_t index) { return Restore(LedgerOf(next_.get()).at(index)); }
  void RestoreAll() {
    for (const RecordedConflict& recorded : LedgerOf(next_.get())) {
      const Status status = Restore(recorded);
      EXPECT_TRUE(status.ok()) << OpName(DecodeRecorded(recorded).loser.op) << ": "
                               << status.message();
    }
  }

  static void Chmod(Engine* site, Inode inode, uint32_t mode) {
    ASSERT_TRUE(AppendAndWait(site, BatchBuilder().SetMode(inode, mode)).status.ok());
  }
  static void Resize(Engine* site, Op op, Inode inode, uint64_t size) {
    BatchBuilder::Parts parts;
    parts.inode = inode;
    parts.attributes = Attributes(kFieldSize, 0, 0, 0, size, 7, 0, 0, 0, 0, 0, 0);
    ASSERT_TRUE(AppendAndWait(site, BatchBuilder().Add(op, parts)).status.ok());
  }
  static Inode InodeOf(Engine* site, const std::string& path) {
    const auto found = site->LookupPath(AsBytes(path));
    EXPECT_TRUE(found.ok()) << found.status().message();
    return found.ok() ? found->inode : 0;
  }
  static bool Has(Engine* site, const std::string& path) {
    return site->LookupPath(AsBytes(path)).ok();
  }
  // What all three have.
  Inode Shared(Op op, const std::string& path) {
    Do(a_.get(), op, path);
    Replicate(a_.get(), old_.get(), 1);
    return InodeOf(a_.get(), path);
  }

  std::shared_ptr<Engine> old_, next_;
};

TEST_F(UnsentTest, EveryOpIsRecordedAsItWasWrittenInOrder) {
  Do(old_.get(), Op::Mkdir, "/d");
  Do(old_.get(), Op::Create, "/d/f");
  Do(old_.get(), Op::Symlink, "/d/s", "", "target");
  Do(old_.get(), Op::Link, "/d/f", "/hard");
  const Inode file = InodeOf(old_.get(), "/d/f");
  Resize(old_.get(), Op::Write, file, 4096);
  Resize(old_.get(), Op::Truncate, file, 100);
  Chmod(old_.get(), file, 0600);
  Do(old_.get(), Op::Setxattr, "/d/f", "user.k", "value");
  Do(old_.get(), Op::Removexattr, "/d/f", "user.k");
  Do(old_.get(), Op::Rename, "/d/f", "/d/g");
  Do(old_.get(), Op::Unlink, "/d/s");
  Do(old_.get(), Op::Mkdir, "/gone");
  Do(old_.get(), Op::Rmdir, "/gone");
  OpenNext();
  EXPECT_EQ(RecordAll(), 13u);

  const struct {
    Op op;
    const char* path;
  } kExpected[] = {{Op::Mkdir, "/d"},      {Op::Create, "/d/f"},    {Op::Symlink, "/d/s"},
                   {Op::Link, "/hard"},    {Op::Write, "/hard"},    {Op::Truncate, "/hard"},
                   {Op::Setattr, "/hard"}, {Op::Setxattr, "/hard"}, {Op::Removexattr, "/hard"},
                   {Op::Rename, "/d/g"},   {Op::Unlink, "/d/s"},    {Op::Mkdir, "/gone"},
                   {Op::Rmdir, "/gone"}};
  const auto ledger = LedgerOf(next_.get());
  const Origin journal = old_->GetStatus().origin;
  const Eviction eviction = next_->GetStatus().evictions.at(0);
  ASSERT_EQ(ledger.size(), std::size(kExpected));
  for (size_t i = 0; i < ledger.size(); i++) {
    SCOPED_TRACE(i);
    const Conflict conflict = DecodeRecorded(ledger[i]);
    EXPECT_EQ(conflict.lost, Lost::kUnsent);
    EXPECT_EQ(conflict.loser.op, kExpected[i].op);
    EXPECT_EQ(AsString(conflict.path), kExpected[i].path);
    EXPECT_EQ(conflict.loser.stamp.origin, journal);
    EXPECT_EQ(conflict.loser.stamp.lsn, i + 1);
    EXPECT_EQ(conflict.winner.op, Op::Evict);
    EXPECT_EQ(conflict.winner.stamp, eviction.by);
    EXPECT_EQ(ledger[i].place.id.origin, next_->GetStatus().origin);
  }
  EXPECT_TRUE(DecodeRecorded(ledger[1]).loser.asserts_links);
  EXPECT_NE(AsString(DecodeRecorded(ledger[2]).loser.payload).find("target"), std::string::npos);
}

TEST_F(UnsentTest, WhatWasSentIsNotRecordedAndWhatItsWriterHadSeenIs) {
  Shared(Op::Create, "/f");
  Do(old_.get(), Op::Create, "/sent");
  Replicate(old_.get(), a_.get(), kAway);
  Do(old_.get(), Op::Create, "/unsent");
  OpenNext();
  EXPECT_EQ(RecordAll(), 1u);
  const auto ledger = LedgerOf(next_.get());
  ASSERT_EQ(ledger.size(), 1u);
  EXPECT_EQ(AsString(DecodeRecorded(ledger[0]).path), "/unsent");
  ASSERT_EQ(DecodeRecorded(ledger[0]).loser_seen.size(), 1u);
  EXPECT_EQ(DecodeRecorded(ledger[0]).loser_seen[0].site(), 1);
  EXPECT_EQ(DecodeRecorded(ledger[0]).loser_seen[0].lsn(), 1u);
}

// Another site may have brought some of it since the journal was opened for reading.
TEST_F(UnsentTest, OfAFrameThatIsHeldInPartTheRestIsRecorded) {
  Do(old_.get(), Op::Create, "/sent");
  Replicate(old_.get(), a_.get(), kAway);
  Do(old_.get(), Op::Create, "/unsent");
  OpenNext();
  EXPECT_EQ(RecordAfter({}), 1u);
  const auto ledger = LedgerOf(next_.get());
  ASSERT_EQ(ledger.size(), 1u);
  EXPECT_EQ(AsString(DecodeRecorded(ledger[0]).path), "/unsent");
}

TEST_F(UnsentTest, OnceMoreAddsNothingNorAfterReopening) {
  Do(old_.get(), Op::Create, "/f");
  OpenNext();
  EXPECT_EQ(RecordAll(), 1u);
  const Lsn end = next_->GetStatus().last_lsn;
  EXPECT_EQ(RecordAll(), 0u);
  ASSERT_TRUE(next_->Close(true).ok());
  next_ = OpenEngine(SmallOptions(dir_ / "next", kAway));
  EXPECT_EQ(RecordAll(), 0u);
  EXPECT_EQ(next_->GetStatus().last_lsn, end);
  EXPECT_EQ(LedgerOf(next_.get()).size(), 1u);
}

TEST_F(UnsentTest, EverySiteHasTheSameRecords) {
  Do(old_.get(), Op::Mkdir, "/d");
  Do(old_.get(), Op::Create, "/d/f");
  OpenNext();
  RecordAll();
  Replicate(next_.get(), a_.get(), kAway);
  const auto here = LedgerOf(next_.get());
  const auto there = LedgerOf(a_.get());
  ASSERT_EQ(here.size(), 2u);
  ASSERT_EQ(there.size(), 2u);
  for (size_t i = 0; i < here.size(); i++) {
    EXPECT_EQ(here[i].place.id, there[i].place.id);
    EXPECT_EQ(here[i].payload, there[i].payload);
  }
}

TEST_F(UnsentTest, MoreThanOneGroupHoldsIsAllRecorded) {
  constexpr size_t kFiles = 40, kValueBytes = limits::kXattrValueBytesMax;
  for (size_t i = 0; i < kFiles; i++) {
    const std::string path = "/" + std::to_string(i);
    Do(old_.get(), Op::Create, path);
    Do(old_.get(), Op::Setxattr, path, "user.k", std::string(kValueBytes, 'v'));
  }
  OpenNext();
  EXPECT_EQ(RecordAll(), 2 * kFiles);
  EXPECT_EQ(LedgerOf(next_.get()).size(), 2 * kFiles);
}

TEST_F(UnsentTest, AConflictThatTheOldJournalRecordedIsRecordedAgain) {
  const Inode file = Shared(Op::Create, "/f");
  Chmod(old_.get(), file, 0600);
  Chmod(a_.get(), file, 0640);
  Replicate(old_.get(), a_.get(), kAway);  // the loser is sent, the record of its loss is not
  Replicate(a_.get(), old_.get(), 1);
  ASSERT_EQ(LedgerOf(old_.get()).size(), 1u);
  OpenNext();
  EXPECT_EQ(RecordAll(), 1u);
  EXPECT_EQ(RecordAll(), 0u);
  ASSERT_EQ(LedgerOf(next_.get()).size(), 1u);
  EXPECT_EQ(DecodeRecorded(LedgerOf(next_.get())[0]).lost, Lost::kFields);
  EXPECT_EQ(LedgerOf(next_.get())[0].payload, LedgerOf(old_.get())[0].payload);
}

TEST_F(UnsentTest, WhatAnUnsentChangeLostIsInItsOwnRecordAlone) {
  const Inode file = Shared(Op::Create, "/f");
  Chmod(old_.get(), file, 0600);
  Chmod(a_.get(), file, 0640);
  Replicate(a_.get(), old_.get(), 1);
  ASSERT_EQ(LedgerOf(old_.get()).size(), 1u);
  OpenNext();
  EXPECT_EQ(RecordAll(), 1u);
  ASSERT_EQ(LedgerOf(next_.get()).size(), 1u);
  EXPECT_EQ(DecodeRecorded(LedgerOf(next_.get())[0]).lost, Lost::kUnsent);
}

TEST_F(UnsentTest, OnlyAFrameOfAClosedJournalOfAnotherIncarnationIsTaken) {
  Do(old_.get(), Op::Create, "/f");
  const auto frame = old_->OpenFeed({}).value()->Next({.compact = false});
  ASSERT_TRUE(frame.ok() && frame->has_value());
  const Bytes bytes = frame.value()->bytes;
  EXPECT_EQ(b_->RecordUnsent(bytes, old_.get()).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(old_->RecordUnsent(bytes, old_.get()).status().code(), Code::kInvalidArgument);
  OpenNext();
  std::vector<uint8_t> damaged(bytes.begin(), bytes.end());
  damaged.back() ^= 1;
  EXPECT_EQ(next_->RecordUnsent(damaged, old_.get()).status().code(), Code::kChecksum);
  EXPECT_EQ(next_->RecordUnsent(bytes.first(100), old_.get()).status().code(), Code::kMalformed);
  ASSERT_TRUE(old_->Close(false).ok());
  EXPECT_EQ(next_->RecordUnsent(bytes, old_.get()).status().code(), Code::kClosed);
  EXPECT_TRUE(LedgerOf(next_.get()).empty());
}

TEST_F(UnsentTest, RestoredInOrderTheTreeLooksAsItDid) {
  Do(old_.get(), Op::Mkdir, "/d");
  Do(old_.get(), Op::Mkdir, "/d/sub");
  Do(old_.get(), Op::Create, "/d/f");
  const Inode file = InodeOf(old_.get(), "/d/f");
  Chmod(old_.get(), file, 0600);
  Resize(old_.get(), Op::Write, file, 4096);
  Do(old_.get(), Op::Setxattr, "/d/f", "user.k", "value");
  Do(old_.get(), Op::Link, "/d/f", "/d/x");
  Do(old_.get(), Op::Rename, "/d/x", "/d/sub/y");
  Do(old_.get(), Op::Create, "/d/put-away");
  Do(old_.get(), Op::Rename, "/d/f", "/d/put-away");
  Do(old_.get(), Op::Rename, "/d", "/e");
  Do(old_.get(), Op::Symlink, "/e/s", "", "target");
  Do(old_.get(), Op::Create, "/e/gone");
  Do(old_.get(), Op::Unlink, "/e/gone");
  Do(old_.get(), Op::Mkdir, "/e/empty");
  Do(old_.get(), Op::Rmdir, "/e/empty");
  OpenNext();
  EXPECT_TRUE(AllPaths(next_.get()).empty());
  RecordAll();
  RestoreAll();
  EXPECT_EQ(AllPaths(next_.get()), AllPaths(old_.get()));
  const InodeInfo restored = next_->Lookup(file).value();
  EXPECT_EQ(restored.mode & 07777, 0600u);
  EXPECT_EQ(restored.size, 4096u);
  EXPECT_EQ(restored.paths, (std::vector<std::string>{"/e/put-away", "/e/sub/y"}));
  ASSERT_EQ(restored.xattrs.size(), 1u);
  EXPECT_EQ(restored.xattrs[0].value, "value");
  EXPECT_EQ(next_->GetStatus().conflicts_open, 0u);
  Replicate(next_.get(), a_.get(), kAway);
  ExpectEqualState(next_.get(), a_.get());
}

TEST_F(UnsentTest, AChangeOfWhatIsNotKnownSaysWhatIsToBeRestoredFirst) {
  Do(old_.get(), Op::Create, "/f");
  const Inode file = InodeOf(old_.get(), "/f");
  Chmod(old_.get(), file, 0600);
  Do(old_.get(), Op::Setxattr, "/f", "user.k", "value");
  Do(old_.get(), Op::Link, "/f", "/g");
  Do(old_.get(), Op::Rename, "/g", "/h");
  Do(old_.get(), Op::Unlink, "/h");
  OpenNext();
  RecordAll();
  for (const size_t change : {1, 2, 3, 4}) {
    const Status status = Restore(change);
    EXPECT_EQ(status.code(), Code::kNotFound);
    EXPECT_NE(status.message().find(std::to_string(file)), std::string::npos);
    EXPECT_NE(status.message().find("creation has to be restored first"), std::string::npos);
  }
  const Status nothing = Restore(5);
  EXPECT_EQ(nothing.code(), Code::kNotFound);
  EXPECT_NE(nothing.message().find("nothing is left to remove"), std::string::npos);
  EXPECT_EQ(next_->GetStatus().conflicts_open, 6u) << "what was refused stays open";
  RestoreAll();
  EXPECT_EQ(AllPaths(next_.get()), std::vector<std::string>{"/f"});
}

TEST_F(UnsentTest, WhatWasMadeInADirectoryThatIsNotKnownComesBackInTheRoot) {
  Do(old_.get(), Op::Mkdir, "/d");
  Do(old_.get(), Op::Create, "/d/f");
  OpenNext();
  RecordAll();
  ASSERT_TRUE(Restore(1).ok());
  EXPECT_EQ(AllPaths(next_.get()), std::vector<std::string>{"/f"});
}

TEST_F(UnsentTest, ADirectoryThatWasRemovedMeanwhileComesBackWithWhatWasMadeInIt) {
  Shared(Op::Mkdir, "/d");
  Do(old_.get(), Op::Create, "/d/f");
  Do(a_.get(), Op::Rmdir, "/d");
  OpenNext();
  RecordAll();
  ASSERT_TRUE(Restore(0).ok());
  EXPECT_EQ(AllPaths(next_.get()), (std::vector<std::string>{"/d", "/d/f"}));
}

TEST_F(UnsentTest, ACreationIsMadeAgainAfterWhatItMadeWasRemoved) {
  Do(old_.get(), Op::Create, "/f");
  OpenNext();
  RecordAll();
  ASSERT_TRUE(Restore(0).ok());
  Do(next_.get(), Op::Unlink, "/f");
  ASSERT_TRUE(Restore(0).ok());
  EXPECT_EQ(AllPaths(next_.get()), std::vector<std::string>{"/f"});
}

TEST_F(UnsentTest, AFileThatWasRemovedMeanwhileComesBackWithWhatWasDoneToIt) {
  const Inode changed = Shared(Op::Create, "/changed");
  Shared(Op::Create, "/linked");
  Shared(Op::Create, "/moved");
  Chmod(old_.get(), changed, 0600);
  Do(old_.get(), Op::Link, "/linked", "/hard");
  Do(old_.get(), Op::Rename, "/moved", "/to");
  for (const char* path : {"/changed", "/linked", "/moved"}) Do(a_.get(), Op::Unlink, path);
  OpenNext();
  RecordAll();
  RestoreAll();
  EXPECT_EQ(AllPaths(next_.get()), (std::vector<std::string>{"/changed", "/hard", "/to"}));
  EXPECT_EQ(next_->Lookup(changed)->mode & 07777, 0600u);
}

TEST_F(UnsentTest, AChangeOfAFileThatHadNoNameGivesItNone) {
  Do(old_.get(), Op::Create, "/open");
  const Inode file = InodeOf(old_.get(), "/open");
  Do(old_.get(), Op::Unlink, "/open");
  Resize(old_.get(), Op::Write, file, 4096);
  OpenNext();
  RecordAll();
  RestoreAll();
  EXPECT_TRUE(AllPaths(next_.get()).empty());
}

TEST_F(UnsentTest, ARemovalIsOfTheLinkThatItNamesWhereverThatIsNow) {
  Shared(Op::Create, "/f");
  Shared(Op::Mkdir, "/d");
  Do(old_.get(), Op::Unlink, "/f");
  Do(old_.get(), Op::Rmdir, "/d");
  Do(a_.get(), Op::Rename, "/f", "/g");
  Do(a_.get(), Op::Create, "/f");
  OpenNext();
  RecordAll();
  RestoreAll();
  EXPECT_EQ(AllPaths(next_.get()), std::vector<std::string>{"/f"});
}

TEST_F(UnsentTest, ARemovalOfWhatIsRemovedHasNothingLeftToRemove) {
  Shared(Op::Create, "/f");
  Do(old_.get(), Op::Unlink, "/f");
  Do(a_.get(), Op::Unlink, "/f");
  Do(a_.get(), Op::Create, "/f");
  OpenNext();
  RecordAll();
  EXPECT_EQ(Restore(0).code(), Code::kNotFound);
  EXPECT_EQ(AllPaths(next_.get()), std::vector<std::string>{"/f"}) << "another file's name stays";
}

TEST_F(UnsentTest, ARenameIsOfTheLinkThatItNamesWhereverThatIsNow) {
  Shared(Op::Create, "/f");
  Do(old_.get(), Op::Rename, "/f", "/by-old");
  Do(a_.get(), Op::Rename, "/f", "/by-a");
  OpenNext();
  RecordAll();
  ASSERT_TRUE(Restore(0).ok());
  EXPECT_EQ(AllPaths(next_.get()), std::vector<std::string>{"/by-old"});
}

TEST_F(UnsentTest, ARenameOfANameThatWasRemovedMeanwhileBringsItBackBesideTheOthers) {
  Shared(Op::Create, "/x");
  Do(a_.get(), Op::Link, "/x", "/y");
  Replicate(a_.get(), old_.get(), 1);
  Do(old_.get(), Op::Rename, "/x", "/z");
  Do(a_.get(), Op::Unlink, "/x");
  OpenNext();
  RecordAll();
  ASSERT_TRUE(Restore(0).ok());
  EXPECT_EQ(AllPaths(next_.get()), (std::vector<std::string>{"/y", "/z"}));
}

TEST_F(UnsentTest, ARenameTakesAwayWhatItReplacedAndNothingElse) {
  Shared(Op::Create, "/f");
  Shared(Op::Create, "/onto");
  Do(old_.get(), Op::Rename, "/f", "/onto");
  OpenNext();
  RecordAll();
  ASSERT_TRUE(Restore(0).ok());
  EXPECT_EQ(AllPaths(next_.get()), std::vector<std::string>{"/onto"});
}

TEST_F(UnsentTest, ARenameOntoWhatIsAnotherNowLeavesThatUnderAnotherName) {
  Shared(Op::Create, "/f");
  Shared(Op::Create, "/onto");
  Do(old_.get(), Op::Rename, "/f", "/onto");
  Do(a_.get(), Op::Rename, "/onto", "/elsewhere");
  Do(a_.get(), Op::Create, "/onto");
  const Inode other = InodeOf(a_.get(), "/onto");
  OpenNext();
  RecordAll();
  ASSERT_TRUE(Restore(0).ok());
  EXPECT_TRUE(Has(next_.get(), "/elsewhere"));
  ASSERT_EQ(AllPaths(next_.get()).size(), 3u);
  EXPECT_EQ(next_->Lookup(other)->paths.at(0).rfind("/onto~", 0), 0u);
}

}  // namespace
}  // namespace cfsrepl
