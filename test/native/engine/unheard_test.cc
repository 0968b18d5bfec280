// What an evicted site had sent, and lost to changes that it never heard of: the others record it.
#include <gtest/gtest.h>

#include "engine/engine_support.h"

namespace cfsrepl {
namespace {

constexpr SiteId kAway = 3;

// Sites 1 and 2, and site 3, which all have the file /f; then site 3 hears of nothing any more.
class UnheardTest : public TwoSitesTest {
 protected:
  void SetUp() override {
    TwoSitesTest::SetUp();
    c_ = OpenEngine(SmallOptions(dir_ / "c", kAway));
    file_ = Do(a_.get(), Op::Create, "/f").inodes.front();
    MeetAll();
    a_->SetPeers({2, kAway});
    a_->SetPeerCursor(c_->GetStatus().origin, c_->Held(false));
  }

  void MeetAll() {
    for (int round = 0; round < 2; round++) {
      for (Engine* from : {a_.get(), b_.get(), c_.get()}) {
        for (Engine* to : {a_.get(), b_.get(), c_.get()}) {
          if (from != to) Replicate(from, to, from->GetStatus().origin.site);
        }
      }
    }
  }

  void Chmod(Engine* site, uint32_t mode) {
    ASSERT_TRUE(AppendAndWait(site, BatchBuilder().SetMode(file_, mode)).status.ok());
  }

  // The last that anybody takes of site 3 directly, and its end.
  void EvictAtA() {
    const Origin closed = c_->GetStatus().origin;
    ASSERT_TRUE(a_->Evict(closed.site, closed.incarnation).ok());
  }

  uint64_t Record(Engine* site) {
    const Result<uint64_t> recorded = site->RecordUnheard(kAway);
    EXPECT_TRUE(recorded.ok()) << recorded.status().message();
    return recorded.ok() ? recorded.value() : 0;
  }

  // Of site 3, to a change of site 1.
  void ExpectOneLoss(Engine* site, Lost lost, Op loser, Op winner) {
    const std::vector<RecordedConflict> ledger = LedgerOf(site);
    ASSERT_EQ(ledger.size(), 1u);
    const Conflict conflict = DecodeRecorded(ledger[0]);
    EXPECT_EQ(conflict.lost, lost);
    EXPECT_EQ(conflict.loser.op, loser);
    EXPECT_EQ(conflict.loser.stamp.origin.site, kAway);
    EXPECT_EQ(conflict.winner.op, winner);
    EXPECT_EQ(conflict.winner.stamp.origin.site, 1);
    EXPECT_EQ(conflict.loser_inode, file_);
  }

  std::shared_ptr<Engine> c_;
  Inode file_ = 0;
};

TEST_F(UnheardTest, AChangeThatLostIsRecordedOnce) {
  Chmod(c_.get(), 0600);
  Chmod(a_.get(), 0640);
  Replicate(c_.get(), a_.get(), kAway);
  EvictAtA();
  EXPECT_EQ(a_->GetStatus().unheard, std::vector<SiteId>{kAway});
  EXPECT_EQ(Record(a_.get()), 1u);
  ExpectOneLoss(a_.get(), Lost::kFields, Op::Setattr, Op::Setattr);
  EXPECT_TRUE(a_->GetStatus().unheard.empty());
  EXPECT_EQ(Record(a_.get()), 0u);
}

TEST_F(UnheardTest, AnotherSiteRecordsTheSameAndTheLedgerKeepsOne) {
  Chmod(c_.get(), 0600);
  Chmod(a_.get(), 0640);
  Replicate(c_.get(), a_.get(), kAway);
  Replicate(c_.get(), b_.get(), kAway);
  EvictAtA();
  Meet();
  Record(a_.get());
  Record(b_.get());
  Meet();
  ExpectOneLoss(a_.get(), Lost::kFields, Op::Setattr, Op::Setattr);
  ExpectOneLoss(b_.get(), Lost::kFields, Op::Setattr, Op::Setattr);
}

TEST_F(UnheardTest, WhatTheSiteRecordedItselfIsNotRecordedAgain) {
  Chmod(c_.get(), 0600);
  Chmod(a_.get(), 0640);
  Replicate(a_.get(), c_.get(), 1);  // and so it heard
  Replicate(c_.get(), a_.get(), kAway);
  EvictAtA();
  EXPECT_EQ(Record(a_.get()), 0u);
  ExpectOneLoss(a_.get(), Lost::kFields, Op::Setattr, Op::Setattr);
}

TEST_F(UnheardTest, NothingIsLostToAWriterWhoKnewOrByOneWhoWasLater) {
  Chmod(a_.get(), 0640);
  Chmod(c_.get(), 0600);  // stamped later: it wins
  Replicate(c_.get(), a_.get(), kAway);
  Chmod(a_.get(), 0644);  // having seen it
  EvictAtA();
  EXPECT_EQ(Record(a_.get()), 0u);
  // The first chmod of site 1 lost, and site 1 recorded that.
  for (const RecordedConflict& recorded : LedgerOf(a_.get())) {
    EXPECT_EQ(DecodeRecorded(recorded).loser.stamp.origin.site, 1);
  }
}

TEST_F(UnheardTest, AChangeLostWithTheLastNameIsRecorded) {
  Chmod(c_.get(), 0600);
  Do(a_.get(), Op::Unlink, "/f");
  Replicate(c_.get(), a_.get(), kAway);
  EvictAtA();
  Record(a_.get());
  ExpectOneLoss(a_.get(), Lost::kFields, Op::Setattr, Op::Unlink);
}

TEST_F(UnheardTest, AChangeOfAFileThatHasAnotherNameIsNotLostWithOne) {
  BatchBuilder link;
  link.ByPath(Op::Link, "/f", "/g");
  ASSERT_TRUE(AppendAndWait(a_.get(), link).status.ok());
  MeetAll();
  a_->SetPeerCursor(c_->GetStatus().origin, c_->Held(false));
  Chmod(c_.get(), 0600);
  Do(a_.get(), Op::Unlink, "/f");
  Replicate(c_.get(), a_.get(), kAway);
  EvictAtA();
  EXPECT_EQ(Record(a_.get()), 0u);
}

TEST_F(UnheardTest, AnUnlinkLostToAChangeIsRecorded) {
  Do(c_.get(), Op::Unlink, "/f");
  Chmod(a_.get(), 0640);
  Replicate(c_.get(), a_.get(), kAway);
  EvictAtA();
  Record(a_.get());
  ExpectOneLoss(a_.get(), Lost::kLink, Op::Unlink, Op::Setattr);
}

TEST_F(UnheardTest, ARenameLostToARenameIsRecordedWithItsPath) {
  Do(c_.get(), Op::Rename, "/f", "/of-c");
  Do(a_.get(), Op::Rename, "/f", "/of-a");
  Replicate(c_.get(), a_.get(), kAway);
  EvictAtA();
  Record(a_.get());
  ExpectOneLoss(a_.get(), Lost::kLink, Op::Rename, Op::Rename);
  const std::vector<RecordedConflict> ledger = LedgerOf(a_.get());
  EXPECT_EQ(AsString(DecodeRecorded(ledger[0]).path), "/of-c");
}

TEST_F(UnheardTest, AnXattrLostIsRecorded) {
  Do(c_.get(), Op::Setxattr, "/f", "user.k", "of c");
  Do(a_.get(), Op::Setxattr, "/f", "user.k", "of a");
  Replicate(c_.get(), a_.get(), kAway);
  EvictAtA();
  Record(a_.get());
  ExpectOneLoss(a_.get(), Lost::kXattr, Op::Setxattr, Op::Setxattr);
}

TEST_F(UnheardTest, ARestartInBetweenForgetsNothing) {
  Chmod(c_.get(), 0600);
  Chmod(a_.get(), 0640);
  Replicate(c_.get(), a_.get(), kAway);
  EvictAtA();
  for (const bool with_checkpoint : {false, true, true}) {
    ASSERT_TRUE(a_->Close(with_checkpoint).ok());
    a_ = OpenEngine(SmallOptions(dir_ / "a", 1));
    EXPECT_EQ(a_->GetStatus().unheard, std::vector<SiteId>{kAway});
  }
  EXPECT_EQ(Record(a_.get()), 1u);
  ExpectOneLoss(a_.get(), Lost::kFields, Op::Setattr, Op::Setattr);
}

TEST_F(UnheardTest, TheJournalIsKeptUntilItIsRecorded) {
  EvictAtA();
  a_->SetPeers({});
  ASSERT_TRUE(a_->Checkpoint().ok());
  EXPECT_EQ(a_->Collect(true, true).value().held_by,
            "site 3, evicted: its losses are to be recorded");
  Record(a_.get());
  EXPECT_EQ(a_->Collect(true, true).value().held_by, "checkpoint");
}

TEST_F(UnheardTest, WhatAnEvictedIncarnationAcknowledgesIsNotNoted) {
  EvictAtA();
  const Origin closed = c_->GetStatus().origin;
  EXPECT_TRUE(a_->PeerCursor(kAway).empty());
  a_->SetPeerCursor(closed, a_->Held(false));
  EXPECT_TRUE(a_->PeerCursor(kAway).empty());
  a_->SetPeerCursor({kAway, closed.incarnation + 1}, a_->Held(false));
  EXPECT_FALSE(a_->PeerCursor(kAway).empty());
}

}  // namespace
}  // namespace cfsrepl
