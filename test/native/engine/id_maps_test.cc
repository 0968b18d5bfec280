// Two sites whose users have other ids: each shows and takes its own, and both hold the same bytes.
#include <gtest/gtest.h>

#include "engine/engine_support.h"

namespace cfsrepl {
namespace {

// A's users 1000 to 1099 are B's 2000 to 2099; A's groups 10 to 19 are B's 50 to 59.
class IdMapsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    a_ = OpenEngine(SmallOptions(dir_ / "a", 1));
    b_ = OpenEngine(SmallOptions(dir_ / "b", 2));
    ASSERT_TRUE(a_->SetIdMaps({{2, {}, Ranges({2000, 1000, 100}, {50, 10, 10})}}).ok());
    ASSERT_TRUE(b_->SetIdMaps({{1, {}, Ranges({1000, 2000, 100}, {10, 50, 10})}}).ok());
  }

  static OwnerMap Ranges(IdRange uid, IdRange gid, uint32_t fallback = kNoId) {
    return {IdMap::Make({uid}, fallback).value(), IdMap::Make({gid}, fallback).value()};
  }
  void Meet() {
    for (int round = 0; round < 3; round++) {
      Replicate(a_.get(), b_.get(), 1);
      Replicate(b_.get(), a_.get(), 2);
    }
    ExpectEqualState(a_.get(), b_.get());
    ExpectEqualDumps();
  }
  void ExpectEqualDumps() {
    const auto of_a = a_->Dump({}, 100, Ids::kAsWritten).value();
    const auto of_b = b_->Dump({}, 100, Ids::kAsWritten).value();
    ASSERT_EQ(of_a.size(), of_b.size());
    for (size_t i = 0; i < of_a.size(); i++) {
      EXPECT_EQ(of_a[i].info.uid, of_b[i].info.uid) << of_a[i].path;
      EXPECT_EQ(of_a[i].info.gid, of_b[i].info.gid) << of_a[i].path;
    }
  }
  static void Do(Engine* site, Op op, const std::string& path, uint32_t uid, uint32_t gid) {
    BatchBuilder::Parts parts;
    parts.name = path;
    parts.flags = kOpNameIsPath;
    parts.attributes = Attributes(kFieldOwner, 0, uid, gid, 0, 0, 0, 0, 0, 0, 0, 0);
    BatchBuilder batch;
    const AppendResult result = AppendAndWait(site, batch.Add(op, parts));
    ASSERT_TRUE(result.status.ok()) << result.status.message();
  }
  static Owner OwnerAt(Engine* site, const std::string& path) {
    const InodeInfo info = site->LookupPath(AsBytes(path)).value();
    return {info.uid, info.gid};
  }

  TempDir dir_;
  std::shared_ptr<Engine> a_, b_;
};

TEST_F(IdMapsTest, EachSiteShowsItsOwnIds) {
  Do(a_.get(), Op::Create, "/by-a", 1001, 11);
  Do(b_.get(), Op::Create, "/by-b", 2002, 52);
  Meet();
  EXPECT_EQ(OwnerAt(a_.get(), "/by-a"), (Owner{1001, 11}));
  EXPECT_EQ(OwnerAt(b_.get(), "/by-a"), (Owner{2001, 51}));
  EXPECT_EQ(OwnerAt(b_.get(), "/by-b"), (Owner{2002, 52}));
  EXPECT_EQ(OwnerAt(a_.get(), "/by-b"), (Owner{1002, 12}));
  const auto listed = b_->List(AsBytes("/"), {}, 10).value();
  EXPECT_EQ(listed.at(0).info.uid, 2001u);
  const auto local = b_->Dump({}, 10, Ids::kLocal).value();
  EXPECT_EQ(local.at(0).info.uid, 2001u);
  EXPECT_EQ(b_->Dump({}, 10, Ids::kAsWritten).value().at(0).info.uid, 1001u);
}

TEST_F(IdMapsTest, TheRootHasTheOwnerThatNobodyWrote) {
  ASSERT_TRUE(b_->SetIdMaps({{1, {}, Ranges({0, 7, 1}, {0, 7, 1}, 9)}}).ok());
  EXPECT_EQ(OwnerAt(b_.get(), "/"), (Owner{0, 0}));
}

TEST_F(IdMapsTest, WhatTheWriterShowsIsMappedOn) {
  ASSERT_TRUE(b_->SetIdMaps({{1, Ranges({1000, 7000, 100}, {10, 70, 10}),
                              Ranges({7000, 3000, 100}, {70, 30, 10}, 65534)}})
                  .ok());
  Do(a_.get(), Op::Create, "/f", 1005, 15);
  Do(a_.get(), Op::Create, "/unlisted", 5, 5);
  Meet();
  EXPECT_EQ(OwnerAt(b_.get(), "/f"), (Owner{3005, 35}));
  EXPECT_EQ(OwnerAt(b_.get(), "/unlisted"), (Owner{65534, 65534}));
  EXPECT_EQ(b_->LocalOwner(1, {1005, 15}), (Owner{3005, 35}));
  EXPECT_EQ(b_->LocalOwner(2, {1005, 15}), (Owner{1005, 15})) << "our own stay";
  EXPECT_EQ(b_->LocalOwner(3, {1005, 15}), (Owner{1005, 15})) << "of a site without a map";
}

TEST_F(IdMapsTest, HalfAChangeKeepsTheOtherHalfAsItShows) {
  Do(a_.get(), Op::Create, "/f", 1001, 11);
  Meet();
  Do(b_.get(), Op::Setattr, "/f", 2009, kKeep32);
  EXPECT_EQ(OwnerAt(b_.get(), "/f"), (Owner{2009, 51}));
  Meet();
  EXPECT_EQ(OwnerAt(a_.get(), "/f"), (Owner{1009, 11}));
  EXPECT_EQ(b_->Dump({}, 10, Ids::kAsWritten).value().at(0).info.gid, 51u);
  Do(a_.get(), Op::Setattr, "/f", kKeep32, 18);
  Meet();
  EXPECT_EQ(OwnerAt(a_.get(), "/f"), (Owner{1009, 18}));
  EXPECT_EQ(OwnerAt(b_.get(), "/f"), (Owner{2009, 58}));
}

TEST_F(IdMapsTest, NewMapsHoldForWhatIsStored) {
  Do(a_.get(), Op::Create, "/f", 1001, 11);
  Meet();
  ASSERT_TRUE(b_->SetIdMaps({{1, {}, Ranges({1000, 4000, 100}, {10, 90, 10})}}).ok());
  EXPECT_EQ(OwnerAt(b_.get(), "/f"), (Owner{4001, 91}));
  ASSERT_TRUE(b_->SetIdMaps({}).ok());
  EXPECT_EQ(OwnerAt(b_.get(), "/f"), (Owner{1001, 11}));
  ExpectEqualDumps();
}

TEST_F(IdMapsTest, TheLosersOwnerIsRestoredInTheIdsOfWhoRestoresIt) {
  Do(a_.get(), Op::Create, "/f", 1000, 10);
  Meet();
  Do(a_.get(), Op::Setattr, "/f", 1001, 11);
  Do(b_.get(), Op::Setattr, "/f", 2002, 52);
  Meet();
  ASSERT_EQ(OwnerAt(a_.get(), "/f"), (Owner{1002, 12})) << "b's was later";
  const auto ledger = b_->Conflicts({}, 10).value();
  ASSERT_EQ(ledger.size(), 1u);
  ASSERT_TRUE(b_->SettleConflict(ledger[0].place.id, Settled::kRestored).ok());
  EXPECT_EQ(OwnerAt(b_.get(), "/f"), (Owner{2001, 51}));
  Meet();
  EXPECT_EQ(OwnerAt(a_.get(), "/f"), (Owner{1001, 11}));
}

TEST_F(IdMapsTest, TheSameUserUnderTwoIdsIsNoConflict) {
  Do(a_.get(), Op::Create, "/same", 1000, 10);
  Do(a_.get(), Op::Create, "/other", 1000, 10);
  Meet();
  Do(a_.get(), Op::Setattr, "/same", 1001, 11);
  Do(b_.get(), Op::Setattr, "/same", 2001, 51);
  Do(a_.get(), Op::Setattr, "/other", 2003, 53);
  Do(b_.get(), Op::Setattr, "/other", 2003, 53);  // A's 1003
  Meet();
  const auto ledger = a_->Conflicts({}, 10).value();
  ASSERT_EQ(ledger.size(), 1u);
  EXPECT_EQ(ledger[0].inode, a_->LookupPath(AsBytes("/other")).value().inode);
}

TEST_F(IdMapsTest, ASiteHasOneMapAndNotOfItself) {
  const Status own = a_->SetIdMaps({{1, {}, {}}});
  EXPECT_EQ(own.message(), "a map of ids for site 1, which is this one");
  const Status twice = a_->SetIdMaps({{2, {}, {}}, {2, {}, {}}});
  EXPECT_EQ(twice.message(), "a map of ids for site 2, which has one already");
  EXPECT_EQ(a_->LocalOwner(2, {2000, 50}), (Owner{1000, 10})) << "what was in force stays";
}

}  // namespace
}  // namespace cfsrepl
