// Concurrent changes of the same things, each merged in every order: what the tree then shows.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <numeric>

#include "state/entries.h"

namespace cfsrepl {
namespace {

using Strings = std::vector<std::string>;
constexpr Hlc kBefore = 0x1000;

// Merges `common`, then `concurrent` in every order; each time `check` must hold, and everything
// visible and the digest must be the same.
void InEveryOrder(const std::vector<TestEntry>& common, const std::vector<TestEntry>& concurrent,
                  const std::function<void(const State&)>& check) {
  std::vector<size_t> order(concurrent.size());
  std::iota(order.begin(), order.end(), size_t{0});
  Strings lines;
  StateDigest digest;
  bool first = true;
  do {
    State state;
    Merge(&state, common);
    for (size_t i : order) Merge(&state, concurrent[i]);
    check(state);
    if (first) {
      lines = DumpLines(state);
      digest = DigestOf(state);
      first = false;
    }
    ASSERT_EQ(DumpLines(state), lines);
    ASSERT_EQ(DigestOf(state), digest);
    // And in front of what they build on.
    State reversed;
    for (size_t i : order) Merge(&reversed, concurrent[i]);
    Merge(&reversed, std::vector<TestEntry>(common.rbegin(), common.rend()));
    ASSERT_EQ(DumpLines(reversed), lines);
    ASSERT_EQ(DigestOf(reversed), digest);
  } while (std::next_permutation(order.begin(), order.end()));
}

// Two sites, and /f and /d that both know.
class ConvergenceTest : public testing::Test {
 protected:
  Journal a{1}, b{2}, c{3};
  const Inode f = a.Mint(), d = a.Mint();
  const TestEntry create_f = a.Create(kBefore, f, 1, "f");
  const TestEntry mkdir_d = a.Mkdir(kBefore, d, 1, "d");
  const std::vector<TestEntry> common{create_f, mkdir_d};

  static std::string Alias(const std::string& name, const TestEntry& maker) {
    char hex[32];
    std::snprintf(hex, sizeof(hex), "%lx", static_cast<unsigned long>(maker.origin.incarnation));
    return name + "~" + std::to_string(maker.origin.site) + "." + hex + "." +
           std::to_string(maker.header.lsn());
  }
};

TEST_F(ConvergenceTest, ConcurrentSetattrOfDifferentFields) {
  InEveryOrder(common, {a.Chmod(0x2000, f, 0600), b.Chown(0x3000, f, 5, 6)}, [&](const State& s) {
    EXPECT_EQ(AttributesAt(s, "/f").mode, 0100600u);
    EXPECT_EQ(AttributesAt(s, "/f").uid, 5u) << "both stay";
  });
}

TEST_F(ConvergenceTest, ConcurrentSetattrOfTheSameField) {
  InEveryOrder(common, {a.Chmod(0x3000, f, 0600), b.Chmod(0x2000, f, 0640)}, [&](const State& s) {
    EXPECT_EQ(AttributesAt(s, "/f").mode, 0100600u) << "the greater stamp";
  });
}

TEST_F(ConvergenceTest, WriteAgainstTruncate) {
  InEveryOrder(common, {a.Write(0x2000, f, 100, 42), b.Truncate(0x3000, f, 10)},
               [&](const State& s) {
                 EXPECT_EQ(AttributesAt(s, "/f").size, 10u);
                 EXPECT_EQ(AttributesAt(s, "/f").mtime_ns, 42) << "the truncate set no mtime";
               });
}

TEST_F(ConvergenceTest, ChmodAgainstUnlink) {
  InEveryOrder(
      common, {b.Chmod(0x2000, f, 0600), a.Unlink(0x3000, f, create_f.link(), 1, "f")},
      [&](const State& s) { EXPECT_EQ(Paths(s), Strings{"/d"}) << "the unlink is later"; });
  InEveryOrder(common, {a.Unlink(0x4000, f, create_f.link(), 1, "f"), b.Chmod(0x5000, f, 0600)},
               [&](const State& s) {
                 EXPECT_EQ(Paths(s), (Strings{"/d", "/f"})) << "the chmod is later";
                 EXPECT_EQ(AttributesAt(s, "/f").mode, 0100600u);
                 EXPECT_EQ(AttributesAt(s, "/f").nlink, 1u);
                 EXPECT_FALSE(AttributesAt(s, "/f").has_removed_link)
                     << "later changes assert the link again";
               });
}

TEST_F(ConvergenceTest, ChmodThatKnowsOfTheUnlinkKeepsNothing) {
  InEveryOrder(common,
               {a.Unlink(0x2000, f, create_f.link(), 1, "f"), b.Chmod(0x3000, f, 0600, false)},
               [&](const State& s) { EXPECT_EQ(InodeAt(s, "/f"), 0u); });
}

TEST_F(ConvergenceTest, WriteAgainstUnlink) {
  InEveryOrder(common, {a.Unlink(0x2000, f, create_f.link(), 1, "f"), b.Write(0x3000, f, 9, 9)},
               [&](const State& s) { EXPECT_EQ(AttributesAt(s, "/f").size, 9u); });
  InEveryOrder(common, {a.Unlink(0x4000, f, create_f.link(), 1, "f"), b.Write(0x3000, f, 9, 9)},
               [&](const State& s) { EXPECT_EQ(InodeAt(s, "/f"), 0u); });
}

TEST_F(ConvergenceTest, SetxattrAgainstUnlink) {
  InEveryOrder(common,
               {a.Unlink(0x2000, f, create_f.link(), 1, "f"), b.Setxattr(0x3000, f, "user.k", "v")},
               [&](const State& s) { EXPECT_EQ(s.GetInode(InodeAt(s, "/f"))->xattrs.size(), 1u); });
  InEveryOrder(common,
               {a.Unlink(0x3000, f, create_f.link(), 1, "f"), b.Removexattr(0x2000, f, "user.k")},
               [&](const State& s) { EXPECT_EQ(InodeAt(s, "/f"), 0u); });
}

// The last writer knows of another link's removal, so it asserts nothing; nor does it take back
// what was asserted.
TEST_F(ConvergenceTest, AFileKeptAgainstAnUnlinkStaysWhenItIsChangedAgain) {
  TestEntry g = a.Link(kBefore, f, 1, "g");
  std::vector<TestEntry> linked = common;
  linked.push_back(g);
  for (const bool same_field : {true, false}) {
    std::vector<TestEntry> changes{
        a.Unlink(0x2000, f, create_f.link(), 1, "f"), b.Chmod(0x3000, f, 0600),
        c.Unlink(0x4000, f, g.link(), 1, "g"),
        same_field ? c.Chmod(0x5000, f, 0640, false) : c.Setxattr(0x5000, f, "user.k", "v", false)};
    InEveryOrder(linked, changes, [&](const State& s) {
      EXPECT_EQ(Paths(s), (Strings{"/d", "/f"}));
      EXPECT_EQ(AttributesAt(s, "/f").mode, same_field ? 0100640u : 0100600u);
    });
  }
}

TEST_F(ConvergenceTest, SameNameCreateOfTwoFiles) {
  Inode x = a.Mint(), y = b.Mint();
  TestEntry create_x = a.Create(0x2000, x, d, "n"), create_y = b.Create(0x3000, y, d, "n");
  InEveryOrder(common, {create_x, create_y}, [&](const State& s) {
    EXPECT_EQ(InodeAt(s, "/d/n"), y) << "the greater stamp has the name";
    EXPECT_EQ(InodeAt(s, "/d/" + Alias("n", create_x)), x);
    EXPECT_EQ(s.ChildCount(d), 2u);
    EXPECT_EQ(s.PathOf(x).value(), "/d/" + Alias("n", create_x));
    EXPECT_EQ(AttributesAt(s, "/d/n").nlink, 1u);
  });
}

TEST_F(ConvergenceTest, TheLoserOfANameGetsItWhenTheWinnerGoes) {
  Inode x = a.Mint(), y = b.Mint();
  TestEntry create_x = a.Create(0x2000, x, d, "n"), create_y = b.Create(0x3000, y, d, "n");
  InEveryOrder(common, {create_x, create_y, c.Unlink(0x4000, y, create_y.link(), d, "n")},
               [&](const State& s) {
                 EXPECT_EQ(InodeAt(s, "/d/n"), x);
                 EXPECT_EQ(s.ChildCount(d), 1u);
               });
}

TEST_F(ConvergenceTest, SameNameCreateOfThreeFiles) {
  Inode x = a.Mint(), y = b.Mint(), z = c.Mint();
  TestEntry create_x = a.Create(0x2000, x, 1, "n"), create_y = b.Create(0x2000, y, 1, "n");
  TestEntry create_z = c.Create(0x2000, z, 1, "n");
  InEveryOrder(common, {create_x, create_y, create_z}, [&](const State& s) {
    EXPECT_EQ(InodeAt(s, "/n"), z) << "equal clocks: the greater site";
    EXPECT_EQ(InodeAt(s, "/" + Alias("n", create_x)), x);
    EXPECT_EQ(InodeAt(s, "/" + Alias("n", create_y)), y);
  });
}

TEST_F(ConvergenceTest, SameNameCreateOfTwoDirectories) {
  Inode x = a.Mint(), y = b.Mint(), in_x = a.Mint(), in_y = b.Mint();
  TestEntry mkdir_x = a.Mkdir(0x2000, x, 1, "n"), mkdir_y = b.Mkdir(0x3000, y, 1, "n");
  InEveryOrder(
      common, {mkdir_x, mkdir_y, a.Create(0x4000, in_x, x, "i"), b.Create(0x4000, in_y, y, "i")},
      [&](const State& s) {
        EXPECT_EQ(InodeAt(s, "/n/i"), in_y);
        EXPECT_EQ(InodeAt(s, "/" + Alias("n", mkdir_x) + "/i"), in_x) << "both stay reachable";
        EXPECT_EQ(AttributesAt(s, "/").nlink, 5u);
      });
}

TEST_F(ConvergenceTest, SameNameCreateOfAFileAndADirectory) {
  Inode x = a.Mint(), y = b.Mint(), in_y = b.Mint();
  TestEntry create_x = a.Create(0x3000, x, 1, "n"), mkdir_y = b.Mkdir(0x2000, y, 1, "n");
  InEveryOrder(common, {create_x, mkdir_y, b.Create(0x4000, in_y, y, "i")}, [&](const State& s) {
    EXPECT_EQ(InodeAt(s, "/n"), x);
    EXPECT_EQ(InodeAt(s, "/" + Alias("n", mkdir_y) + "/i"), in_y);
  });
}

TEST_F(ConvergenceTest, RenameAgainstRenameOfTheSameObject) {
  InEveryOrder(common,
               {a.Rename(0x2000, f, create_f.link(), 1, "f", 1, "g"),
                b.Rename(0x3000, f, create_f.link(), 1, "f", d, "h")},
               [&](const State& s) {
                 EXPECT_EQ(Paths(s), (Strings{"/d", "/d/h"})) << "one name, one winner";
                 EXPECT_EQ(AttributesAt(s, "/d/h").nlink, 1u);
               });
}

TEST_F(ConvergenceTest, RenameAgainstUnlinkOfTheSameObject) {
  InEveryOrder(common,
               {a.Unlink(0x2000, f, create_f.link(), 1, "f"),
                b.Rename(0x3000, f, create_f.link(), 1, "f", d, "g")},
               [&](const State& s) {
                 EXPECT_EQ(Paths(s), (Strings{"/d", "/d/g"}));
               });
  InEveryOrder(common,
               {a.Unlink(0x5000, f, create_f.link(), 1, "f"),
                b.Rename(0x4000, f, create_f.link(), 1, "f", d, "g")},
               [&](const State& s) { EXPECT_EQ(Paths(s), Strings{"/d"}); });
}

TEST_F(ConvergenceTest, RenameOntoANameAgainstWriteToWhatItReplaces) {
  Inode g = a.Mint();
  TestEntry create_g = a.Create(kBefore, g, 1, "g");
  std::vector<TestEntry> three = common;
  three.push_back(create_g);
  TestEntry onto = a.Rename(0x3000, g, create_g.link(), 1, "g", 1, "f", {f, create_f.link()});
  InEveryOrder(three, {onto, b.Write(0x4000, f, 9, 9)}, [&](const State& s) {
    EXPECT_EQ(InodeAt(s, "/f"), g);
    EXPECT_EQ(AttributesAt(s, "/" + Alias("f", create_f)).size, 9u) << "it was written later";
  });
  InEveryOrder(three, {onto, b.Write(0x2000, f, 9, 9)}, [&](const State& s) {
    EXPECT_EQ(Paths(s), (Strings{"/d", "/f"}));
  });
}

TEST_F(ConvergenceTest, TwoRenamesOntoOneName) {
  Inode g = a.Mint();
  TestEntry create_g = a.Create(kBefore, g, 1, "g");
  std::vector<TestEntry> three = common;
  three.push_back(create_g);
  InEveryOrder(three,
               {a.Rename(0x3000, f, create_f.link(), 1, "f", 1, "t"),
                b.Rename(0x2000, g, create_g.link(), 1, "g", 1, "t")},
               [&](const State& s) {
                 EXPECT_EQ(InodeAt(s, "/t"), f);
                 EXPECT_EQ(InodeAt(s, "/" + Alias("t", create_g)), g);
               });
}

TEST_F(ConvergenceTest, TwoRenamesOntoOneExistingName) {
  Inode g = a.Mint(), t = a.Mint();
  TestEntry create_g = a.Create(kBefore, g, 1, "g"), create_t = a.Create(kBefore, t, 1, "t");
  std::vector<TestEntry> four = common;
  four.insert(four.end(), {create_g, create_t});
  InEveryOrder(four,
               {a.Rename(0x3000, f, create_f.link(), 1, "f", 1, "t", {t, create_t.link()}),
                b.Rename(0x2000, g, create_g.link(), 1, "g", 1, "t", {t, create_t.link()})},
               [&](const State& s) {
                 EXPECT_EQ(Paths(s), (Strings{"/d", "/t", "/" + Alias("t", create_g)}));
                 EXPECT_EQ(InodeAt(s, "/t"), f);
               });
}

TEST_F(ConvergenceTest, ACycleOfTwoRenames) {
  Inode e = a.Mint(), in_d = a.Mint();
  TestEntry mkdir_e = a.Mkdir(kBefore, e, 1, "e");
  std::vector<TestEntry> before{create_f, mkdir_d, mkdir_e, a.Create(kBefore, in_d, d, "i")};
  InEveryOrder(before,
               {a.Rename(0x2000, d, mkdir_d.link(), 1, "d", e, "d"),
                b.Rename(0x3000, e, mkdir_e.link(), 1, "e", d, "e")},
               [&](const State& s) {
                 // The greater rename is the cut: e shows in the root, d stays in it.
                 EXPECT_EQ(Paths(s), (Strings{"/e", "/e/d", "/e/d/i", "/f"}));
                 EXPECT_EQ(s.ChildCount(d), 1u) << "e shows in the root";
                 const ListedName cut = s.CutOfCycle(d).value();
                 EXPECT_EQ(cut.name, "e");
                 EXPECT_EQ(cut.entry.inode, e);
                 EXPECT_EQ(cut.entry.parent, kRootInode);
                 EXPECT_FALSE(s.CutOfCycle(f).has_value());
               });
}

TEST_F(ConvergenceTest, ACutDirectoryGetsAnAliasIfTheRootHasItsName) {
  Inode e = a.Mint(), other = b.Mint();
  TestEntry mkdir_e = a.Mkdir(kBefore, e, 1, "e");
  std::vector<TestEntry> before{create_f, mkdir_d, mkdir_e};
  InEveryOrder(
      before,
      {a.Rename(0x2000, d, mkdir_d.link(), 1, "d", e, "d"),
       b.Rename(0x3000, e, mkdir_e.link(), 1, "e", d, "e"), c.Mkdir(0x4000, other, 1, "e")},
      [&](const State& s) {
        EXPECT_EQ(InodeAt(s, "/e"), other);
        EXPECT_EQ(InodeAt(s, "/" + Alias("e", mkdir_e)), e);
        EXPECT_EQ(InodeAt(s, "/" + Alias("e", mkdir_e) + "/d"), d);
      });
}

TEST_F(ConvergenceTest, ACycleOfThreeRenames) {
  Inode e = a.Mint(), g = a.Mint();
  TestEntry mkdir_e = a.Mkdir(kBefore, e, 1, "e"), mkdir_g = a.Mkdir(kBefore, g, 1, "g");
  InEveryOrder({create_f, mkdir_d, mkdir_e, mkdir_g},
               {a.Rename(0x2000, d, mkdir_d.link(), 1, "d", e, "d"),
                b.Rename(0x4000, e, mkdir_e.link(), 1, "e", g, "e"),
                c.Rename(0x3000, g, mkdir_g.link(), 1, "g", d, "g")},
               [&](const State& s) {
                 EXPECT_EQ(Paths(s), (Strings{"/e", "/e/d", "/e/d/g", "/f"}));
               });
}

TEST_F(ConvergenceTest, ARenameOutOfACycleEndsIt) {
  Inode e = a.Mint();
  TestEntry mkdir_e = a.Mkdir(kBefore, e, 1, "e");
  InEveryOrder({create_f, mkdir_d, mkdir_e},
               {a.Rename(0x2000, d, mkdir_d.link(), 1, "d", e, "d"),
                b.Rename(0x3000, e, mkdir_e.link(), 1, "e", d, "e"),
                c.Rename(0x4000, d, mkdir_d.link(), e, "d", 1, "back")},
               [&](const State& s) {
                 EXPECT_EQ(Paths(s), (Strings{"/back", "/back/e", "/f"}));
               });
}

TEST_F(ConvergenceTest, RenameIntoADirectoryRemovedElsewhere) {
  InEveryOrder(common,
               {a.Rename(0x2000, f, create_f.link(), 1, "f", d, "f"),
                b.Rmdir(0x3000, d, mkdir_d.link(), 1, "d")},
               [&](const State& s) {
                 EXPECT_EQ(Paths(s), (Strings{"/d", "/d/f"})) << "the directory stays";
                 EXPECT_FALSE(AttributesAt(s, "/d").has_removed_link);
               });
}

TEST_F(ConvergenceTest, RmdirAgainstCreateInside) {
  Inode x = a.Mint();
  InEveryOrder(common, {a.Create(0x2000, x, d, "x"), b.Rmdir(0x3000, d, mkdir_d.link(), 1, "d")},
               [&](const State& s) {
                 EXPECT_EQ(Paths(s), (Strings{"/d", "/d/x", "/f"}));
               });
}

TEST_F(ConvergenceTest, RmdirAgainstChmodOfTheDirectory) {
  InEveryOrder(common, {a.Rmdir(0x2000, d, mkdir_d.link(), 1, "d"), b.Chmod(0x3000, d, 0700)},
               [&](const State& s) { EXPECT_EQ(AttributesAt(s, "/d").mode, 040700u); });
  InEveryOrder(common, {a.Rmdir(0x5000, d, mkdir_d.link(), 1, "d"), b.Chmod(0x4000, d, 0700)},
               [&](const State& s) { EXPECT_EQ(Paths(s), Strings{"/f"}); });
}

TEST_F(ConvergenceTest, ADirectoryKeptByItsChildGoesWithIt) {
  Inode x = a.Mint();
  TestEntry create_x = a.Create(0x2000, x, d, "x");
  InEveryOrder(common,
               {create_x, b.Rmdir(0x3000, d, mkdir_d.link(), 1, "d"),
                c.Unlink(0x4000, x, create_x.link(), d, "x")},
               [&](const State& s) { EXPECT_EQ(Paths(s), Strings{"/f"}); });
}

TEST_F(ConvergenceTest, RmdirOfAWholeChainAgainstCreateAtItsEnd) {
  Inode e = a.Mint(), x = a.Mint();
  TestEntry mkdir_e = a.Mkdir(kBefore, e, d, "e");
  InEveryOrder({create_f, mkdir_d, mkdir_e},
               {b.Rmdir(0x3000, e, mkdir_e.link(), d, "e"),
                b.Rmdir(0x4000, d, mkdir_d.link(), 1, "d"), a.Create(0x2000, x, e, "x")},
               [&](const State& s) {
                 EXPECT_EQ(Paths(s), (Strings{"/d", "/d/e", "/d/e/x", "/f"}));
               });
}

TEST_F(ConvergenceTest, DirectoriesThatHoldUpOnlyEachOtherAreGone) {
  Inode e = a.Mint(), x = a.Mint();
  TestEntry mkdir_e = a.Mkdir(kBefore, e, 1, "e"), create_x = a.Create(kBefore, x, d, "x");
  TestEntry into_e = a.Rename(0x2000, d, mkdir_d.link(), 1, "d", e, "d");
  TestEntry into_d = b.Rename(0x2000, e, mkdir_e.link(), 1, "e", d, "e");
  std::vector<TestEntry> cycle{create_f, mkdir_d, mkdir_e, create_x, into_e, into_d};
  std::vector<TestEntry> both{c.Rmdir(0x3000, d, mkdir_d.link(), e, "d"),
                              c.Rmdir(0x3000, e, mkdir_e.link(), d, "e")};
  InEveryOrder(cycle, both, [&](const State& s) {
    EXPECT_EQ(Paths(s), (Strings{"/e", "/e/d", "/e/d/x", "/f"})) << "x holds them up";
  });
  both.push_back(c.Unlink(0x4000, x, create_x.link(), d, "x"));
  InEveryOrder(cycle, both, [&](const State& s) { EXPECT_EQ(Paths(s), Strings{"/f"}); });
}

TEST_F(ConvergenceTest, HardLinkAgainstUnlink) {
  InEveryOrder(common, {a.Link(0x2000, f, d, "g"), b.Unlink(0x3000, f, create_f.link(), 1, "f")},
               [&](const State& s) {
                 EXPECT_EQ(Paths(s), (Strings{"/d", "/d/g"}));
                 EXPECT_EQ(AttributesAt(s, "/d/g").nlink, 1u);
               });
}

TEST_F(ConvergenceTest, TheSameHardLinkMadeTwiceShowsOnce) {
  TestEntry link_a = a.Link(0x2000, f, 1, "g"), link_b = b.Link(0x3000, f, 1, "g");
  InEveryOrder(common, {link_a, link_b}, [&](const State& s) {
    EXPECT_EQ(Paths(s), (Strings{"/d", "/f", "/g"}));
    EXPECT_EQ(AttributesAt(s, "/g").nlink, 2u);
    EXPECT_EQ(s.LookupName(1, AsBytes(std::string("g")))->link, link_b.link());
    EXPECT_EQ(s.HiddenDuplicates(1, AsBytes(std::string("g"))), std::vector<LinkId>{link_a.link()});
  });
  // An unlink that names only the visible one uncovers the other.
  InEveryOrder(common, {link_a, link_b, c.Unlink(0x4000, f, link_b.link(), 1, "g")},
               [&](const State& s) { EXPECT_EQ(AttributesAt(s, "/g").nlink, 2u); });
}

TEST_F(ConvergenceTest, LinkCountsAfterAllOfIt) {
  TestEntry g = a.Link(kBefore, f, 1, "g"), h = b.Link(0x2000, f, d, "h");
  std::vector<TestEntry> linked = common;
  linked.push_back(g);
  InEveryOrder(linked,
               {h, a.Unlink(0x3000, f, create_f.link(), 1, "f"),
                b.Rename(0x4000, f, g.link(), 1, "g", d, "moved"),
                c.Rmdir(0x5000, d, mkdir_d.link(), 1, "d")},
               [&](const State& s) {
                 EXPECT_EQ(Paths(s), (Strings{"/d", "/d/h", "/d/moved"}));
                 EXPECT_EQ(AttributesAt(s, "/d/h").nlink, 2u);
                 EXPECT_EQ(AttributesAt(s, "/d").nlink, 2u);
               });
}

TEST_F(ConvergenceTest, XattrSetAgainstRemove) {
  std::vector<TestEntry> with = common;
  with.push_back(a.Setxattr(kBefore, f, "user.k", "old"));
  InEveryOrder(with, {a.Setxattr(0x3000, f, "user.k", "new"), b.Removexattr(0x2000, f, "user.k")},
               [&](const State& s) { EXPECT_EQ(s.GetInode(f)->xattrs.at(0).value, "new"); });
  InEveryOrder(with, {a.Setxattr(0x2000, f, "user.k", "new"), b.Removexattr(0x3000, f, "user.k")},
               [&](const State& s) { EXPECT_TRUE(s.GetInode(f)->xattrs.empty()); });
}

TEST_F(ConvergenceTest, SymlinkAgainstCreate) {
  Inode x = a.Mint(), y = b.Mint();
  TestEntry symlink = a.Symlink(0x2000, x, 1, "n", "f"), create = b.Create(0x3000, y, 1, "n");
  InEveryOrder(common, {symlink, create}, [&](const State& s) {
    EXPECT_EQ(InodeAt(s, "/n"), y);
    EXPECT_EQ(s.GetInode(InodeAt(s, "/" + Alias("n", symlink)))->target, "f");
  });
}

TEST_F(ConvergenceTest, EqualTimestampsAtTwoSites) {
  InEveryOrder(common, {a.Chmod(0x2000, f, 0600), b.Chmod(0x2000, f, 0640)}, [&](const State& s) {
    EXPECT_EQ(AttributesAt(s, "/f").mode, 0100640u) << "the greater site";
  });
  Journal later(1, 0x1b);
  InEveryOrder(common, {a.Chmod(0x2000, f, 0600), later.Chmod(0x2000, f, 0640)},
               [&](const State& s) {
                 EXPECT_EQ(AttributesAt(s, "/f").mode, 0100640u) << "the greater incarnation";
               });
}

TEST_F(ConvergenceTest, OneInodeNumberClaimedTwiceIsOneInode) {
  Inode x = a.Mint(), in_x = b.Mint();
  TestEntry mkdir = a.Mkdir(0x3000, x, 1, "x"), create = b.Create(0x2000, x, 1, "y");
  InEveryOrder(common, {mkdir, create, c.Create(0x4000, in_x, x, "i")}, [&](const State& s) {
    EXPECT_EQ(AttributesAt(s, "/x").kind, Kind::kDirectory);
    EXPECT_EQ(InodeAt(s, "/y"), 0u) << "a directory shows once";
    EXPECT_EQ(InodeAt(s, "/x/i"), in_x);
  });
  TestEntry create_later = b.Create(0x5000, x, 1, "y");
  InEveryOrder(common, {mkdir, create_later, c.Create(0x4000, in_x, x, "i")}, [&](const State& s) {
    EXPECT_EQ(Paths(s), (Strings{"/d", "/f", "/x", "/y"}))
        << "a file has two names, and nothing in it";
    EXPECT_EQ(AttributesAt(s, "/x").nlink, 2u);
  });
}

TEST_F(ConvergenceTest, AnAliasGivesWayToARealName) {
  Inode x = a.Mint(), y = b.Mint(), z = c.Mint();
  TestEntry create_x = a.Create(0x2000, x, 1, "n"), create_y = b.Create(0x3000, y, 1, "n");
  TestEntry squatter = c.Create(0x1800, z, 1, Alias("n", create_x));
  InEveryOrder(common, {create_x, create_y, squatter}, [&](const State& s) {
    EXPECT_EQ(InodeAt(s, "/" + Alias("n", create_x)), z);
    EXPECT_EQ(InodeAt(s, "/" + Alias("n", create_x) + "~"), x);
  });
  InEveryOrder(
      common,
      {create_x, create_y, squatter, c.Unlink(0x4000, z, squatter.link(), 1, Alias("n", create_x))},
      [&](const State& s) { EXPECT_EQ(InodeAt(s, "/" + Alias("n", create_x)), x); });
}

TEST_F(ConvergenceTest, AnAliasOfALongNameFits) {
  // 253 bytes of two-byte characters and two more: the cut may not split one.
  std::string name = "n";
  while (name.size() < 253) name += "\xc3\xa9";
  name += "ab";
  ASSERT_EQ(name.size(), 255u);
  Inode x = a.Mint(), y = b.Mint();
  TestEntry create_x = a.Create(0x2000, x, 1, name), create_y = b.Create(0x3000, y, 1, name);
  InEveryOrder(common, {create_x, create_y}, [&](const State& s) {
    EXPECT_EQ(InodeAt(s, "/" + name), y);
    std::string alias = s.GetInode(x)->links.at(0).name;
    EXPECT_LE(alias.size(), 255u);
    EXPECT_EQ(alias, Alias(alias.substr(0, alias.rfind('~')), create_x));
    EXPECT_EQ((alias[alias.rfind('~') - 1] & 0xff), 0xa9) << "whole characters";
  });
}

}  // namespace
}  // namespace cfsrepl
