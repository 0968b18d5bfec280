// A site that holds nothing of the others takes over a checkpoint, and is a peer like any other.
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "engine/data_dir.h"
#include "engine/metadata.h"
#include "engine/takeover_support.h"

namespace cfsrepl {
namespace {

using Strings = std::vector<std::string>;

// Sites 1 and 3 have met; site 2 is new, and an earlier incarnation of it has been lost.
class TakeOverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    a_ = OpenEngine(SmallOptions(dir_ / "a", 1));
    c_ = OpenEngine(SmallOptions(dir_ / "c", 3));
    auto lost = OpenEngine(SmallOptions(dir_ / "lost", 2));
    Do(lost.get(), Op::Mkdir, "/of the lost");
    Replicate(lost.get(), a_.get(), 2);
    Replicate(lost.get(), c_.get(), 2);
    ASSERT_TRUE(lost->Close(false).ok());
    MakeHistory();
    OpenB();
  }

  // Files, what is gone, and conflicts that are settled and not.
  void MakeHistory() {
    for (int i = 0; i < 40; i++) Do(a_.get(), Op::Create, "/f" + std::to_string(i));
    for (int i = 0; i < 10; i++) Do(a_.get(), Op::Unlink, "/f" + std::to_string(i));
    MeetAC();
    for (const char* path : {"/f10", "/f11"}) {
      Chmod(a_.get(), path, 0600);
      Chmod(c_.get(), path, 0640);
    }
    Do(c_.get(), Op::Mkdir, "/of c");
    MeetAC();
    const auto conflicts = a_->Conflicts({}, 10).value();
    ASSERT_EQ(conflicts.size(), 2u);
    ASSERT_TRUE(a_->SettleConflict(conflicts[0].place.id, Settled::kAcknowledged).ok());
    MeetAC();
  }

  void OpenB() { b_ = OpenEngine(SmallOptions(dir_ / "b", 2)); }
  void ReopenB(bool checkpoint = false) {
    ASSERT_TRUE(b_->Close(checkpoint).ok());
    OpenB();
    ASSERT_NE(b_, nullptr);
  }
  void Adopt() {
    ASSERT_TRUE(TakeOverFrom(b_.get(), AnswersOf(a_.get())).ok());
    ReopenB();
  }

  // Until each has what the others have.
  static void MeetAll(const std::map<SiteId, Engine*>& sites) {
    for (int round = 0; round < 3; round++) {
      for (const auto& [site, from] : sites) {
        for (const auto& [other, to] : sites) {
          if (site != other) Replicate(from, to, site);
        }
      }
    }
  }
  void MeetAC() { MeetAll({{1, a_.get()}, {3, c_.get()}}); }
  void MeetAll() { MeetAll({{1, a_.get()}, {2, b_.get()}, {3, c_.get()}}); }

  static AppendResult Do(Engine* site, Op op, const std::string& path, const std::string& to = "") {
    BatchBuilder batch;
    batch.ByPath(op, path, to);
    AppendResult result = AppendAndWait(site, batch, {.want_inodes = true});
    EXPECT_TRUE(result.status.ok()) << path << ": " << result.status.message();
    return result;
  }
  static void Chmod(Engine* site, const std::string& path, uint32_t mode) {
    const Inode inode = site->LookupPath(AsBytes(path)).value().inode;
    ASSERT_TRUE(AppendAndWait(site, BatchBuilder().SetMode(inode, mode)).status.ok());
  }
  void ExpectSame(Engine* x, Engine* y) {
    ExpectEqualState(x, y);
    ExpectSameLedger(x, y);
    EXPECT_EQ(HeldBy(x), HeldBy(y));
  }
  Strings CheckpointFiles(const std::string& site) const {
    Strings names;
    for (const auto& file : std::filesystem::directory_iterator(dir_ / (site + "/checkpoint"))) {
      names.push_back(file.path().filename());
    }
    std::ranges::sort(names);
    return names;
  }
  std::string CheckpointFile(const std::string& site, const std::string& name) const {
    return dir_ / (site + "/checkpoint/" + name);
  }
  void ExpectNothingTaken() {
    EXPECT_EQ(CheckpointFiles("b"), Strings{});
    const auto held = HeldBy(b_.get());
    ReopenB();
    EXPECT_EQ(HeldBy(b_.get()), held);
  }

  TempDir dir_;
  std::shared_ptr<Engine> a_, b_, c_;
};

TEST_F(TakeOverTest, EverythingOfThePeerIsThereAfterTheNextOpening) {
  TakeOverStatus status;
  ASSERT_TRUE(TakeOverFrom(b_.get(), AnswersOf(a_.get(), 1000), &status).ok());
  EXPECT_TRUE(status.done);
  EXPECT_EQ(status.bytes_done, status.bytes_total);
  EXPECT_EQ(status.bytes_total, a_->GetStatus().checkpoint_bytes);
  EXPECT_EQ(status.held.lsns(), HeldBy(a_.get()));
  EXPECT_EQ(AllPaths(b_.get()), Strings{}) << "it is adopted when the directory is opened";
  EXPECT_EQ(CheckpointFiles("b"), Strings{"taken"});

  ReopenB();
  ExpectSame(a_.get(), b_.get());
  EXPECT_EQ(a_->GetStatus().inodes, b_->GetStatus().inodes) << "what is gone is known as well";
  EXPECT_EQ(CheckpointFiles("b"), (Strings{"0000000000000001.checkpoint", "adopted"}));
  for (const bool checkpoint : {false, true, false}) {
    ReopenB(checkpoint);
    ExpectSame(a_.get(), b_.get());
  }
}

TEST_F(TakeOverTest, TheSiteGoesOnReplicatingWithAll) {
  Adopt();
  Do(a_.get(), Op::Create, "/new of a");
  Do(b_.get(), Op::Create, "/new of b");
  Do(b_.get(), Op::Unlink, "/f20");
  Do(c_.get(), Op::Create, "/new of c");
  for (Engine* site : {a_.get(), b_.get(), c_.get()}) {
    Chmod(site, "/f13", 0600 + static_cast<uint32_t>(site->GetStatus().origin.site));
    Do(site, Op::Rename, "/f14", "/moved by " + std::to_string(site->GetStatus().origin.site));
  }
  MeetAll();
  ExpectSame(a_.get(), b_.get());
  ExpectSame(c_.get(), b_.get());
  EXPECT_GT(b_->Conflicts({}, 100)->size(), 2u);
  ReopenB(true);
  Do(b_.get(), Op::Create, "/after that");
  MeetAll();
  ExpectSame(a_.get(), b_.get());
}

// A third site that has not heard of any of it, and changes what is removed and renamed elsewhere.
TEST_F(TakeOverTest, LateChangesOfAThirdSiteConverge) {
  Do(a_.get(), Op::Unlink, "/f30");
  Do(a_.get(), Op::Rename, "/f31", "/g31");
  Chmod(c_.get(), "/f30", 0600);
  Do(c_.get(), Op::Unlink, "/f31");
  Do(c_.get(), Op::Create, "/g31");
  Adopt();
  Chmod(b_.get(), "/g31", 0660);
  MeetAll();
  ExpectSame(a_.get(), b_.get());
  ExpectSame(c_.get(), b_.get());
}

TEST_F(TakeOverTest, OwnEntriesThatThePeerDoesNotHoldSurvive) {
  Do(b_.get(), Op::Mkdir, "/own");
  Do(b_.get(), Op::Create, "/own/f");
  Adopt();
  EXPECT_EQ(b_->GetStatus().last_lsn, 2u);
  Replicate(b_.get(), a_.get(), 2);
  EXPECT_TRUE(a_->LookupPath(AsBytes("/own/f")).ok());
  ExpectSame(a_.get(), b_.get());
}

TEST_F(TakeOverTest, OwnEntriesThatThePeerHoldsAreThereOnce) {
  Do(b_.get(), Op::Create, "/own");
  Replicate(b_.get(), a_.get(), 2);
  Do(b_.get(), Op::Create, "/own as well");
  Adopt();
  Replicate(b_.get(), a_.get(), 2);
  ExpectSame(a_.get(), b_.get());
  EXPECT_EQ(b_->GetStatus().last_lsn, 2u);
  EXPECT_EQ(Do(b_.get(), Op::Create, "/the next").first_lsn, 3u);
}

TEST_F(TakeOverTest, NoInodeNumberIsMintedTwice) {
  const Inode first = Do(b_.get(), Op::Create, "/own").inodes.at(0);
  Replicate(b_.get(), a_.get(), 2);
  Adopt();
  EXPECT_EQ(Do(b_.get(), Op::Create, "/the next").inodes.at(0), first + 1);
}

TEST_F(TakeOverTest, InodeNumbersAreMintedWhereTheIncarnationStarts) {
  ASSERT_TRUE(AppendAndWait(b_.get(), BatchBuilder().SetMode(kRootInode, 0700)).status.ok());
  Replicate(b_.get(), a_.get(), 2);
  Adopt();
  const uint64_t before = InodesMintedBefore(b_->GetStatus().origin.incarnation);
  const Inode first = Do(b_.get(), Op::Create, "/the first").inodes.at(0);
  EXPECT_EQ(first, (uint64_t{2} << kInodeSiteShift) + before + 1);
}

TEST_F(TakeOverTest, WhoLacksWhatWasAdoptedIsToldSo) {
  Do(b_.get(), Op::Mkdir, "/own");
  Adopt();
  // Of site 2: entries of its earlier incarnation; of others: all.
  EXPECT_EQ(b_->OpenFeed({}).status().code(), Code::kTruncated);
  EXPECT_EQ(b_->OpenForwardingFeed({}).status().code(), Code::kTruncated);
  Do(b_.get(), Op::Mkdir, "/more");
  ReopenB(true);
  EXPECT_EQ(b_->OpenFeed({}).status().code(), Code::kTruncated);
  EXPECT_EQ(b_->OpenForwardingFeed({}).status().code(), Code::kTruncated);
  // Who has it gets what is in the journal, from the first entry on.
  auto feed = b_->OpenForwardingFeed(a_->Held(false));
  ASSERT_TRUE(feed.ok());
  const auto frame = feed.value()->Next({});
  ASSERT_TRUE(frame.ok() && frame->has_value());
  EXPECT_EQ(frame.value()->summary.first_lsn, 1u);
  EXPECT_EQ(Replicate(b_.get(), a_.get(), 2), 1);
  ExpectSame(a_.get(), b_.get());
}

TEST_F(TakeOverTest, WhatThePeerForgotIsForgotten) {
  while (a_->GetStatus().forgotten < 10) {
    a_->Forget(a_->Held(false), UINT64_MAX);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  Adopt();
  EXPECT_EQ(b_->GetStatus().inodes, a_->GetStatus().inodes);
  EXPECT_EQ(ToVersionVector(b_->GetStatus().forgotten_horizon),
            ToVersionVector(a_->GetStatus().forgotten_horizon));
}

TEST_F(TakeOverTest, ACheckpointIsOneBegunAfterTheQuestion) {
  ASSERT_TRUE(a_->Checkpoint().ok());
  const uint64_t earlier = a_->GetStatus().checkpoint_seq;
  Do(a_.get(), Op::Create, "/after it");
  const TakeOverQuestion begin;
  BeginAnswer answer;
  ASSERT_TRUE(DecodeAnswer(a_->Answer(EncodeQuestion(begin)).value(), begin, &answer).ok());
  EXPECT_EQ(answer.number, earlier + 1);
  EXPECT_EQ(answer.held.lsns(), HeldBy(a_.get()));
}

TEST_F(TakeOverTest, ThePeerMayGoOnWritingMeanwhile) {
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (int i = 0; !stop; i++) {
      const std::string path = "/w" + std::to_string(i % 50);
      BatchBuilder batch;
      batch.ByPath(i / 50 % 2 == 0 ? Op::Create : Op::Unlink, path);
      (void)AppendAndWait(a_.get(), batch);
    }
  });
  EXPECT_TRUE(TakeOverFrom(b_.get(), AnswersOf(a_.get(), 4096)).ok());
  stop = true;
  writer.join();
  ReopenB();
  MeetAll();
  ExpectSame(a_.get(), b_.get());
}

TEST_F(TakeOverTest, WhereTheFileIsGoneTheTakerBeginsAnew) {
  auto first = b_->StartTakeOver(1);
  ASSERT_TRUE(first.ok());
  int parts = 0;
  const Status gone = Carry(first.value().get(), [&](Bytes question) {
    for (int i = 0; parts == 2 && i < 2; i++) EXPECT_TRUE(a_->Checkpoint().ok());
    parts++;
    return AnswersOf(a_.get(), 1000)(question);
  });
  EXPECT_EQ(gone.code(), Code::kNotFound) << gone.message();
  EXPECT_FALSE(first.value()->status().done);

  ASSERT_TRUE(TakeOverFrom(b_.get(), AnswersOf(a_.get(), 1000)).ok());
  const auto question = first.value()->Next();
  ASSERT_TRUE(question.has_value());
  EXPECT_EQ(first.value()->Take({}).code(), Code::kClosed) << "another has begun since";
  ReopenB();
  ExpectSame(a_.get(), b_.get());
}

TEST_F(TakeOverTest, AnAnswerThatIsNoneMayBeAskedForAgain) {
  auto take_over = b_->StartTakeOver(1).value();
  const auto begin = take_over->Next().value();
  EXPECT_EQ(take_over->Take({}).code(), Code::kMalformed);
  const TakeOverQuestion part{.asked = TakeOverAsked::kPart, .number = 1, .offset = 0, .bytes = 1};
  EXPECT_EQ(take_over->Take(EncodeAnswer(PartAnswer{1, 0, {}})).code(), Code::kMalformed);
  EXPECT_EQ(take_over->Take(EncodeAnswer(BeginAnswer{1, 119, {}})).code(), Code::kMalformed);
  EXPECT_EQ(take_over->Take(EncodeAnswer(BeginAnswer{1, UINT64_MAX, {}})).code(), Code::kDiskFull);
  EXPECT_EQ(take_over->Take(std::vector<uint8_t>(limits::kComparisonAnswerBytesMax + 1)).code(),
            Code::kTooLarge);
  ASSERT_TRUE(take_over->Take(a_->Answer(begin).value()).ok());
  EXPECT_EQ(take_over->Take(EncodeAnswer(PartAnswer{part.number, 0, {}})).code(), Code::kMalformed)
      << "no byte before the end";
  ASSERT_TRUE(Carry(take_over.get(), AnswersOf(a_.get())).ok());
  EXPECT_EQ(take_over->Take({}).code(), Code::kInvalidArgument) << "it asked for nothing";
  ReopenB();
  EXPECT_EQ(take_over->Take({}).code(), Code::kClosed);
  ExpectSame(a_.get(), b_.get());
}

TEST_F(TakeOverTest, ADamagedFileIsRefused) {
  const uint64_t bytes = [&] {
    EXPECT_TRUE(a_->Checkpoint().ok());
    return a_->GetStatus().checkpoint_bytes;
  }();
  for (const uint64_t at : {uint64_t{0}, uint64_t{30}, uint64_t{100}, bytes / 2, bytes - 1}) {
    const Status status = TakeOverFrom(b_.get(), [&](Bytes question) {
      auto answer = a_->Answer(question);
      const auto decoded = DecodeTakeOverQuestion(question);
      if (decoded->asked == TakeOverAsked::kPart) answer.value()[kPartHeadBytes + at] ^= 1;
      return answer;
    });
    EXPECT_EQ(status.code(), Code::kCorrupt) << at << ": " << status.message();
    EXPECT_NE(status.message().find("the checkpoint of site 1"), std::string::npos);
  }
  ExpectNothingTaken();
}

TEST_F(TakeOverTest, ACutFileIsRefused) {
  for (const uint64_t cut : {1, 40, 1000}) {
    const Status status = TakeOverFrom(b_.get(), [&](Bytes question) {
      auto answer = a_->Answer(question);
      const auto asked = DecodeTakeOverQuestion(question);
      if (asked->asked != TakeOverAsked::kBegin) return answer;
      BeginAnswer begin;
      EXPECT_TRUE(DecodeAnswer(answer.value(), asked.value(), &begin).ok());
      begin.file_bytes -= cut;
      return Result<std::vector<uint8_t>>(EncodeAnswer(begin));
    });
    EXPECT_EQ(status.code(), Code::kCorrupt) << cut << ": " << status.message();
  }
  ExpectNothingTaken();
}

TEST_F(TakeOverTest, AFileOfAnotherClusterOrShardCountIsRefused) {
  EngineOptions options = SmallOptions(dir_ / "stranger", 1);
  options.cluster.lo++;
  auto stranger = OpenEngine(options);
  Status status = TakeOverFrom(b_.get(), AnswersOf(stranger.get()));
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_NE(status.message().find("cluster"), std::string::npos) << status.message();

  options = SmallOptions(dir_ / "wide", 1);
  options.shard_count = 512;
  auto wide = OpenEngine(options);
  status = TakeOverFrom(b_.get(), AnswersOf(wide.get()));
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_NE(status.message().find("512 shards, expected 256"), std::string::npos);
  ExpectNothingTaken();
}

// The contents of the directory were put back in place: its origin is the same, its journal
// shorter.
TEST_F(TakeOverTest, AFileThatKnowsMoreOfTheOwnJournalIsRefused) {
  const auto copy = std::filesystem::copy_options::recursive;
  ASSERT_TRUE(b_->Close(false).ok());
  std::filesystem::copy(dir_ / "b", dir_ / "saved", copy);
  OpenB();
  Do(b_.get(), Op::Mkdir, "/own");
  Replicate(b_.get(), a_.get(), 2);
  ASSERT_TRUE(b_->Close(false).ok());
  for (const auto& file : std::filesystem::directory_iterator(dir_ / "b")) {
    std::filesystem::remove_all(file.path());
  }
  std::filesystem::copy(dir_ / "saved", dir_ / "b", copy);
  OpenB();
  const Status status = TakeOverFrom(b_.get(), AnswersOf(a_.get()));
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_NE(status.message().find("up to LSN 1"), std::string::npos) << status.message();
  ExpectNothingTaken();
}

TEST_F(TakeOverTest, WhereOthersEntriesAreHeldNothingIsTakenOver) {
  auto take_over = b_->StartTakeOver(1).value();
  const Status late = Carry(take_over.get(), [&](Bytes question) {
    Replicate(c_.get(), b_.get(), 3);
    return a_->Answer(question);
  });
  EXPECT_EQ(late.code(), Code::kInvalidArgument) << "a frame came meanwhile";
  const Status status = b_->StartTakeOver(1).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find("of site 3"), std::string::npos) << status.message();
  ExpectNothingTaken();
}

TEST_F(TakeOverTest, WhereTheJournalWasCollectedNothingIsTakenOver) {
  Do(b_.get(), Op::Create, "/f");
  const Inode file = b_->LookupPath(AsBytes("/f"))->inode;
  BatchBuilder::Parts parts;
  parts.inode = file;
  parts.new_name = "user.k";
  parts.value = std::string(limits::kXattrValueBytesMax, 'v');
  for (int i = 0; b_->GetStatus().journal_position_segment < 2; i++) {
    BatchBuilder batch;
    for (int j = 0; j < 32; j++) batch.Add(Op::Setxattr, parts);
    const Status status = AppendAndWait(b_.get(), batch).status;
    ASSERT_TRUE(status.ok()) << status.message();
    ASSERT_LT(i, 100);
  }
  ASSERT_TRUE(b_->Checkpoint().ok());
  EXPECT_TRUE(b_->StartTakeOver(1).ok());
  ASSERT_EQ(b_->Collect(true, false)->segments, 1u);
  const Status status = b_->StartTakeOver(1).status();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find("journal is whole"), std::string::npos) << status.message();
}

TEST_F(TakeOverTest, OwnCheckpointsOfBeforeAreNotFallenBackOn) {
  Do(b_.get(), Op::Mkdir, "/own");
  ReopenB(true);
  EXPECT_EQ(CheckpointFiles("b"), Strings{"0000000000000001.checkpoint"});
  ASSERT_TRUE(TakeOverFrom(b_.get(), AnswersOf(a_.get())).ok());
  ReopenB(false);
  Replicate(b_.get(), a_.get(), 2);
  ExpectSame(a_.get(), b_.get());
  ASSERT_EQ(CheckpointFiles("b"), (Strings{"0000000000000002.checkpoint", "adopted"}));

  ASSERT_TRUE(b_->Close(false).ok());
  const std::string path = CheckpointFile("b", "0000000000000002.checkpoint");
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  const Status status = Engine::Open(SmallOptions(dir_ / "b", 2), nullptr).status();
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_NE(status.message().find("taken over from a peer"), std::string::npos) << status.message();
}

TEST_F(TakeOverTest, WhatWasDamagedBeforeItWasAdoptedStopsTheOpening) {
  ASSERT_TRUE(TakeOverFrom(b_.get(), AnswersOf(a_.get())).ok());
  ASSERT_TRUE(b_->Close(false).ok());
  const std::string path = CheckpointFile("b", "taken");
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  const Status status = Engine::Open(SmallOptions(dir_ / "b", 2), nullptr).status();
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_NE(status.message().find(path), std::string::npos) << status.message();
  std::filesystem::remove(path);
  OpenB();
  EXPECT_EQ(AllPaths(b_.get()), Strings{}) << "without it the directory is as it was before";
}

TEST_F(TakeOverTest, WhatCameOfAFileThatIsNotWholeGoesAtTheNextOpening) {
  auto take_over = b_->StartTakeOver(1).value();
  ASSERT_TRUE(take_over->Take(a_->Answer(take_over->Next().value()).value()).ok());
  EXPECT_EQ(CheckpointFiles("b"), Strings{"taken.new"});
  ReopenB();
  EXPECT_EQ(CheckpointFiles("b"), Strings{});
}

TEST_F(TakeOverTest, AQuestionThatFollowsNoRuleIsRefused) {
  const TakeOverQuestion part{.asked = TakeOverAsked::kPart, .number = 1, .offset = 0, .bytes = 9};
  const auto good = EncodeQuestion(part);
  for (size_t cut = 1; cut <= good.size() - 4; cut++) {
    EXPECT_EQ(a_->Answer(Bytes(good).first(good.size() - cut)).status().code(), Code::kMalformed);
  }
  auto answer_to = [&](auto change) {
    auto question = good;
    change(&question);
    return a_->Answer(question).status().code();
  };
  EXPECT_EQ(answer_to([](auto* q) { q->push_back(0); }), Code::kMalformed);
  EXPECT_EQ(answer_to([](auto* q) { (*q)[2] = 1; }), Code::kMalformed);
  EXPECT_EQ(answer_to([](auto* q) { (*q)[0] = 2; }), Code::kUnsupported);
  EXPECT_EQ(answer_to([](auto* q) { (*q)[1] = 7; }), Code::kUnsupported);
  EXPECT_EQ(answer_to([](auto* q) { q->resize(limits::kComparisonQuestionBytesMax + 1); }),
            Code::kTooLarge);
  TakeOverQuestion other = part;
  other.bytes = 0;
  EXPECT_EQ(a_->Answer(EncodeQuestion(other)).status().code(), Code::kMalformed);
  other.bytes = limits::kTakeOverPartBytesMax + 1;
  EXPECT_EQ(a_->Answer(EncodeQuestion(other)).status().code(), Code::kTooLarge);
  EXPECT_EQ(a_->Answer(good).status().code(), Code::kNotFound) << "no checkpoint was written";

  ASSERT_TRUE(a_->Checkpoint().ok());
  for (const uint64_t offset : {a_->GetStatus().checkpoint_bytes, UINT64_MAX}) {
    other = part;
    other.offset = offset;
    EXPECT_EQ(a_->Answer(EncodeQuestion(other))->size(), kPartHeadBytes) << "behind the end";
  }
}

}  // namespace
}  // namespace cfsrepl
