// What is gone is forgotten when every site has seen it go, and never comes back by it.
#include <gtest/gtest.h>

#include <thread>

#include "engine/engine_support.h"

namespace cfsrepl {
namespace {

constexpr Hlc kAnyTime = UINT64_MAX;

class ForgetTest : public TwoSitesTest {
 protected:
  // Forgets what is gone by now, until that many records are. A sweep passes over what the digest
  // has not taken out yet.
  static void Forget(Engine* site, uint64_t records, Hlc before = kAnyTime) {
    const uint64_t already = site->GetStatus().forgotten;
    while (site->GetStatus().forgotten < already + records) {
      site->Forget(site->Held(false), before);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_EQ(site->GetStatus().forgotten, already + records);
  }
};

TEST_F(ForgetTest, RemovedFilesAndDirectoriesLeaveNothingBehind) {
  Do(a_.get(), Op::Mkdir, "/d");
  for (int i = 0; i < 100; i++) {
    const std::string path = "/d/" + std::to_string(i) + std::string(40, 'n');
    Do(a_.get(), Op::Create, path);
    Do(a_.get(), Op::Setxattr, path, "user.k", "value");
    if (i >= 10) Do(a_.get(), Op::Unlink, path);
  }
  Meet();
  const uint64_t live = a_->GetStatus().live_inodes;
  EXPECT_EQ(live, 12u);
  Forget(a_.get(), 90);
  EXPECT_EQ(a_->GetStatus().inodes, live);
  ExpectEqualState(a_.get(), b_.get());
  // What was forgotten makes room for what comes.
  const uint64_t bytes = a_->GetStatus().state_bytes;
  for (int i = 0; i < 90; i++) Do(a_.get(), Op::Create, "/d/again" + std::to_string(i));
  EXPECT_LT(a_->GetStatus().state_bytes, bytes + 90 * 100) << "an inode takes 192 and more";
  Meet();
}

TEST_F(ForgetTest, ADirectoryGoesAfterWhatWasInIt) {
  Do(a_.get(), Op::Mkdir, "/d");
  Do(a_.get(), Op::Mkdir, "/d/e");
  Do(a_.get(), Op::Create, "/d/e/f");
  Do(a_.get(), Op::Unlink, "/d/e/f");
  Do(a_.get(), Op::Rmdir, "/d/e");
  Do(a_.get(), Op::Rmdir, "/d");
  Meet();
  Forget(a_.get(), 3);
  EXPECT_EQ(a_->GetStatus().inodes, 1u);
}

TEST_F(ForgetTest, NothingIsForgottenThatAnotherSiteMayNotHaveSeen) {
  Do(a_.get(), Op::Create, "/f");
  Meet();
  const auto horizon = a_->Held(false);
  Do(a_.get(), Op::Unlink, "/f");
  a_->Forget(horizon, kAnyTime);
  // B had not seen the unlink, and its change is later: the file stays.
  const Inode file = b_->LookupPath(AsBytes("/f"))->inode;
  ASSERT_TRUE(AppendAndWait(b_.get(), BatchBuilder().SetMode(file, 0600)).status.ok());
  Meet();
  EXPECT_EQ(AllPaths(a_.get()), std::vector<std::string>{"/f"});
}

TEST_F(ForgetTest, WhatWasWrittenLatelyStays) {
  Do(a_.get(), Op::Create, "/old");
  Do(a_.get(), Op::Unlink, "/old");
  const Hlc before = a_->GetStatus().last_hlc + 1;
  Do(a_.get(), Op::Create, "/new");
  Do(a_.get(), Op::Unlink, "/new");
  Forget(a_.get(), 1, before);
  EXPECT_EQ(a_->GetStatus().inodes, 2u);
}

TEST_F(ForgetTest, ARemovedXattrGoesAndTheFileStays) {
  Do(a_.get(), Op::Create, "/f");
  Do(a_.get(), Op::Setxattr, "/f", "user.a", "1");
  Do(a_.get(), Op::Setxattr, "/f", "user.b", "2");
  Do(a_.get(), Op::Removexattr, "/f", "user.a");
  Meet();
  Forget(a_.get(), 1);
  EXPECT_EQ(a_->LookupPath(AsBytes("/f"))->xattrs.size(), 1u);
  Do(b_.get(), Op::Setxattr, "/f", "user.a", "3");
  Meet();
  EXPECT_EQ(a_->LookupPath(AsBytes("/f"))->xattrs.size(), 2u);
}

TEST_F(ForgetTest, WhatWasForgottenStaysSoOverRestartsWithAndWithoutACheckpoint) {
  for (const bool checkpoint : {true, false}) {
    Do(a_.get(), Op::Create, "/kept" + std::to_string(checkpoint));
    Do(a_.get(), Op::Create, "/f");
    Do(a_.get(), Op::Unlink, "/f");
    Meet();
    Forget(a_.get(), 1);
    ASSERT_TRUE(a_->Close(checkpoint).ok());
    a_ = OpenEngine(SmallOptions(dir_ / "a", 1));
    ExpectEqualState(a_.get(), b_.get());
    const EngineStatus status = a_->GetStatus();
    // Without one the journal brings the tombstone back, and the next sweep takes it again.
    EXPECT_EQ(status.inodes, status.live_inodes + (checkpoint ? 0 : 1));
    EXPECT_FALSE(status.forgotten_horizon.empty());
  }
}

TEST_F(ForgetTest, AFrameThatOverlapsWhatIsHeldBringsNothingBack) {
  auto feed = a_->OpenFeed({}).value();
  Do(a_.get(), Op::Create, "/f");
  Replicate(a_.get(), b_.get(), 1);
  Do(a_.get(), Op::Unlink, "/f");
  Replicate(a_.get(), b_.get(), 1);
  Forget(b_.get(), 1);
  Do(a_.get(), Op::Create, "/g");
  // All of it in one frame, from the first entry on.
  const auto whole = feed->Next({.compact = false}).value();
  ASSERT_TRUE(whole.has_value());
  ASSERT_EQ(whole->summary.first_lsn, 1u);
  EXPECT_TRUE(ReceiveAndWait(b_.get(), whole->bytes, 1).status.ok());
  EXPECT_EQ(b_->GetStatus().inodes, 2u);
  ExpectEqualState(a_.get(), b_.get());
}

class ForgottenConflictTest : public ForgetTest {
 protected:
  // B's ledger has a change of /d/f that was lost with its name; then /d went, too. A keeps no
  // ledger and has forgotten both.
  LinkId LoseAndForget() {
    EngineOptions options = SmallOptions(dir_ / "a", 1);
    a_.reset();
    options.ledger_bytes_max = 1;
    a_ = OpenEngine(options);
    Do(a_.get(), Op::Mkdir, "/d");
    file_ = Do(a_.get(), Op::Create, "/d/f").inodes[0];
    Do(a_.get(), Op::Setxattr, "/d/f", "user.k", "value");
    Meet();
    EXPECT_TRUE(AppendAndWait(b_.get(), BatchBuilder().SetMode(file_, 0600)).status.ok());
    Do(a_.get(), Op::Unlink, "/d/f");
    Meet();
    Do(a_.get(), Op::Rmdir, "/d");
    Meet();
    EXPECT_EQ(AllPaths(a_.get()), std::vector<std::string>{});
    Forget(a_.get(), 2);
    EXPECT_EQ(a_->GetStatus().inodes, 1u);
    const auto ledger = b_->Conflicts({}, 10).value();
    EXPECT_EQ(ledger.size(), 1u);
    return ledger.at(0).place.id;
  }

  Inode file_ = 0;
};

TEST_F(ForgottenConflictTest, WhatALedgerIsAboutIsNotForgotten) {
  LoseAndForget();
  b_->Forget(b_->Held(false), kAnyTime);
  Do(b_.get(), Op::Create, "/later");
  Do(b_.get(), Op::Unlink, "/later");
  Forget(b_.get(), 1);
  EXPECT_EQ(b_->GetStatus().inodes, 3u) << "the root, /d and /d/f";
}

TEST_F(ForgottenConflictTest, ARestoredLoserComesBackWholeWhereItWasForgotten) {
  const LinkId id = LoseAndForget();
  ASSERT_TRUE(b_->SettleConflict(id, Settled::kRestored).ok());
  Meet();
  EXPECT_EQ(AllPaths(a_.get()), (std::vector<std::string>{"/d", "/d/f"}));
  const InodeInfo file = a_->Lookup(file_).value();
  EXPECT_EQ(file.mode & 07777, 0600u);
  ASSERT_EQ(file.xattrs.size(), 1u);
  EXPECT_EQ(file.xattrs[0].value, "value");

  // From now on it is like any other file at both sites.
  ASSERT_TRUE(AppendAndWait(a_.get(), BatchBuilder().SetMode(file_, 0640)).status.ok());
  Do(a_.get(), Op::Unlink, "/d/f");
  Do(a_.get(), Op::Rmdir, "/d");
  Meet();
  EXPECT_EQ(AllPaths(b_.get()), std::vector<std::string>{});
}

}  // namespace
}  // namespace cfsrepl
