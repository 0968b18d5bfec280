// What a client of one site does after a conflict was resolved does what it says.
#include <gtest/gtest.h>

#include "engine/engine_support.h"

namespace cfsrepl {
namespace {

using Strings = std::vector<std::string>;

// Two sites that hear of each other when they meet.
class SitesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    a_ = OpenEngine(SmallOptions(dir_ / "a", 1));
    b_ = OpenEngine(SmallOptions(dir_ / "b", 2));
  }

  void Meet() {
    Replicate(a_.get(), b_.get(), 1);
    Replicate(b_.get(), a_.get(), 2);
    ExpectEqualState(a_.get(), b_.get());
  }
  static Code Do(Engine* site, Op op, const std::string& path, const std::string& to = "") {
    BatchBuilder batch;
    batch.ByPath(op, path, to);
    return AppendAndWait(site, batch).status.code();
  }
  // Each moves one directory into the other: /e is the cut and shows in the root.
  void MakeCycle() {
    ASSERT_EQ(Do(a_.get(), Op::Mkdir, "/d"), Code::kOk);
    ASSERT_EQ(Do(a_.get(), Op::Mkdir, "/e"), Code::kOk);
    Meet();
    ASSERT_EQ(Do(a_.get(), Op::Rename, "/d", "/e/d"), Code::kOk);
    ASSERT_EQ(Do(b_.get(), Op::Rename, "/e", "/d/e"), Code::kOk);
    Meet();
    ASSERT_EQ(AllPaths(a_.get()), (Strings{"/e", "/e/d"}));
  }

  TempDir dir_;
  std::shared_ptr<Engine> a_, b_;
};

TEST_F(SitesTest, RenameOutOfACutCycleMovesNothingElse) {
  MakeCycle();
  EXPECT_EQ(Do(a_.get(), Op::Rename, "/e/d", "/moved"), Code::kOk);
  Meet();
  EXPECT_EQ(AllPaths(b_.get()), (Strings{"/e", "/moved"}));
}

TEST_F(SitesTest, RenameWithinACutCycleArrives) {
  MakeCycle();
  ASSERT_EQ(Do(a_.get(), Op::Mkdir, "/e/x"), Code::kOk);
  EXPECT_EQ(Do(a_.get(), Op::Rename, "/e/d", "/e/x/d"), Code::kOk);
  Meet();
  EXPECT_EQ(AllPaths(b_.get()), (Strings{"/e", "/e/x", "/e/x/d"}));
}

TEST_F(SitesTest, ADirectoryThatShowsEmptyCanBeRemoved) {
  MakeCycle();
  EXPECT_EQ(Do(a_.get(), Op::Rmdir, "/e/d"), Code::kOk);
  Meet();
  EXPECT_EQ(AllPaths(b_.get()), Strings{"/e"});
}

TEST_F(SitesTest, ADirectoryThatShowsEmptyCanBeReplaced) {
  MakeCycle();
  ASSERT_EQ(Do(a_.get(), Op::Mkdir, "/other"), Code::kOk);
  EXPECT_EQ(Do(a_.get(), Op::Rename, "/other", "/e/d"), Code::kOk);
  Meet();
  EXPECT_EQ(AllPaths(b_.get()), (Strings{"/e", "/e/d"}));
}

// Nothing but the cycle holds up what is removed, and the cycle ends when its cut is kept.
TEST_F(SitesTest, OnACutCycleADirectoryKeptByWhatIsInItStaysWhenItIsEmptied) {
  for (const char* path : {"/a", "/b", "/b/c"}) {
    ASSERT_EQ(Do(a_.get(), Op::Mkdir, path), Code::kOk);
  }
  Meet();
  ASSERT_EQ(Do(a_.get(), Op::Rename, "/b", "/a/b"), Code::kOk);
  ASSERT_EQ(Do(a_.get(), Op::Rmdir, "/a/b/c"), Code::kOk);
  ASSERT_EQ(Do(a_.get(), Op::Rmdir, "/a/b"), Code::kOk);
  ASSERT_EQ(Do(b_.get(), Op::Rename, "/a", "/b/c/a"), Code::kOk);
  Meet();
  ASSERT_EQ(AllPaths(b_.get()), (Strings{"/a", "/a/b", "/a/b/c"}));
  EXPECT_EQ(Do(b_.get(), Op::Rmdir, "/a/b/c"), Code::kOk);
  Meet();
  EXPECT_EQ(AllPaths(a_.get()), (Strings{"/a", "/a/b"}));
}

// Until it is removed by one who knows what was in it.
TEST_F(SitesTest, ADirectoryKeptByWhatIsInItStaysWhenItIsEmptied) {
  ASSERT_EQ(Do(a_.get(), Op::Mkdir, "/d"), Code::kOk);
  ASSERT_EQ(Do(a_.get(), Op::Mkdir, "/d/e"), Code::kOk);
  Meet();
  ASSERT_EQ(Do(a_.get(), Op::Rmdir, "/d/e"), Code::kOk);
  ASSERT_EQ(Do(a_.get(), Op::Rmdir, "/d"), Code::kOk);
  ASSERT_EQ(Do(b_.get(), Op::Create, "/d/e/f"), Code::kOk);
  Meet();
  ASSERT_EQ(AllPaths(a_.get()), (Strings{"/d", "/d/e", "/d/e/f"}));
  ASSERT_EQ(Do(a_.get(), Op::Unlink, "/d/e/f"), Code::kOk);
  EXPECT_EQ(AllPaths(a_.get()), (Strings{"/d", "/d/e"}));
  ASSERT_EQ(Do(a_.get(), Op::Rename, "/d/e", "/e"), Code::kOk);
  Meet();
  EXPECT_EQ(AllPaths(b_.get()), (Strings{"/d", "/e"}));
  ASSERT_EQ(Do(b_.get(), Op::Rmdir, "/d"), Code::kOk);
  Meet();
  EXPECT_EQ(AllPaths(a_.get()), Strings{"/e"});
}

TEST_F(SitesTest, EmptyingADirectoryThatIsKeptOnACutCycleMovesNothing) {
  ASSERT_EQ(Do(a_.get(), Op::Mkdir, "/d"), Code::kOk);
  ASSERT_EQ(Do(a_.get(), Op::Mkdir, "/e"), Code::kOk);
  Meet();
  ASSERT_EQ(Do(a_.get(), Op::Rename, "/d", "/e/d"), Code::kOk);
  ASSERT_EQ(Do(a_.get(), Op::Rmdir, "/e/d"), Code::kOk);
  ASSERT_EQ(Do(b_.get(), Op::Rename, "/e", "/d/e"), Code::kOk);
  ASSERT_EQ(Do(b_.get(), Op::Create, "/d/x"), Code::kOk);
  Meet();
  ASSERT_EQ(AllPaths(a_.get()), (Strings{"/e", "/e/d", "/e/d/x"}));
  EXPECT_EQ(Do(a_.get(), Op::Unlink, "/e/d/x"), Code::kOk);
  Meet();
  EXPECT_EQ(AllPaths(b_.get()), (Strings{"/e", "/e/d"}));
}

TEST_F(SitesTest, SetxattrAgainstUnlinkIsDecidedByStamp) {
  ASSERT_EQ(Do(a_.get(), Op::Create, "/f"), Code::kOk);
  Meet();
  ASSERT_EQ(Do(a_.get(), Op::Unlink, "/f"), Code::kOk);
  BatchBuilder later;
  BatchBuilder::Parts parts;
  parts.name = "/f";
  parts.new_name = "user.k";
  parts.value = "v";
  parts.flags = kOpNameIsPath;
  later.Add(Op::Setxattr, parts);
  ASSERT_TRUE(AppendAndWait(b_.get(), later).status.ok());
  Meet();
  EXPECT_EQ(AllPaths(a_.get()), Strings{"/f"});
}

}  // namespace
}  // namespace cfsrepl
