// Entries that a newer build wrote: kept, passed on as they came, and left out of what is shown.
#include <gtest/gtest.h>

#include "engine/engine_support.h"
#include "frame/frame_support.h"

namespace cfsrepl {
namespace {

EngineOptions OptionsOf(const std::string& data_dir, SiteId site) {
  EngineOptions options = SmallOptions(data_dir, site);
  options.cluster = test::kCluster;
  return options;
}

// Of site 2: a directory, an op that this build does not know, one of a newer schema, another
// directory.
Buffer FrameFromTheFuture() {
  return test::WriteFrame({
      test::Mkdir(1, 100, kRootInode, "before"),
      test::MakeEntry({.op = static_cast<Op>(200), .lsn = 2}, std::vector<uint8_t>{1, 2, 3}),
      test::MakeEntry({.lsn = 3, .schema = kEntrySchemaVersion + 1}, std::vector<uint8_t>(9)),
      test::Mkdir(4, 101, kRootInode, "after"),
  });
}

TEST(Future, AnUnknownOpIsKeptAndPassedOnButNotMerged) {
  const std::vector<std::string> paths{"/after", "/before"};
  TempDir dir;
  const EngineOptions options = OptionsOf(dir / "one", 1);
  auto one = OpenEngine(options);
  const Buffer frame = FrameFromTheFuture();
  const ReceiveResult received = ReceiveAndWait(one.get(), frame.bytes(), 2);
  ASSERT_TRUE(received.status.ok()) << received.status.message();
  EXPECT_EQ(received.entries, 2u);
  EXPECT_EQ(received.unknown_entries, 2u);
  EXPECT_EQ(AllPaths(one.get()), paths);

  ASSERT_TRUE(one->Close(false).ok());
  one = OpenEngine(options);
  EXPECT_EQ(AllPaths(one.get()), paths);

  // The entries themselves are still there, for a site whose build knows them.
  auto three = OpenEngine(OptionsOf(dir / "three", 3));
  auto feed = one->OpenForwardingFeed({}).value();
  const auto passed_on = feed->Next({.forward = true});
  ASSERT_TRUE(passed_on.ok() && passed_on->has_value());
  const ReceiveResult forwarded = ReceiveAndWait(three.get(), passed_on.value()->bytes, 1);
  ASSERT_TRUE(forwarded.status.ok()) << forwarded.status.message();
  EXPECT_EQ(forwarded.unknown_entries, 2u);
  ExpectEqualState(one.get(), three.get());
}

}  // namespace
}  // namespace cfsrepl
