// Looking at the tree: lookups, listings, the dump and its order, memory.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "state/entries.h"

namespace cfsrepl {
namespace {

using Strings = std::vector<std::string>;

Status ResolveStatus(const State& state, const std::string& path) {
  return state.ResolvePath(AsBytes(path)).status();
}

// A tree whose names sort awkwardly around '/', and some that are no UTF-8.
class TreeTest : public testing::Test {
 protected:
  TreeTest() {
    const Strings directories = {"a", "a-b", "a-b-c", "a.", "b", "\x01", "z\xff"};
    const Strings files = {"a!", "a0", "aa", "c", "a-", "\xff\xfe", "-", "z"};
    for (const std::string& name : directories) {
      Inode inode = journal.Mint();
      Merge(&state, journal.Mkdir(1, inode, kRootInode, name));
      for (const std::string& below : directories) {
        Inode inner = journal.Mint();
        Merge(&state, journal.Mkdir(1, inner, inode, below));
        for (const std::string& file : files) {
          Merge(&state, journal.Create(1, journal.Mint(), inner, file));
        }
      }
      for (const std::string& file : files) {
        Merge(&state, journal.Create(1, journal.Mint(), inode, file));
      }
    }
    for (const std::string& file : files) {
      Merge(&state, journal.Create(1, journal.Mint(), kRootInode, file));
    }
  }

  State state;
  Journal journal{1};
};

TEST_F(TreeTest, TheDumpIsSortedByTheBytesOfWholePaths) {
  Strings paths = Paths(state);
  EXPECT_EQ(paths.size(), state.counters().visible_names);
  Strings sorted = paths;
  std::sort(sorted.begin(), sorted.end(), [](const std::string& a, const std::string& b) {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
      return static_cast<uint8_t>(x) < static_cast<uint8_t>(y);
    });
  });
  EXPECT_EQ(paths, sorted);
  // What depth first would get wrong:
  auto at = [&](const std::string& path) { return std::find(paths.begin(), paths.end(), path); };
  EXPECT_LT(at("/a"), at("/a-b"));
  EXPECT_LT(at("/a-b"), at("/a/a"));
  EXPECT_LT(at("/a-b-c/a"), at("/a-b/a"));
}

TEST_F(TreeTest, TheDumpResumesAfterAnyPath) {
  Strings paths = Paths(state);
  for (size_t i = 0; i <= paths.size(); i++) {
    std::vector<DumpedName> rest;
    state.Dump(i == 0 ? Bytes() : AsBytes(paths[i - 1]), 3, &rest);
    ASSERT_EQ(rest.size(), std::min<size_t>(3, paths.size() - i));
    for (size_t j = 0; j < rest.size(); j++) ASSERT_EQ(rest[j].path, paths[i + j]);
  }
}

TEST_F(TreeTest, TheDumpResumesAfterPathsThatAreNotThere) {
  Strings paths = Paths(state);
  for (const std::string& path : paths) {
    for (const char* suffix : {"\x01", "!", "/", "/\x01", "0", "/a-a/b/c", "~", "/~"}) {
      std::string after = path + suffix;
      auto expected = std::upper_bound(
          paths.begin(), paths.end(), after, [](const std::string& a, const std::string& b) {
            return std::ranges::lexicographical_compare(AsBytes(a), AsBytes(b));
          });
      std::vector<DumpedName> next;
      state.Dump(AsBytes(after), 1, &next);
      ASSERT_EQ(next.empty(), expected == paths.end()) << after;
      if (next.empty()) continue;
      ASSERT_EQ(next[0].path, *expected) << after;
    }
  }
  std::vector<DumpedName> next;
  state.Dump(AsBytes(std::string("zebra")), 1, &next);
  EXPECT_TRUE(next.empty()) << "every path starts with a slash";
  state.Dump(AsBytes(std::string(" ")), 1, &next);
  EXPECT_EQ(next.size(), 1u);
}

TEST_F(TreeTest, ADirectoryIsListedInByteOrderFromAnyName) {
  Strings all;
  for (const ListedName& name : state.ListDirectory(kRootInode, {}, SIZE_MAX)) {
    all.push_back(name.name);
    EXPECT_EQ(name.entry.inode, InodeAt(state, "/" + name.name));
    EXPECT_EQ(name.entry.parent, kRootInode);
  }
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return std::ranges::lexicographical_compare(AsBytes(a), AsBytes(b));
  }));
  EXPECT_EQ(all.size(), state.ChildCount(kRootInode));
  Strings paged;
  for (std::string after;;) {
    std::vector<ListedName> page = state.ListDirectory(kRootInode, AsBytes(after), 2);
    for (const ListedName& name : page) paged.push_back(name.name);
    if (page.size() < 2) break;
    after = page.back().name;
  }
  EXPECT_EQ(paged, all);
  EXPECT_TRUE(state.ListDirectory(InodeAt(state, "/c"), {}, 9).empty()) << "a file";
  EXPECT_TRUE(state.ListDirectory(999999, {}, 9).empty()) << "unknown";
}

TEST_F(TreeTest, PathsResolve) {
  EXPECT_EQ(InodeAt(state, "/"), kRootInode);
  EXPECT_EQ(InodeAt(state, "//"), kRootInode);
  EXPECT_EQ(InodeAt(state, "//a///a-b//"), InodeAt(state, "/a/a-b"));
  EXPECT_NE(InodeAt(state, "/a/a-b/\xff\xfe"), 0u);
  EXPECT_EQ(ResolveStatus(state, "").code(), Code::kInvalidArgument);
  EXPECT_EQ(ResolveStatus(state, "a").code(), Code::kInvalidArgument);
  EXPECT_EQ(ResolveStatus(state, "/a/nope/x").code(), Code::kNotFound);
  EXPECT_NE(ResolveStatus(state, "/a/nope/x").message().find("\"/a/nope\""), std::string::npos);
  EXPECT_EQ(ResolveStatus(state, "/c/x").code(), Code::kNotDirectory);
  EXPECT_NE(ResolveStatus(state, "/c/x").message().find("\"/c\""), std::string::npos);
  EXPECT_EQ(ResolveStatus(state, "/c/").code(), Code::kNotDirectory);
  EXPECT_EQ(ResolveStatus(state, "/a/.").code(), Code::kNotFound) << "no such name";
  for (const std::string& path : Paths(state)) {
    ASSERT_EQ(state.PathOf(InodeAt(state, path)).value(), path);
  }
}

TEST_F(TreeTest, LookupsOfWhatIsNotThere) {
  InodeAttributes attributes;
  EXPECT_FALSE(state.GetAttributes(999999, &attributes));
  EXPECT_EQ(state.GetInode(999999).status().code(), Code::kNotFound);
  EXPECT_EQ(state.PathOf(999999).status().code(), Code::kNotFound);
  EXPECT_FALSE(state.LookupName(999999, AsBytes(std::string("a"))).has_value());
  EXPECT_FALSE(state.LookupName(kRootInode, AsBytes(std::string("nope"))).has_value());
  EXPECT_EQ(state.ChildCount(999999), 0u);
  EXPECT_FALSE(state.IsAncestor(999999, kRootInode));
  EXPECT_FALSE(state.IsAncestor(kRootInode, 999999));
  // Known by its number only: heard of, not created.
  Merge(&state, journal.Chmod(5, 999999, 0600));
  EXPECT_FALSE(state.GetAttributes(999999, &attributes));
}

TEST(StateDepthTest, AChainOfTenThousandDirectories) {
  State state;
  Journal journal(1);
  std::vector<Inode> chain{kRootInode};
  for (int i = 0; i < 10000; i++) {
    chain.push_back(journal.Mint());
    Merge(&state, journal.Mkdir(1, chain.back(), chain[chain.size() - 2], "d"));
  }
  EXPECT_EQ(Paths(state).back().size(), 20000u);
  EXPECT_EQ(state.PathOf(chain.back()).value().size(), 20000u);
  EXPECT_TRUE(state.IsAncestor(chain[1], chain.back()));
  EXPECT_FALSE(state.IsAncestor(chain.back(), chain[1]));
}

// 16-byte names, 1000 to a directory.
TEST(StateMemoryTest, CountsWhatItHolds) {
  constexpr int kInodes = 150000;
  State state;
  uint64_t empty_bytes = state.counters().memory_bytes;
  EXPECT_LT(empty_bytes, 200 * 1024u) << "a small state is small";
  Journal journal(1);
  Inode directory = kRootInode;
  for (int i = 0; i < kInodes; i++) {
    char name[17];
    std::snprintf(name, sizeof(name), "%016d", i);
    Inode inode = journal.Mint();
    bool is_directory = i % 1000 == 0;
    Inode parent = is_directory ? kRootInode : directory;
    Merge(&state, is_directory ? journal.Mkdir(1, inode, parent, name)
                               : journal.Create(1, inode, parent, name));
    if (is_directory) directory = inode;
  }
  StateCounters counters = state.counters();
  EXPECT_EQ(counters.inodes, kInodes + 1u);
  EXPECT_EQ(counters.live_inodes, kInodes + 1u);
  EXPECT_EQ(counters.links, static_cast<uint64_t>(kInodes));
  EXPECT_EQ(counters.visible_names, static_cast<uint64_t>(kInodes));
  EXPECT_LE(counters.memory_bytes / kInodes, 310u)
      << "whole huge pages weigh more in a small state";
  EXPECT_GE(counters.memory_bytes / kInodes, sizeof(uint64_t) * 32u);
}

TEST(StateMemoryTest, ReplacedStringsAreReused) {
  State state;
  Journal journal(1);
  Inode f = journal.Mint();
  TestEntry create = journal.Create(1, f, 1, "f");
  Merge(&state, create);
  uint64_t bytes = 0;
  for (Hlc hlc = 2; hlc < 5000; hlc++) {
    Merge(&state, journal.Setxattr(hlc, f, "user.k", std::string(100 + hlc % 100, 'v')));
    Merge(&state,
          journal.Rename(hlc, f, create.link(), 1, "f", 1, std::string(100 + hlc % 100, 'n')));
    if (hlc == 500) bytes = state.counters().memory_bytes;
  }
  EXPECT_EQ(state.counters().memory_bytes, bytes);
}

}  // namespace
}  // namespace cfsrepl
