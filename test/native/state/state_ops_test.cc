// What each op does to an empty or simple state.
#include <gtest/gtest.h>

#include "state/entries.h"

namespace cfsrepl {
namespace {

using Strings = std::vector<std::string>;

TEST(StateTest, StartsWithTheRootAlone) {
  State state;
  Result<InodeView> root = state.GetInode(kRootInode);
  ASSERT_TRUE(root.ok());
  EXPECT_EQ(root->attributes.mode, 040755u);
  EXPECT_EQ(root->attributes.nlink, 2u);
  EXPECT_EQ(root->attributes.ctime_ns, 0);
  EXPECT_EQ(Paths(state), Strings{});
  EXPECT_EQ(state.PathOf(kRootInode).value(), "/");
  EXPECT_EQ(state.counters().live_inodes, 1u);
  EXPECT_EQ(DigestOf(state).inodes, 1u);
}

TEST(StateTest, CreateMakesAFileWithAllItsAttributes) {
  State state;
  Journal journal(1);
  EntryPayload parts;
  parts.attributes = Attributes(kFieldsAll, 0104751, 11, 12, 13, 14, 15, 16, 0, 18, 19, 0);
  parts.parent = kRootInode;
  const std::string name = "f";
  parts.name = AsBytes(name);
  Merge(&state, journal.Make(0x5000, 77, Op::Create, parts));
  InodeAttributes at = AttributesAt(state, "/f");
  EXPECT_EQ(at.inode, 77u);
  EXPECT_EQ(at.kind, Kind::kFile);
  EXPECT_EQ(at.mode, 0104751u);
  EXPECT_EQ(at.uid, 11u);
  EXPECT_EQ(at.gid, 12u);
  EXPECT_EQ(at.size, 13u);
  EXPECT_EQ(at.extent_ref, 14u);
  EXPECT_EQ(at.atime_ns, 15);
  EXPECT_EQ(at.mtime_ns, 16);
  EXPECT_EQ(at.file_flags, 18u);
  EXPECT_EQ(at.project, 19u);
  EXPECT_EQ(at.nlink, 1u);
  EXPECT_EQ(at.ctime_ns, 5000) << "5 microseconds";
  EXPECT_FALSE(at.has_removed_link);
}

TEST(StateTest, CreateMakesDevicesFifosAndSockets) {
  State state;
  Journal journal(1);
  Merge(&state, journal.CreateAs(1, journal.Mint(), 1, "c", 0020600, 0x501));
  Merge(&state, journal.CreateAs(1, journal.Mint(), 1, "b", 0060600, 0x801));
  Merge(&state, journal.CreateAs(1, journal.Mint(), 1, "p", 0010600));
  Merge(&state, journal.CreateAs(1, journal.Mint(), 1, "s", 0140600));
  EXPECT_EQ(AttributesAt(state, "/c").kind, Kind::kCharDevice);
  EXPECT_EQ(AttributesAt(state, "/c").rdev, 0x501u);
  EXPECT_EQ(AttributesAt(state, "/b").kind, Kind::kBlockDevice);
  EXPECT_EQ(AttributesAt(state, "/p").kind, Kind::kFifo);
  EXPECT_EQ(AttributesAt(state, "/s").kind, Kind::kSocket);
}

TEST(StateTest, MkdirAndItsSubdirectoriesCountAsLinks) {
  State state;
  Journal journal(1);
  Inode a = journal.Mint();
  Merge(&state, journal.Mkdir(1, a, 1, "a"));
  Merge(&state, journal.Mkdir(2, journal.Mint(), a, "b"));
  Merge(&state, journal.Create(3, journal.Mint(), a, "f"));
  EXPECT_EQ(Paths(state), (Strings{"/a", "/a/b", "/a/f"}));
  EXPECT_EQ(AttributesAt(state, "/a").nlink, 3u);
  EXPECT_EQ(AttributesAt(state, "/a/b").nlink, 2u);
  EXPECT_EQ(AttributesAt(state, "/").nlink, 3u);
  EXPECT_EQ(state.ChildCount(a), 2u);
}

TEST(StateTest, SymlinkKeepsItsTarget) {
  State state;
  Journal journal(1);
  const std::string target(4095, 't');
  Merge(&state, journal.Symlink(1, journal.Mint(), 1, "s", target));
  Result<InodeView> view = state.GetInode(InodeAt(state, "/s"));
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->target, target);
  EXPECT_EQ(view->attributes.kind, Kind::kSymlink);
  EXPECT_EQ(state.ResolvePath(AsBytes(std::string("/s/x"))).status().code(), Code::kNotDirectory)
      << "symlinks are not followed";
}

TEST(StateTest, LinkAddsANameAndUnlinkTakesOneAway) {
  State state;
  Journal journal(1);
  Inode f = journal.Mint();
  TestEntry create = journal.Create(1, f, 1, "f");
  Merge(&state, create);
  Merge(&state, journal.Link(2, f, 1, "g"));
  EXPECT_EQ(AttributesAt(state, "/f").nlink, 2u);
  EXPECT_EQ(InodeAt(state, "/g"), f);

  Merge(&state, journal.Unlink(3, f, create.link(), 1, "f"));
  EXPECT_EQ(Paths(state), Strings{"/g"});
  EXPECT_EQ(AttributesAt(state, "/g").nlink, 1u);
  EXPECT_TRUE(AttributesAt(state, "/g").has_removed_link);
  EXPECT_EQ(state.counters().links, 2u) << "the tombstone stays";
}

TEST(StateTest, UnlinkOfTheLastNameLeavesATombstone) {
  State state;
  Journal journal(1);
  Inode f = journal.Mint();
  TestEntry create = journal.Create(1, f, 1, "f");
  Merge(&state, create);
  StateDigest before = DigestOf(State());
  Merge(&state, journal.Unlink(2, f, create.link(), 1, "f"));
  EXPECT_EQ(Paths(state), Strings{});
  EXPECT_EQ(DigestOf(state), before) << "tombstones are not live state";
  InodeAttributes at;
  ASSERT_TRUE(state.GetAttributes(f, &at));
  EXPECT_EQ(at.nlink, 0u);
  EXPECT_EQ(state.PathOf(f).status().code(), Code::kNotFound);
  EXPECT_EQ(HashInode(state, f), 0u);
}

TEST(StateTest, RmdirRemovesAnEmptyDirectory) {
  State state;
  Journal journal(1);
  Inode d = journal.Mint();
  TestEntry mkdir = journal.Mkdir(1, d, 1, "d");
  Merge(&state, {mkdir, journal.Rmdir(2, d, mkdir.link(), 1, "d")});
  EXPECT_EQ(Paths(state), Strings{});
  EXPECT_EQ(AttributesAt(state, "/").nlink, 2u);
}

TEST(StateTest, RenameMovesANameWithAllBelowIt) {
  State state;
  Journal journal(1);
  Inode a = journal.Mint(), b = journal.Mint(), f = journal.Mint();
  TestEntry mkdir_a = journal.Mkdir(1, a, 1, "a");
  Merge(&state, {mkdir_a, journal.Mkdir(2, b, 1, "b"), journal.Create(3, f, a, "f")});
  Merge(&state, journal.Rename(4, a, mkdir_a.link(), 1, "a", b, "moved"));
  EXPECT_EQ(Paths(state), (Strings{"/b", "/b/moved", "/b/moved/f"}));
  EXPECT_EQ(state.PathOf(f).value(), "/b/moved/f");
  EXPECT_TRUE(state.IsAncestor(b, f));
  EXPECT_TRUE(state.IsAncestor(kRootInode, f));
  EXPECT_TRUE(state.IsAncestor(f, f));
  EXPECT_FALSE(state.IsAncestor(f, b));
  EXPECT_EQ(state.LookupName(b, AsBytes(std::string("moved")))->link, mkdir_a.link());
}

TEST(StateTest, RenameOntoANameRemovesWhatItReplaces) {
  State state;
  Journal journal(1);
  Inode f = journal.Mint(), g = journal.Mint();
  TestEntry create_f = journal.Create(1, f, 1, "f"), create_g = journal.Create(2, g, 1, "g");
  Merge(&state, {create_f, create_g});
  Merge(&state, journal.Rename(3, f, create_f.link(), 1, "f", 1, "g", {g, create_g.link()}));
  EXPECT_EQ(Paths(state), Strings{"/g"});
  EXPECT_EQ(InodeAt(state, "/g"), f);
}

TEST(StateTest, WriteTruncateAndSetattrChangeOnlyWhatTheyName) {
  State state;
  Journal journal(1);
  Inode f = journal.Mint();
  Merge(&state, {journal.Create(1, f, 1, "f"), journal.Write(2, f, 100, 7)});
  EXPECT_EQ(AttributesAt(state, "/f").size, 100u);
  EXPECT_EQ(AttributesAt(state, "/f").mtime_ns, 7);
  Merge(&state, journal.Truncate(3, f, 50));
  EXPECT_EQ(AttributesAt(state, "/f").size, 50u);
  EXPECT_EQ(AttributesAt(state, "/f").mtime_ns, 7);
  Merge(&state, {journal.Chmod(4, f, 0600), journal.Chown(5, f, 8, 9)});
  EXPECT_EQ(AttributesAt(state, "/f").mode, 0100600u);
  EXPECT_EQ(AttributesAt(state, "/f").uid, 8u);
  EXPECT_EQ(AttributesAt(state, "/f").size, 50u);
}

TEST(StateTest, ChangesOfTheRootItself) {
  State state;
  Journal journal(1);
  Merge(&state, {journal.Chmod(4, 1, 0700), journal.Setxattr(5, 1, "user.k", "v")});
  EXPECT_EQ(AttributesAt(state, "/").mode, 040700u);
  EXPECT_EQ(state.GetInode(1)->xattrs.size(), 1u);
}

TEST(StateTest, XattrsAreSetReplacedAndRemovedByName) {
  State state;
  Journal journal(1);
  Inode f = journal.Mint();
  const std::string large(65536, 'v');
  Merge(&state, {journal.Create(1, f, 1, "f"), journal.Setxattr(2, f, "user.b", "1"),
                 journal.Setxattr(3, f, "user.a", large), journal.Setxattr(4, f, "user.e", "")});
  std::vector<NamedValue> xattrs = state.GetInode(f)->xattrs;
  ASSERT_EQ(xattrs.size(), 3u);
  EXPECT_EQ(xattrs[0].key, "user.a");
  EXPECT_EQ(xattrs[0].value, large);
  EXPECT_EQ(xattrs[1].value, "1");
  EXPECT_EQ(xattrs[2].value, "");
  Merge(&state, {journal.Setxattr(5, f, "user.b", "22"), journal.Removexattr(6, f, "user.a")});
  xattrs = state.GetInode(f)->xattrs;
  ASSERT_EQ(xattrs.size(), 2u);
  EXPECT_EQ(xattrs[0].value, "22");
}

TEST(StateTest, AnEntryOfANewerSchemaOrOpIsCountedNotMerged) {
  State state;
  Journal journal(1);
  TestEntry newer = journal.Create(1, journal.Mint(), 1, "f");
  newer.header = EntryHeader(1, 1, newer.inode(), 1, 0, newer.header.payload_bytes(), 0, 0, 1,
                             static_cast<uint8_t>(Op::Create), kEntrySchemaVersion + 1, 0, 0, 0);
  Merge(&state, newer);
  newer.header = EntryHeader(2, 1, newer.inode(), 1, 0, newer.header.payload_bytes(), 0, 0, 1, 200,
                             kEntrySchemaVersion, 0, 0, 0);
  Merge(&state, newer);
  EXPECT_EQ(state.counters().unknown_entries, 2u);
  EXPECT_EQ(Paths(state), Strings{});
}

TEST(StateTest, AMalformedEntryIsRefusedAndChangesNothing) {
  State state;
  Journal journal(1);
  OriginIndex origin = state.Intern(journal.origin()).value();
  TestEntry chmod = journal.Chmod(1, 5, 0600);
  chmod.payload.pop_back();
  EXPECT_EQ(state.Merge(chmod.header, chmod.payload, origin).code(), Code::kMalformed);
  TestEntry create = journal.Create(1, 5, 1, "a/b");
  EXPECT_EQ(state.Merge(create.header, create.payload, origin).code(), Code::kMalformed);
  EXPECT_EQ(state.counters().inodes, 1u);
}

TEST(StateTest, TheOriginTableIsBounded) {
  State state;
  for (size_t i = 1; i <= limits::kOriginsMax; i++) {
    ASSERT_TRUE(state.Intern({1, i}).ok());
  }
  EXPECT_EQ(state.Intern({2, 1}).status().code(), Code::kTooLarge);
  EXPECT_TRUE(state.Intern({1, 5}).ok()) << "those that are known stay known";
}

TEST(StateTest, AnInodeWithThousandsOfLinks) {
  State state;
  Journal journal(1);
  Inode f = journal.Mint();
  std::vector<TestEntry> links{journal.Create(1, f, 1, "0")};
  for (int i = 1; i < 3000; i++) links.push_back(journal.Link(1, f, 1, std::to_string(i)));
  Merge(&state, links);
  EXPECT_EQ(AttributesAt(state, "/2999").nlink, 3000u);
  for (int i = 0; i < 3000; i += 2) {
    Merge(&state, journal.Unlink(2, f, links[i].link(), 1, std::to_string(i)));
  }
  EXPECT_EQ(AttributesAt(state, "/2999").nlink, 1500u);
  EXPECT_EQ(InodeAt(state, "/2998"), 0u);
}

}  // namespace
}  // namespace cfsrepl
