#include "engine/engine.h"

#include <fstream>
#include <random>

#include "engine/engine_support.h"

namespace cfsrepl {
namespace {

class EngineTest : public ::testing::Test {
 protected:
  TempDir dir_;
};

TEST_F(EngineTest, AppendsAreNumberedFromOneAndVisibleByPath) {
  auto engine = OpenEngine(SmallOptions(dir_ / "a", 1));
  BatchBuilder batch;
  batch.ByPath(Op::Mkdir, "/d").ByPath(Op::Create, "/d/f").ByPath(Op::Symlink, "/d/s", "", "../x");
  const AppendResult result = AppendAndWait(engine.get(), batch, {.want_inodes = true});
  ASSERT_TRUE(result.status.ok()) << result.status.message();
  EXPECT_EQ(result.first_lsn, 1u);
  EXPECT_EQ(result.last_lsn, 3u);
  ASSERT_EQ(result.inodes.size(), 3u);
  EXPECT_EQ(result.inodes[0] >> 48, 1u) << "minted inodes carry the site";
  EXPECT_EQ(AllPaths(engine.get()), (std::vector<std::string>{"/d", "/d/f", "/d/s"}));
  const std::string path = "/d/s";
  auto symlink = engine->LookupPath(AsBytes(path));
  ASSERT_TRUE(symlink.ok());
  EXPECT_EQ(symlink->target, "../x");
  EXPECT_EQ(symlink->paths, std::vector<std::string>{"/d/s"});
}

TEST_F(EngineTest, RefusedOpStopsTheBatchAndKeepsWhatWasBefore) {
  auto engine = OpenEngine(SmallOptions(dir_ / "a", 1));
  BatchBuilder batch;
  batch.ByPath(Op::Mkdir, "/d").ByPath(Op::Create, "/nowhere/f").ByPath(Op::Create, "/d/f");
  const AppendResult result = AppendAndWait(engine.get(), batch);
  EXPECT_EQ(result.status.code(), Code::kNotFound);
  EXPECT_EQ(result.appended, 1u);
  ASSERT_EQ(result.errors.size(), 1u);
  EXPECT_EQ(result.errors[0].index, 1u);
  EXPECT_EQ(AllPaths(engine.get()), std::vector<std::string>{"/d"});
}

TEST_F(EngineTest, KeepGoingSkipsRefusedOps) {
  auto engine = OpenEngine(SmallOptions(dir_ / "a", 1));
  BatchBuilder batch;
  batch.ByPath(Op::Create, "/a").ByPath(Op::Create, "/a").ByPath(Op::Create, "/b");
  const AppendResult result = AppendAndWait(engine.get(), batch, {.keep_going = true});
  EXPECT_TRUE(result.status.ok());
  EXPECT_EQ(result.appended, 2u);
  EXPECT_EQ(result.refused, 1u);
  EXPECT_EQ(result.errors[0].status.code(), Code::kExists);
}

TEST_F(EngineTest, FileSystemRulesHold) {
  auto engine = OpenEngine(SmallOptions(dir_ / "a", 1));
  BatchBuilder setup;
  setup.ByPath(Op::Mkdir, "/d").ByPath(Op::Create, "/d/f").ByPath(Op::Mkdir, "/e");
  ASSERT_TRUE(AppendAndWait(engine.get(), setup).status.ok());
  const struct {
    Op op;
    std::string path;
    std::string destination;
    Code code;
  } cases[] = {
      {Op::Create, "/d", "", Code::kExists},
      {Op::Create, "/d/f/x", "", Code::kNotDirectory},
      {Op::Create, "relative", "", Code::kInvalidArgument},
      {Op::Create, "/d/..", "", Code::kInvalidArgument},
      {Op::Create, "/", "", Code::kInvalidArgument},
      {Op::Create, "/" + std::string(256, 'n'), "", Code::kInvalidArgument},
      {Op::Unlink, "/d", "", Code::kIsDirectory},
      {Op::Unlink, "/nothing", "", Code::kNotFound},
      {Op::Rmdir, "/d", "", Code::kNotEmpty},
      {Op::Rmdir, "/d/f", "", Code::kNotDirectory},
      {Op::Rename, "/d", "/d/inside", Code::kInvalidArgument},
      {Op::Rename, "/d/f", "/e", Code::kIsDirectory},
      {Op::Rename, "/e", "/d/f", Code::kNotDirectory},
      {Op::Rename, "/e", "/d", Code::kNotEmpty},
      {Op::Link, "/d", "/d2", Code::kIsDirectory},
      {Op::Truncate, "/d", "", Code::kIsDirectory},
  };
  for (const auto& c : cases) {
    BatchBuilder batch;
    batch.ByPath(c.op, c.path, c.destination);
    const AppendResult result = AppendAndWait(engine.get(), batch);
    EXPECT_EQ(result.status.code(), c.code)
        << OpName(c.op) << " " << c.path << " " << c.destination << ": " << result.status.message();
    EXPECT_EQ(result.appended, 0u);
  }
}

TEST_F(EngineTest, RenameReplacesAndUnlinkRemoves) {
  auto engine = OpenEngine(SmallOptions(dir_ / "a", 1));
  BatchBuilder batch;
  batch.ByPath(Op::Create, "/a").ByPath(Op::Create, "/b").ByPath(Op::Link, "/a", "/hard");
  batch.ByPath(Op::Rename, "/a", "/b").ByPath(Op::Unlink, "/hard");
  ASSERT_TRUE(AppendAndWait(engine.get(), batch).status.ok());
  EXPECT_EQ(AllPaths(engine.get()), std::vector<std::string>{"/b"});
}

TEST_F(EngineTest, EverythingSurvivesReopeningWithAndWithoutACheckpoint) {
  const EngineOptions options = SmallOptions(dir_ / "a", 1);
  Digest before;
  for (const bool checkpoint : {false, true}) {
    auto engine = OpenEngine(options);
    BatchBuilder batch;
    const std::string root = checkpoint ? "/second" : "/first";
    batch.ByPath(Op::Mkdir, root);
    for (int i = 0; i < 1000; i++) batch.ByPath(Op::Create, root + "/" + std::to_string(i));
    ASSERT_TRUE(AppendAndWait(engine.get(), batch).status.ok());
    before = engine->ComputeDigest(false).value();
    ASSERT_TRUE(engine->Close(checkpoint).ok());
    engine = OpenEngine(options);
    const Digest after = engine->ComputeDigest(false).value();
    EXPECT_EQ(before.sum, after.sum);
    EXPECT_EQ(engine->GetStatus().recovered_entries, checkpoint ? 0u : 1001u);
    ASSERT_TRUE(engine->Close(false).ok());
  }
  auto engine = OpenEngine(options);
  BatchBuilder batch;
  batch.ByPath(Op::Create, "/third");
  EXPECT_EQ(AppendAndWait(engine.get(), batch).first_lsn, 2003u);
}

TEST_F(EngineTest, ADamagedCheckpointCostsTimeAndNoEntries) {
  const EngineOptions options = SmallOptions(dir_ / "a", 1);
  auto damage = [&](const std::string& name) {
    std::fstream file(dir_ / ("a/checkpoint/" + name), std::ios::in | std::ios::out);
    ASSERT_TRUE(file.good()) << name;
    file.seekp(100);
    file.put('?');
  };
  std::vector<std::string> paths;
  for (const char* path : {"/1", "/2", "/3"}) {
    auto engine = OpenEngine(options);
    ASSERT_TRUE(AppendAndWait(engine.get(), BatchBuilder().ByPath(Op::Mkdir, path)).status.ok());
    paths.push_back(path);
    ASSERT_TRUE(engine->Close(true).ok());
  }
  damage("0000000000000003.checkpoint");  // the newest
  auto engine = OpenEngine(options);
  EXPECT_EQ(AllPaths(engine.get()), paths);
  EXPECT_EQ(engine->GetStatus().recovered_entries, 1u) << "the one since the checkpoint before";
  ASSERT_TRUE(engine->Close(false).ok());
  damage("0000000000000002.checkpoint");
  engine = OpenEngine(options);
  EXPECT_EQ(AllPaths(engine.get()), paths);
  EXPECT_EQ(engine->GetStatus().recovered_entries, 3u) << "the whole journal";
  ASSERT_TRUE(engine->Close(false).ok());
}

TEST_F(EngineTest, SourceNumbersAreIdempotentAndGapsAreNamed) {
  const EngineOptions options = SmallOptions(dir_ / "a", 1);
  auto engine = OpenEngine(options);
  auto numbered = [](uint64_t seq) {
    BatchBuilder::Parts parts;
    parts.name = "/f" + std::to_string(seq);
    parts.flags = kOpNameIsPath | kOpHasSeq | kOpHasShard;
    parts.shard = 7;
    parts.seq = seq;
    BatchBuilder batch;
    batch.Add(Op::Create, parts);
    return batch;
  };
  EXPECT_EQ(engine->NextSeq(7), 1u);
  EXPECT_EQ(AppendAndWait(engine.get(), numbered(1)).appended, 1u);
  EXPECT_EQ(AppendAndWait(engine.get(), numbered(2)).appended, 1u);
  EXPECT_EQ(AppendAndWait(engine.get(), numbered(1)).duplicates, 1u);
  const AppendResult gap = AppendAndWait(engine.get(), numbered(5));
  EXPECT_EQ(gap.status.code(), Code::kSequenceGap);
  EXPECT_EQ(gap.status.message(), "shard 7 skips from seq 3 (expected) to 5 (given)");
  ASSERT_TRUE(engine->Close(false).ok());
  engine = OpenEngine(options);
  EXPECT_EQ(engine->NextSeq(7), 3u) << "a source learns after a crash where to go on";
}

TEST_F(EngineTest, ReplicatesBothWaysToEqualState) {
  auto a = OpenEngine(SmallOptions(dir_ / "a", 1));
  auto b = OpenEngine(SmallOptions(dir_ / "b", 2));
  BatchBuilder at_a;
  at_a.ByPath(Op::Mkdir, "/d");
  for (int i = 0; i < 5000; i++) at_a.ByPath(Op::Create, "/d/" + std::to_string(i));
  ASSERT_TRUE(AppendAndWait(a.get(), at_a).status.ok());
  EXPECT_GT(Replicate(a.get(), b.get(), 1), 0);
  BatchBuilder at_b;
  at_b.ByPath(Op::Rename, "/d/17", "/d/renamed").ByPath(Op::Unlink, "/d/18");
  ASSERT_TRUE(AppendAndWait(b.get(), at_b).status.ok());
  EXPECT_EQ(Replicate(b.get(), a.get(), 2), 1) << "A's own entries are not sent back";
  ExpectEqualState(a.get(), b.get());
  EXPECT_EQ(AllPaths(a.get()).size(), 5000u);
}

TEST_F(EngineTest, CompactionKeepsTheState) {
  auto a = OpenEngine(SmallOptions(dir_ / "a", 1));
  auto b = OpenEngine(SmallOptions(dir_ / "b", 2));
  a->SetPeers({2});
  BatchBuilder create;
  for (int i = 0; i < 100; i++) create.ByPath(Op::Create, "/" + std::to_string(i));
  const AppendResult made = AppendAndWait(a.get(), create, {.want_inodes = true});
  BatchBuilder change;
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int i = 0; i < 20000; i++) change.SetMode(made.inodes[random() % 100], random() % 01000);
  for (int i = 0; i < 50; i++) {
    change.ByPath(Op::Create, "/temporary").ByPath(Op::Unlink, "/temporary");
  }
  ASSERT_TRUE(AppendAndWait(a.get(), change).status.ok());
  Replicate(a.get(), b.get(), 1);
  ExpectEqualState(a.get(), b.get());
  const EngineStatus status = a->GetStatus();
  EXPECT_LT(status.sealed_entries_out * 10, status.sealed_entries_in);
}

TEST_F(EngineTest, AFrameIsAppliedOnceAndAGapIsRefused) {
  auto a = OpenEngine(SmallOptions(dir_ / "a", 1));
  auto b = OpenEngine(SmallOptions(dir_ / "b", 2));
  std::vector<SealedFrame> frames;
  auto feed = a->OpenFeed({});
  for (int i = 0; i < 3; i++) {
    BatchBuilder batch;
    batch.ByPath(Op::Create, "/" + std::to_string(i));
    ASSERT_TRUE(AppendAndWait(a.get(), batch).status.ok());
    frames.push_back(*feed.value()->Next({}).value());
  }
  EXPECT_EQ(ReceiveAndWait(b.get(), frames[1].bytes, 1).status.code(), Code::kLsnGap);
  EXPECT_TRUE(ReceiveAndWait(b.get(), frames[0].bytes, 1).status.ok());
  const ReceiveResult again = ReceiveAndWait(b.get(), frames[0].bytes, 1);
  EXPECT_TRUE(again.status.ok());
  EXPECT_TRUE(again.duplicate);
  EXPECT_TRUE(ReceiveAndWait(b.get(), frames[1].bytes, 1).status.ok());
  EXPECT_EQ(AllPaths(b.get()), (std::vector<std::string>{"/0", "/1"}));
  ASSERT_TRUE(b->Close(false).ok());
  b = OpenEngine(SmallOptions(dir_ / "b", 2));
  EXPECT_EQ(b->Held(false)[1].lsn, 2u) << "the cursor is as durable as what it covers";
  EXPECT_TRUE(ReceiveAndWait(b.get(), frames[0].bytes, 1).duplicate);
}

TEST_F(EngineTest, DamagedForeignAndOwnFramesAreRefusedAndChangeNothing) {
  auto a = OpenEngine(SmallOptions(dir_ / "a", 1));
  EngineOptions other = SmallOptions(dir_ / "b", 2);
  other.cluster.lo++;
  auto stranger = OpenEngine(other);
  BatchBuilder batch;
  batch.ByPath(Op::Create, "/x");
  ASSERT_TRUE(AppendAndWait(stranger.get(), batch).status.ok());
  auto feed = stranger->OpenFeed({});
  const SealedFrame frame = *feed.value()->Next({}).value();
  EXPECT_EQ(ReceiveAndWait(a.get(), frame.bytes, 2).status.code(), Code::kWrongCluster);
  std::vector<uint8_t> damaged(frame.bytes.begin(), frame.bytes.end());
  damaged.back() ^= 1;
  EXPECT_EQ(ReceiveAndWait(a.get(), damaged, 2).status.code(), Code::kChecksum);
  EXPECT_TRUE(AllPaths(a.get()).empty());
}

TEST_F(EngineTest, OneFrameIsSealedForAllPeers) {
  auto a = OpenEngine(SmallOptions(dir_ / "a", 1));
  BatchBuilder batch;
  for (int i = 0; i < 1000; i++) batch.ByPath(Op::Create, "/" + std::to_string(i));
  ASSERT_TRUE(AppendAndWait(a.get(), batch).status.ok());
  for (int peer = 0; peer < 8; peer++) {
    auto feed = a->OpenFeed({});
    while (feed.value()->Next({}).value().has_value()) {
    }
  }
  const EngineStatus status = a->GetStatus();
  EXPECT_EQ(status.seal_cache_hits, 7 * status.frames_sealed);
}

TEST_F(EngineTest, AForwardingFeedIsNotGivenAFrameThatLeavesOtherSitesOut) {
  // Site 1 logs: own, site 2's, own. A plain feed seals both own groups into one frame first.
  auto one = OpenEngine(SmallOptions(dir_ / "one", 1));
  auto two = OpenEngine(SmallOptions(dir_ / "two", 2));
  auto three = OpenEngine(SmallOptions(dir_ / "three", 3));
  AppendAndWait(one.get(), BatchBuilder().ByPath(Op::Mkdir, "/a"));
  AppendAndWait(two.get(), BatchBuilder().ByPath(Op::Mkdir, "/b"));
  Replicate(two.get(), one.get(), 2);
  AppendAndWait(one.get(), BatchBuilder().ByPath(Op::Mkdir, "/c"));

  auto plain = one->OpenFeed({}).value();
  FeedOptions options;
  ASSERT_TRUE(plain->Next(options)->has_value());
  ASSERT_FALSE(plain->Next(options)->has_value());

  options.forward = true;
  auto forwarding = one->OpenForwardingFeed({}).value();
  for (;;) {
    auto frame = forwarding->Next(options);
    ASSERT_TRUE(frame.ok()) << frame.status().message();
    if (!frame->has_value()) break;
    EXPECT_TRUE(ReceiveAndWait(three.get(), frame.value()->bytes, 1).status.ok());
  }
  ExpectEqualState(one.get(), three.get());
}

TEST_F(EngineTest, TheSameDirectoryCannotBeOpenedTwice) {
  auto engine = OpenEngine(SmallOptions(dir_ / "a", 1));
  auto second = Engine::Open(SmallOptions(dir_ / "a", 1), nullptr);
  EXPECT_EQ(second.status().code(), Code::kLocked);
}

TEST_F(EngineTest, ADirectoryOfAnotherSiteClusterOrShardCountIsRefused) {
  ASSERT_TRUE(OpenEngine(SmallOptions(dir_ / "a", 1))->Close(false).ok());
  EXPECT_EQ(Engine::Open(SmallOptions(dir_ / "a", 2), nullptr).status().code(),
            Code::kWrongCluster);
  EngineOptions options = SmallOptions(dir_ / "a", 1);
  options.shard_count = 16;
  EXPECT_EQ(Engine::Open(options, nullptr).status().code(), Code::kInvalidArgument);
}

TEST_F(EngineTest, ACopiedDirectoryGoesOnAsANewIncarnation) {
  auto engine = OpenEngine(SmallOptions(dir_ / "a", 1));
  BatchBuilder batch;
  batch.ByPath(Op::Create, "/x");
  ASSERT_TRUE(AppendAndWait(engine.get(), batch).status.ok());
  const Origin original = engine->GetStatus().origin;
  ASSERT_TRUE(engine->Close(false).ok());
  std::filesystem::copy(dir_ / "a", dir_ / "copy", std::filesystem::copy_options::recursive);
  auto copy = OpenEngine(SmallOptions(dir_ / "copy", 1));
  const Origin reborn = copy->GetStatus().origin;
  EXPECT_GT(reborn.incarnation, original.incarnation);
  EXPECT_EQ(AllPaths(copy.get()), std::vector<std::string>{"/x"});
  BatchBuilder more;
  more.ByPath(Op::Create, "/y");
  EXPECT_EQ(AppendAndWait(copy.get(), more).first_lsn, 1u);
}

TEST_F(EngineTest, AnotherHistoryUnderTheSameNameIsFoundByItsClock) {
  const EngineOptions options = SmallOptions(dir_ / "a", 1);
  auto make = [](Engine* engine, const std::string& name) {
    ASSERT_TRUE(AppendAndWait(engine, BatchBuilder().ByPath(Op::Mkdir, name)).status.ok());
  };
  auto a = OpenEngine(options);
  auto b = OpenEngine(SmallOptions(dir_ / "b", 2));
  make(a.get(), "/kept");
  ASSERT_TRUE(a->Close(true).ok());
  std::filesystem::create_directory(dir_ / "old");
  std::filesystem::copy(dir_ / "a/journal", dir_ / "old/journal",
                        std::filesystem::copy_options::recursive);
  std::filesystem::copy(dir_ / "a/checkpoint", dir_ / "old/checkpoint",
                        std::filesystem::copy_options::recursive);
  a = OpenEngine(options);
  for (const char* name : {"/lost1", "/lost2", "/lost3"}) make(a.get(), name);
  ASSERT_EQ(Replicate(a.get(), b.get(), 1), 1);
  EXPECT_TRUE(a->FindForks(b->Held(false)).value().empty());
  EXPECT_TRUE(b->FindForks(a->Held(false)).value().empty());
  ASSERT_TRUE(a->Close(true).ok());
  for (const char* part : {"journal", "checkpoint"}) {
    std::filesystem::remove_all(dir_ / (std::string("a/") + part));
    std::filesystem::rename(dir_ / (std::string("old/") + part), dir_ / (std::string("a/") + part));
  }

  a = OpenEngine(options);
  const Origin origin = a->GetStatus().origin;
  EXPECT_TRUE(b->FindForks(a->Held(false)).value().empty()) << "a prefix is the same history";
  auto expect_fork = [&](Lsn lsn, const std::vector<OriginCursor>& forks) {
    ASSERT_EQ(forks.size(), 1u) << "at LSN " << lsn;
    EXPECT_EQ(forks[0].origin, origin);
    EXPECT_EQ(forks[0].lsn, lsn);
  };
  for (Lsn lsn = 2; lsn <= 6; lsn++) {
    make(a.get(), "/new" + std::to_string(lsn));
    // Whoever holds more sees it.
    if (lsn <= 4) expect_fork(lsn, b->FindForks(a->Held(false)).value());
    if (lsn >= 4) expect_fork(4, a->FindForks(b->Held(false)).value());
  }
  ASSERT_TRUE(a->Close(true).ok());
  a = OpenEngine(options);
  expect_fork(4, a->FindForks(b->Held(false)).value());
}

TEST_F(EngineTest, AnEntryThatWasCompactedAwayIsComparedWithItsNeighbours) {
  auto a = OpenEngine(SmallOptions(dir_ / "a", 1));
  auto b = OpenEngine(SmallOptions(dir_ / "b", 2));
  std::vector<OriginCursor> at;
  ASSERT_TRUE(AppendAndWait(a.get(), BatchBuilder().ByPath(Op::Mkdir, "/d")).status.ok());
  for (uint32_t mode = 0; mode < 5; mode++) {
    const Inode inode = a->LookupPath(AsBytes("/d")).value().inode;
    ASSERT_TRUE(AppendAndWait(a.get(), BatchBuilder().SetMode(inode, mode)).status.ok());
    at.push_back(a->Held(false)[0]);
  }
  ASSERT_EQ(Replicate(a.get(), b.get(), 1), 1);
  for (OriginCursor cursor : at) {  // all but the last are not in the frame that b has
    EXPECT_TRUE(b->FindForks({cursor}).value().empty()) << "LSN " << cursor.lsn;
    cursor.hlc = at.back().hlc + 1;
    EXPECT_EQ(b->FindForks({cursor}).value().size(), 1u) << "LSN " << cursor.lsn;
    cursor.hlc = 1;
    EXPECT_EQ(b->FindForks({cursor}).value().size(), 1u) << "LSN " << cursor.lsn;
    cursor.hlc = 0;  // its speaker does not know
    EXPECT_TRUE(b->FindForks({cursor}).value().empty());
    cursor.lsn = 100;  // not held here
    EXPECT_TRUE(b->FindForks({cursor}).value().empty());
  }
}

TEST_F(EngineTest, ARetiredIncarnationStaysUntilTheNextOpening) {
  const EngineOptions options = SmallOptions(dir_ / "a", 1);
  auto engine = OpenEngine(options);
  const Origin origin = engine->GetStatus().origin;
  ASSERT_TRUE(engine->RetireIncarnation().ok());
  EXPECT_EQ(engine->GetStatus().origin, origin);
  ASSERT_TRUE(engine->Close(false).ok());
  engine = OpenEngine(options);
  EXPECT_EQ(engine->GetStatus().origin.site, origin.site);
  EXPECT_GT(engine->GetStatus().origin.incarnation, origin.incarnation);
}

TEST_F(EngineTest, JournalBelowEveryCursorAndCheckpointIsCollected) {
  EngineOptions options = SmallOptions(dir_ / "a", 1);
  options.retention_bytes = 0;
  auto engine = OpenEngine(options);
  engine->SetPeers({2});
  BatchBuilder create;
  create.ByPath(Op::Create, "/f");
  const Inode inode = AppendAndWait(engine.get(), create, {.want_inodes = true}).inodes[0];
  BatchBuilder batch;
  for (int i = 0; i < 200000; i++) batch.SetMode(inode, i % 01000);
  for (int i = 0; i < 3; i++) ASSERT_TRUE(AppendAndWait(engine.get(), batch).status.ok());
  ASSERT_TRUE(engine->Checkpoint().ok());
  EXPECT_EQ(engine->Collect(false, false)->segments, 0u);
  EXPECT_EQ(engine->Collect(false, true)->held_by, "peer 2");
  engine->SetPeerCursor({2, 1}, engine->Held(false));
  const CollectReport audit = engine->Collect(false, true).value();
  EXPECT_GT(audit.segments, 2u);
  const CollectReport collected = engine->Collect(false, false).value();
  EXPECT_EQ(collected.segments, audit.segments);
  EXPECT_EQ(engine->OpenFeed({}).status().code(), Code::kTruncated);
  const Digest before = engine->ComputeDigest(false).value();
  ASSERT_TRUE(engine->Close(false).ok());
  engine = OpenEngine(options);
  EXPECT_EQ(engine->ComputeDigest(false)->sum, before.sum);
  EXPECT_FALSE(engine->PeerCursor(2).empty()) << "cursors survive";
}

TEST_F(EngineTest, AFeedOutlivesItsEngineAndSaysClosed) {
  auto engine = OpenEngine(SmallOptions(dir_ / "a", 1));
  auto feed = engine->OpenFeed({});
  ASSERT_TRUE(engine->Close(true).ok());
  EXPECT_EQ(feed.value()->Next({}).status().code(), Code::kClosed);
  BatchBuilder batch;
  batch.ByPath(Op::Create, "/x");
  EXPECT_EQ(AppendAndWait(engine.get(), batch).status.code(), Code::kClosed);
  EXPECT_TRUE(engine->Close(true).ok()) << "closing twice is closing once";
}

TEST_F(EngineTest, BacklogIsTheAgeOfTheOldestEntryAPeerLacks) {
  auto engine = OpenEngine(SmallOptions(dir_ / "a", 1));
  EXPECT_EQ(engine->BacklogFrom(0).entries, 0u);
  for (int i = 0; i < 3; i++) {
    BatchBuilder batch;
    batch.ByPath(Op::Create, "/" + std::to_string(i));
    ASSERT_TRUE(AppendAndWait(engine.get(), batch).status.ok());
  }
  EXPECT_EQ(engine->BacklogFrom(1).entries, 2u);
  EXPECT_GT(engine->BacklogFrom(1).oldest_unix_us, engine->BacklogFrom(0).oldest_unix_us);
  EXPECT_EQ(engine->BacklogFrom(3).oldest_unix_us, 0u);
}

}  // namespace
}  // namespace cfsrepl
