#include "frame/compact.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/eviction.h"
#include "frame/frame_support.h"

namespace cfsrepl {
namespace {

using test::Create;
using test::kOrigin;
using test::Link;
using test::Mkdir;
using test::Removexattr;
using test::Rename;
using test::Rmdir;
using test::Setattr;
using test::Setxattr;
using test::TestEntry;
using test::Unlink;

constexpr Inode kDirectory = 50;
constexpr Inode kFile = 100;

// The LSNs that stay. Entries are given with LSNs of the test's choice.
std::vector<Lsn> Kept(const std::vector<TestEntry>& entries,
                      ShortLived short_lived = ShortLived::kKeep) {
  std::vector<EntryView> views = test::Views(entries);
  std::vector<uint32_t> kept;
  Compactor().Run(kOrigin, views, short_lived, &kept);
  std::vector<Lsn> lsns;
  for (uint32_t index : kept) lsns.push_back(entries[index].header.lsn());
  return lsns;
}

std::vector<Lsn> KeptVanish(const std::vector<TestEntry>& entries) {
  return Kept(entries, ShortLived::kVanish);
}

using Lsns = std::vector<Lsn>;

TestEntry Write(Lsn lsn, Inode inode) {
  EntryPayload parts;
  parts.attributes = test::SomeAttributes(kFieldSize | kFieldMtime);
  return test::MakeEntry({.op = Op::Write, .lsn = lsn, .inode = inode}, parts);
}

TestEntry Truncate(Lsn lsn, Inode inode) {
  EntryPayload parts;
  parts.attributes = test::SomeAttributes(kFieldSize);
  return test::MakeEntry({.op = Op::Truncate, .lsn = lsn, .inode = inode}, parts);
}

TEST(Compact, OfAnEmptyBatchNothingIsLeft) { EXPECT_EQ(Kept({}), Lsns{}); }

TEST(Compact, OfManyWritesTheLastStays) {
  EXPECT_EQ(Kept({Write(1, kFile), Write(2, kFile), Write(3, kFile + 1), Write(4, kFile)}),
            (Lsns{3, 4}));
}

TEST(Compact, ATruncateSupersedesATruncateButNotAWritesMtime) {
  EXPECT_EQ(Kept({Truncate(1, kFile), Write(2, kFile), Truncate(3, kFile)}), (Lsns{2, 3}));
}

TEST(Compact, AChmodSurvivesALaterUtimes) {
  EXPECT_EQ(Kept({Setattr(1, kFile, kFieldMode), Setattr(2, kFile, kFieldAtime | kFieldMtime)}),
            (Lsns{1, 2}));
}

TEST(Compact, SeveralLaterEntriesTogetherSupersede) {
  EXPECT_EQ(Kept({Setattr(1, kFile, kFieldMode | kFieldMtime), Setattr(2, kFile, kFieldMode),
                  Setattr(3, kFile, kFieldMtime)}),
            (Lsns{2, 3}));
}

TEST(Compact, WhatIsSupersededStillSupersedes) {
  EXPECT_EQ(Kept({Setattr(1, kFile, kFieldMode), Setattr(2, kFile, kFieldMode | kFieldOwner),
                  Setattr(3, kFile, kFieldsAll)}),
            (Lsns{3}));
}

TestEntry Asserting(const TestEntry& entry) {
  return test::MakeEntry({.op = static_cast<Op>(entry.header.op()),
                          .lsn = entry.header.lsn(),
                          .inode = entry.header.inode(),
                          .flags = kEntryAssertsLinks},
                         entry.payload);
}

TEST(Compact, TheLastEntryThatAssertsLinksStays) {
  TestEntry asserts = Asserting(Setattr(1, kFile, kFieldMode));
  EXPECT_EQ(Kept({asserts, Setattr(2, kFile, kFieldMode)}), (Lsns{1, 2}));
  EXPECT_EQ(Kept({asserts, Asserting(Setattr(2, kFile, kFieldMode))}), (Lsns{2}));
  EXPECT_EQ(Kept({asserts, Setattr(2, kFile, kFieldMode), Asserting(Setxattr(3, kFile, "a", ""))}),
            (Lsns{2, 3}));
  TestEntry xattr = Asserting(Setxattr(1, kFile, "a", "1"));
  EXPECT_EQ(Kept({xattr, Setxattr(2, kFile, "a", "2")}), (Lsns{1, 2}));
  EXPECT_EQ(Kept({xattr, Asserting(Removexattr(2, kFile, "a"))}), (Lsns{2}));
  EXPECT_EQ(Kept({xattr, Setxattr(2, kFile, "a", "2"), Asserting(Setattr(3, kFile, kFieldMode))}),
            (Lsns{2, 3}));
  EXPECT_EQ(Kept({xattr, Asserting(Setxattr(2, kFile, "b", "2"))}), (Lsns{1, 2})) << "another key";
}

TEST(Compact, XattrsGoByName) {
  EXPECT_EQ(Kept({Setxattr(1, kFile, "a", "1"), Setxattr(2, kFile, "b", "1"),
                  Setxattr(3, kFile + 1, "a", "1"), Setxattr(4, kFile, "a", "2"),
                  Removexattr(5, kFile, "b"), Setxattr(6, kFile, "ab", "1")}),
            (Lsns{3, 4, 5, 6}));
  EXPECT_EQ(Kept({Removexattr(1, kFile, "a"), Setxattr(2, kFile, "a", "")}), (Lsns{2}));
}

TEST(Compact, NothingGoesForAnEntryWhoseWriterKnewMore) {
  std::vector<TestEntry> entries = {Setattr(1, kFile, kFieldMode),    Setattr(2, kFile, kFieldMode),
                                    Setxattr(3, kFile, "k", "v"),     Setattr(4, kFile, kFieldMode),
                                    Setxattr(5, kFile, "k", "w"),     Setattr(6, kFile, kFieldMode),
                                    Setattr(7, kFile + 1, kFieldMode)};
  std::vector<EntryView> views = test::Views(entries);
  const Lsns learned_at = {4, 7};
  std::vector<uint32_t> kept;
  Compactor().Run(kOrigin, views, ShortLived::kKeep, &kept, learned_at);
  EXPECT_EQ(kept, (std::vector<uint32_t>{1, 2, 4, 5, 6}));
  Compactor().Run(kOrigin, views, ShortLived::kKeep, &kept);
  EXPECT_EQ(kept, (std::vector<uint32_t>{4, 5, 6}));
}

TEST(Compact, StructureStaysAndSupersedesNothing) {
  const std::vector<TestEntry> entries = {Setattr(1, kFile, kFieldMode),
                                          Mkdir(2, kDirectory, kRootInode, "d"),
                                          Create(3, kFile, kDirectory, "f"),
                                          Link(4, kFile, kRootInode, "g"),
                                          Rename(5, kFile, 3, kDirectory, "f", kRootInode, "h"),
                                          Unlink(6, kFile, 3, kRootInode, "h"),
                                          Unlink(7, kFile, 4, kRootInode, "g"),
                                          Rmdir(8, kDirectory, 2, kRootInode, "d")};
  EXPECT_EQ(Kept(entries), (Lsns{1, 2, 3, 4, 5, 6, 7, 8}));
}

TEST(Compact, EvictionsStayAndSupersedeNothing) {
  const auto evict = [](Lsn lsn, uint64_t incarnation) {
    std::vector<uint8_t> payload;
    EncodeEviction({3, incarnation}, &payload);
    return test::MakeEntry({.op = Op::Evict, .lsn = lsn, .inode = kRootInode}, payload);
  };
  const TestEntry chmod_root = Setattr(1, kRootInode, kFieldMode);
  EXPECT_EQ(Kept({chmod_root, evict(2, 9), evict(3, 9), evict(4, 10)}), (Lsns{1, 2, 3, 4}));
  EXPECT_EQ(KeptVanish({Create(1, kFile, kDirectory, "f"), evict(2, 9),
                        Unlink(3, kFile, 1, kDirectory, "f")}),
            (Lsns{2}));
}

TEST(Compact, EntriesNewerThanThisBuildStayAndStandInNobodysWay) {
  TestEntry newer_schema =
      test::MakeEntry({.op = Op::Setattr, .lsn = 1, .inode = kFile, .schema = 2},
                      Setattr(1, kFile, kFieldMode).payload);
  TestEntry newer_op = test::MakeEntry({.op = static_cast<Op>(99), .lsn = 2, .inode = kFile},
                                       std::vector<uint8_t>{});
  EXPECT_EQ(
      Kept({newer_schema, newer_op, Setattr(3, kFile, kFieldMode), Setattr(4, kFile, kFieldMode)}),
      (Lsns{1, 2, 4}));
}

TEST(Compact, ReusedItForgetsTheBatchBefore) {
  Compactor compactor;
  for (size_t size : {1, 100, 3, 5000, 2}) {
    std::vector<TestEntry> entries;
    for (Lsn lsn = 1; lsn <= size; ++lsn) entries.push_back(Setattr(lsn, 7, kFieldMode));
    std::vector<EntryView> views = test::Views(entries);
    std::vector<uint32_t> kept;
    compactor.Run(kOrigin, views, ShortLived::kKeep, &kept);
    EXPECT_EQ(kept, std::vector<uint32_t>{static_cast<uint32_t>(size - 1)});
  }
}

TEST(CompactVanish, AFileMadeAndRemovedGoesWithEverythingBetween) {
  const std::vector<TestEntry> entries = {
      Create(1, kFile, kRootInode, "tmp"),
      Write(2, kFile),
      Setxattr(3, kFile, "a", "1"),
      Setattr(4, kFile + 1, kFieldMode),
      Rename(5, kFile, 1, kRootInode, "tmp", kRootInode, "tmp2"),
      Unlink(6, kFile, 1, kRootInode, "tmp2")};
  EXPECT_EQ(KeptVanish(entries), (Lsns{4}));
  EXPECT_EQ(Kept(entries), (Lsns{1, 2, 3, 4, 5, 6}));
}

TEST(CompactVanish, AWholeTreeMadeAndRemovedGoes) {
  EXPECT_EQ(KeptVanish({Mkdir(1, 50, kRootInode, "d"), Mkdir(2, 51, 50, "e"),
                        Create(3, kFile, 51, "f"), Unlink(4, kFile, 3, 51, "f"),
                        Rmdir(5, 51, 2, 50, "e"), Rmdir(6, 50, 1, kRootInode, "d")}),
            Lsns{});
}

TEST(CompactVanish, WhatTheBatchDidNotMakeStays) {
  EXPECT_EQ(KeptVanish({Create(2, kFile + 1, kRootInode, "other"),
                        Unlink(3, kFile, 1, kRootInode, "old")}),
            (Lsns{2, 3}));
}

TEST(CompactVanish, WhatTheBatchDoesNotRemoveStays) {
  EXPECT_EQ(KeptVanish({Create(1, kFile, kRootInode, "a"), Create(2, kFile + 1, kRootInode, "b"),
                        Unlink(3, kFile + 1, 2, kRootInode, "b")}),
            (Lsns{1}));
}

TEST(CompactVanish, AFileLinkedTwiceStays) {
  const Lsns kAll = {1, 2, 3, 4};
  EXPECT_EQ(
      KeptVanish({Create(1, kFile, kRootInode, "a"), Link(2, kFile, kRootInode, "b"),
                  Unlink(3, kFile, 2, kRootInode, "b"), Unlink(4, kFile, 1, kRootInode, "a")}),
      kAll);
  EXPECT_EQ(KeptVanish({Link(1, kFile, kRootInode, "b"), Create(2, kFile, kRootInode, "a"),
                        Unlink(3, kFile, 2, kRootInode, "a"), Mkdir(4, 50, kRootInode, "d")}),
            kAll);
}

TEST(CompactVanish, AFileWhoseRenameReplacedAnotherStays) {
  EXPECT_EQ(KeptVanish({Create(2, kFile, kRootInode, "a"),
                        Rename(3, kFile, 2, kRootInode, "a", kRootInode, "b", 200, 1),
                        Unlink(4, kFile, 2, kRootInode, "b")}),
            (Lsns{2, 3, 4}));
}

TEST(CompactVanish, AFileThatARenameReplacedStays) {
  EXPECT_EQ(KeptVanish({Create(2, kFile, kRootInode, "a"),
                        Rename(3, 200, 1, kRootInode, "b", kRootInode, "a", kFile, 2),
                        Unlink(4, kFile, 2, kRootInode, "a")}),
            (Lsns{2, 3, 4}));
}

TEST(CompactVanish, AFileTouchedAfterItsRemovalStays) {
  EXPECT_EQ(KeptVanish({Create(1, kFile, kRootInode, "a"), Unlink(2, kFile, 1, kRootInode, "a"),
                        Write(3, kFile)}),
            (Lsns{1, 2, 3}));
}

TEST(CompactVanish, AnInodeNumberUsedAgainStays) {
  EXPECT_EQ(KeptVanish({Create(1, kFile, kRootInode, "a"), Unlink(2, kFile, 1, kRootInode, "a"),
                        Create(3, kFile, kRootInode, "b"), Unlink(4, kFile, 3, kRootInode, "b")}),
            (Lsns{1, 2, 3, 4}));
}

TEST(CompactVanish, ADirectoryThatSomethingPassedThroughStays) {
  EXPECT_EQ(KeptVanish({Mkdir(2, kDirectory, kRootInode, "d"),
                        Rename(3, kFile, 1, kRootInode, "f", kDirectory, "f"),
                        Rename(4, kFile, 1, kDirectory, "f", kRootInode, "f"),
                        Rmdir(5, kDirectory, 2, kRootInode, "d")}),
            (Lsns{2, 3, 4, 5}));
}

TEST(CompactVanish, ADirectoryOfAFileThatStaysStays) {
  EXPECT_EQ(KeptVanish({Create(1, kFile, kDirectory, "f"), Mkdir(2, kDirectory, kRootInode, "d"),
                        Rmdir(3, kDirectory, 2, kRootInode, "d")}),
            (Lsns{1, 2, 3}));
}

TEST(CompactVanish, ARemovalOfAnotherLinkIsNoRemoval) {
  EXPECT_EQ(KeptVanish({Create(1, kFile, kRootInode, "a"), Unlink(2, kFile, 9, kRootInode, "a")}),
            (Lsns{1, 2}));
}

TEST(CompactVanish, NothingVanishesBesideAnEntryNewerThanThisBuild) {
  TestEntry newer =
      test::MakeEntry({.op = static_cast<Op>(99), .lsn = 3, .inode = 7}, std::vector<uint8_t>{});
  EXPECT_EQ(
      KeptVanish({Create(1, kFile, kRootInode, "a"), Unlink(2, kFile, 1, kRootInode, "a"), newer}),
      (Lsns{1, 2, 3}));
}

}  // namespace
}  // namespace cfsrepl
