// What a start does with a log that is not as it was left.
#include <gtest/gtest.h>

#include <cstring>

#include "wal/log_format.h"
#include "wal/log_support.h"

namespace cfsrepl::test {
namespace {

constexpr uint64_t kBlock = limits::kBlockBytes;

using Texts = std::vector<std::string>;

// A disk with a log of these records, closed in order.
std::unique_ptr<MemoryDisk> DiskWith(const Texts& texts, std::vector<RecordRef>* refs = nullptr) {
  auto disk = std::make_unique<MemoryDisk>();
  OpenedLog opened = OpenLog(disk.get());
  std::vector<RecordRef> made = AppendTexts(opened.log.get(), texts);
  if (refs != nullptr) *refs = made;
  return disk;
}

// Records of 8 KiB each, 7 to a segment.
Texts SevenToASegment(size_t count) {
  Texts texts;
  for (size_t i = 0; i < count; i++) texts.push_back(Text(i, 5000));
  return texts;
}

void Flip(MemoryDisk* disk, Position position, uint8_t bits = 0x40) {
  const std::string path = SegmentFile(position.segment);
  uint8_t byte = disk->Contents(path)[position.offset] ^ bits;
  disk->Damage(path, position.offset, Bytes(&byte, 1));
}

void Zero(MemoryDisk* disk, Position position, size_t bytes) {
  std::vector<uint8_t> zeroes(bytes);
  disk->Damage(SegmentFile(position.segment), position.offset, zeroes);
}

void RemoveSegment(MemoryDisk* disk, uint64_t number) {
  ASSERT_TRUE(disk->Remove(SegmentFile(number)).ok());
  ASSERT_TRUE(disk->SyncDirectory("log").ok());
}

void ExpectCorruptAt(const OpenedLog& opened, Position position, uint64_t seq) {
  EXPECT_EQ(opened.status.code(), Code::kCorrupt) << opened.status.message();
  EXPECT_EQ(opened.report.damage, position);
  EXPECT_EQ(opened.report.damage_seq, seq);
  std::string place = "segment " + std::to_string(position.segment) + " offset " +
                      std::to_string(position.offset) + ", record seq " + std::to_string(seq);
  EXPECT_NE(opened.status.message().find(place), std::string::npos) << opened.status.message();
}

TEST(LogRecovery, ATornTailIsCutAndNeverComesBack) {
  std::vector<RecordRef> refs;
  auto disk = DiskWith({"a", "b", "torn"}, &refs);
  Flip(disk.get(), {refs[2].position.segment, refs[2].position.offset + 70});
  OpenedLog opened = OpenLog(disk.get());
  ASSERT_TRUE(opened.status.ok()) << opened.status.message();
  EXPECT_EQ(opened.replayed, (Texts{"a", "b"}));
  EXPECT_TRUE(opened.report.tail_cut);
  EXPECT_EQ(opened.report.tail_cut_bytes, kBlock);
  EXPECT_EQ(opened.report.end, refs[2].position);
  std::vector<uint8_t> contents = disk->Contents(SegmentFile(1));
  EXPECT_TRUE(IsZero(Bytes(contents).subspan(refs[2].position.offset)));
  // The cut itself is durable: it holds even if the machine crashes now.
  auto crashed = disk->AfterCrash([](size_t) { return false; });
  EXPECT_FALSE(OpenLog(crashed.get()).report.tail_cut);
  EXPECT_EQ(AppendText(opened.log.get(), "c")->seq, 3u);
  EXPECT_EQ(OpenLog(disk.get()).replayed, (Texts{"a", "b", "c"}));
}

TEST(LogRecovery, ATornTailThatEvidenceSaysWasDurableIsDamage) {
  std::vector<RecordRef> refs;
  auto disk = DiskWith({"a", "b", "c"}, &refs);
  Flip(disk.get(), refs[2].position);
  EXPECT_TRUE(OpenLog(disk->Copy().get(), SmallOptions(), {.min_durable_seq = 2}).status.ok());
  OpenedLog opened = OpenLog(disk.get(), SmallOptions(), {.min_durable_seq = 3});
  ExpectCorruptAt(opened, refs[2].position, 3);
  EXPECT_NE(opened.status.message().find("known to have been durable"), std::string::npos);
}

TEST(LogRecovery, ALogThatEndsBeforeTheEvidenceIsDamage) {
  std::vector<RecordRef> refs;
  auto disk = DiskWith({"a", "b"}, &refs);
  ExpectCorruptAt(OpenLog(disk.get(), SmallOptions(), {.min_durable_seq = 3}), refs[1].next, 3);
  MemoryDisk empty;
  ExpectCorruptAt(OpenLog(&empty, SmallOptions(), {.min_durable_seq = 1}), {1, kBlock}, 1);
}

TEST(LogRecovery, EveryFlippedByteInTheMiddleIsDamageAndChangesNothing) {
  std::vector<RecordRef> refs;
  auto disk = DiskWith({"first", "middle", "last"}, &refs);
  size_t flips = 0;
  for (uint64_t offset = refs[1].position.offset; offset < refs[1].next.offset; offset++) {
    auto damaged = disk->Copy();
    Flip(damaged.get(), {1, offset});
    auto before = damaged->Contents(SegmentFile(1));
    OpenedLog opened = OpenLog(damaged.get());
    ASSERT_EQ(opened.status.code(), Code::kCorrupt) << "byte " << offset;
    ASSERT_EQ(opened.report.damage, refs[1].position) << "byte " << offset;
    ASSERT_EQ(opened.report.damage_seq, 2u);
    ASSERT_EQ(damaged->Contents(SegmentFile(1)), before) << "byte " << offset;
    flips++;
  }
  printf("[   COUNT  ] %zu flipped bytes in the middle, all found\n", flips);
}

TEST(LogRecovery, EveryFlippedByteInTheLastRecordIsCutUnlessItWasKnownDurable) {
  size_t flips = 0;
  std::vector<RecordRef> refs;
  auto disk = DiskWith({"first", "last"}, &refs);
  for (uint64_t offset = refs[1].position.offset; offset < refs[1].next.offset; offset++) {
    auto damaged = disk->Copy();
    Flip(damaged.get(), {1, offset});
    ASSERT_EQ(OpenLog(damaged.get(), SmallOptions(), {.min_durable_seq = 2}).status.code(),
              Code::kCorrupt)
        << "byte " << offset;
    OpenedLog opened = OpenLog(damaged.get());
    ASSERT_TRUE(opened.status.ok()) << "byte " << offset;
    ASSERT_EQ(opened.replayed, Texts{"first"}) << "byte " << offset;
    ASSERT_TRUE(opened.report.tail_cut);
    flips++;
  }
  printf("[   COUNT  ] %zu flipped bytes in the tail, all cut\n", flips);
}

TEST(LogRecovery, EveryFlippedByteInAHeaderOfASegmentWithRecordsIsDamage) {
  auto disk = DiskWith(SevenToASegment(16));  // segments 1, 2, and 3 with two records
  for (uint64_t segment : {1, 2, 3}) {
    for (uint64_t offset = 0; offset < kBlock; offset += offset < 80 ? 1 : 61) {
      auto damaged = disk->Copy();
      Flip(damaged.get(), {segment, offset});
      Code code = OpenLog(damaged.get()).status.code();
      ASSERT_EQ(code, Code::kCorrupt) << "segment " << segment << " byte " << offset;
    }
  }
}

TEST(LogRecovery, ARecordOverwrittenWithZeroesInTheMiddleIsDamage) {
  std::vector<RecordRef> refs;
  auto disk = DiskWith(SevenToASegment(7), &refs);
  Zero(disk.get(), refs[2].position, 3 * 2 * kBlock);  // three records
  ExpectCorruptAt(OpenLog(disk.get()), refs[2].position, 3);
}

TEST(LogRecovery, RecordsLostAtTheEndOfASealedSegmentAreDamage) {
  std::vector<RecordRef> refs;
  auto disk = DiskWith(SevenToASegment(9), &refs);
  Zero(disk.get(), refs[6].position, 2 * kBlock);
  ExpectCorruptAt(OpenLog(disk.get()), refs[6].position, 7);
}

TEST(LogRecovery, AMissingSegmentInTheMiddleIsDamage) {
  auto disk = DiskWith(SevenToASegment(25));
  RemoveSegment(disk.get(), 2);
  OpenedLog opened = OpenLog(disk.get());
  ExpectCorruptAt(opened, {1, 15 * kBlock}, 8);
  EXPECT_NE(opened.status.message().find("segment 2 is missing"), std::string::npos);
}

TEST(LogRecovery, AMissingLastSegmentIsDamageWhereAnEmptyOneIsBehindIt) {
  auto disk = DiskWith(SevenToASegment(9));
  RemoveSegment(disk.get(), 2);
  ExpectCorruptAt(OpenLog(disk.get()), {1, 15 * kBlock}, 8);
}

TEST(LogRecovery, AStaleSegmentIsDamage) {
  // The same log, but its second segment is an older copy, with fewer records.
  auto disk = DiskWith(SevenToASegment(10));
  std::vector<uint8_t> old = disk->Contents(SegmentFile(2));
  {
    OpenedLog opened = OpenLog(disk.get());
    AppendTexts(opened.log.get(), SevenToASegment(10));
  }
  disk->Damage(SegmentFile(2), 0, old);
  ExpectCorruptAt(OpenLog(disk.get()), {2, 7 * kBlock}, 11);
}

TEST(LogRecovery, ASegmentOfAnotherLifeOfTheLogIsDamage) {
  // Same volume, numbers and sequence numbers, other content: only the chain tells.
  auto disk = DiskWith(SevenToASegment(16));
  auto other = std::make_unique<MemoryDisk>();
  {
    LogOptions options = SmallOptions();
    options.random_seed = 2;
    OpenedLog opened = OpenLog(other.get(), options);
    AppendTexts(opened.log.get(), SevenToASegment(16));
  }
  disk->Damage(SegmentFile(2), 0, other->Contents(SegmentFile(2)));
  ExpectCorruptAt(OpenLog(disk.get()), {1, 15 * kBlock}, 8);
}

TEST(LogRecovery, ARecordOfAnotherLifeInATailIsDamageOrCutButNeverReplayed) {
  auto disk = DiskWith({"a", "b"});
  auto other = std::make_unique<MemoryDisk>();
  {
    LogOptions options = SmallOptions();
    options.random_seed = 2;
    OpenedLog opened = OpenLog(other.get(), options);
    AppendTexts(opened.log.get(), {"a", "b", "stale"});
  }
  std::vector<uint8_t> stale = other->Contents(SegmentFile(1));
  disk->Damage(SegmentFile(1), 3 * kBlock, Bytes(stale).subspan(3 * kBlock, kBlock));
  OpenedLog opened = OpenLog(disk.get());
  EXPECT_EQ(opened.replayed, (Texts{"a", "b"}));
  EXPECT_TRUE(opened.report.tail_cut);
}

TEST(LogRecovery, ARecordOfAnotherHistoryOfTheSameSegmentIsNotTakenForANext) {
  // A copy of the disk lives on apart: same volume, segment, incarnation and numbers, other
  // records.
  auto disk = DiskWith({"a", "b"});
  auto other = disk->Copy();
  AppendTexts(OpenLog(disk.get()).log.get(), {"c"});
  std::vector<RecordRef> refs = AppendTexts(OpenLog(other.get()).log.get(), {"C", "D"});
  std::vector<uint8_t> contents = other->Contents(SegmentFile(1));
  disk->Damage(SegmentFile(1), refs[1].position.offset,
               Bytes(contents).subspan(refs[1].position.offset, kBlock));
  OpenedLog opened = OpenLog(disk.get());
  EXPECT_EQ(opened.replayed, (Texts{"a", "b", "c"}));
  EXPECT_TRUE(opened.report.tail_cut);
}

TEST(LogRecovery, ASegmentOfAnotherVolumeIsDamage) {
  auto disk = DiskWith({"a"});
  LogOptions options = SmallOptions();
  options.volume.lo++;
  OpenedLog opened = OpenLog(disk.get(), options);
  EXPECT_EQ(opened.status.code(), Code::kCorrupt);
  EXPECT_NE(opened.status.message().find("another volume"), std::string::npos);
  EXPECT_TRUE(opened.replayed.empty());
}

TEST(LogRecovery, ASegmentUnderAnotherNumberIsDamage) {
  auto disk = DiskWith(SevenToASegment(16));
  disk->Damage(SegmentFile(3), 0, disk->Contents(SegmentFile(2)));
  ExpectCorruptAt(OpenLog(disk.get()), {2, 15 * kBlock}, 15);
}

TEST(LogRecovery, ASegmentOfANewerFormatIsUnsupportedNotDamaged) {
  auto disk = DiskWith({"a"});
  std::vector<uint8_t> block = disk->Contents(SegmentFile(1));
  SegmentHeader header = DecodeSegmentHeader(block).value();
  header.version = 2;
  EncodeSegmentHeader(header, std::span(block).first(kBlock));
  disk->Damage(SegmentFile(1), 0, block);
  EXPECT_EQ(OpenLog(disk.get()).status.code(), Code::kUnsupported);
}

TEST(LogRecovery, ATruncatedSegmentFileIsDamage) {
  auto disk = DiskWith(SevenToASegment(16));
  std::vector<uint8_t> contents = disk->Contents(SegmentFile(2));
  {
    auto file = disk->Open(SegmentFile(2), OpenMode::kCreate);
    ASSERT_TRUE(file.value()->WriteAt(0, Bytes(contents).first(5 * kBlock)).ok());
    ASSERT_TRUE(file.value()->SyncData().ok());
  }
  ExpectCorruptAt(OpenLog(disk.get()), {1, 15 * kBlock}, 8);
}

TEST(LogRecovery, AReadErrorIsReportedAndChangesNothing) {
  auto disk = DiskWith(SevenToASegment(16));
  size_t failed = 0;
  for (uint64_t read = 1;; read++) {
    auto copy = disk->Copy();
    copy->SetFaults({.fail_read = read});
    OpenedLog opened = OpenLog(copy.get());
    if (opened.status.ok()) break;
    ASSERT_EQ(opened.status.code(), Code::kIo) << opened.status.message();
    ASSERT_FALSE(opened.report.tail_cut);
    failed++;
  }
  EXPECT_GE(failed, 9u);
  printf("[   COUNT  ] %zu reads that failed at start\n", failed);
}

TEST(LogRecovery, ASyncThatFailsAtStartStopsIt) {
  auto disk = DiskWith({"a"});
  disk->SetFaults({.fail_sync = 1});
  EXPECT_EQ(OpenLog(disk.get()).status.code(), Code::kIo);
}

TEST(LogRecovery, ReplaysOnlyFromTheCheckpointsPosition) {
  std::vector<RecordRef> refs;
  const Texts texts = SevenToASegment(25);
  auto disk = DiskWith(texts, &refs);
  for (size_t i = 0; i < refs.size(); i++) {
    Texts expected = Short(Texts(texts.begin() + i, texts.end()));
    ASSERT_EQ(OpenLog(disk.get(), SmallOptions(), {.replay_from = refs[i].position}).replayed,
              expected);
    expected.erase(expected.begin());
    OpenedLog opened = OpenLog(disk.get(), SmallOptions(), {.replay_from = refs[i].next});
    ASSERT_TRUE(opened.status.ok()) << opened.status.message();
    ASSERT_EQ(opened.replayed, expected);
    ASSERT_EQ(opened.log->durable_seq(), 25u);
  }
}

TEST(LogRecovery, ACheckpointsPositionMustBeARecordsBorder) {
  std::vector<RecordRef> refs;
  auto disk = DiskWith(SevenToASegment(3), &refs);
  Position inside = {1, refs[1].position.offset + kBlock};
  EXPECT_EQ(OpenLog(disk.get(), SmallOptions(), {.replay_from = inside}).status.code(),
            Code::kCorrupt);
  Position behind = {1, refs[2].next.offset + kBlock};
  ExpectCorruptAt(OpenLog(disk.get(), SmallOptions(), {.replay_from = behind}), refs[2].next, 4);
}

TEST(LogRecovery, ACheckpointBeforeTheOldestSegmentIsDamage) {
  auto disk = DiskWith(SevenToASegment(25));
  ASSERT_TRUE(OpenLog(disk.get()).log->Collect({3, 0}, CollectMode::kDelete).ok());
  EXPECT_TRUE(OpenLog(disk.get(), SmallOptions(), {.replay_from = {3, kBlock}}).status.ok());
  EXPECT_EQ(OpenLog(disk.get(), SmallOptions(), {.replay_from = {2, kBlock}}).status.code(),
            Code::kCorrupt);
}

TEST(LogRecovery, AFailureOfTheReplayIsReturned) {
  auto disk = DiskWith({"a", "b"});
  size_t calls = 0;
  auto replay = [&](const RecordView&) {
    return Status(Code::kLsnGap, "no " + std::to_string(++calls));
  };
  Status status = Log::Open(SmallOptions(), disk.get(), {}, replay, nullptr).status();
  EXPECT_EQ(status.code(), Code::kLsnGap);
  EXPECT_EQ(status.message(), "no 1");
}

TEST(LogRecovery, AnotherSegmentSizeHoldsFromTheNextSegmentOn) {
  const Texts texts = SevenToASegment(16);
  auto disk = DiskWith(texts);
  LogOptions options = SmallOptions();
  options.segment_bytes = 2 * kSegmentBytes;
  Texts all = texts;
  {
    OpenedLog opened = OpenLog(disk.get(), options);
    EXPECT_EQ(opened.replayed, Short(texts));
    AppendTexts(opened.log.get(), texts);
    all.insert(all.end(), texts.begin(), texts.end());
  }
  EXPECT_EQ(disk->Contents(SegmentFile(3)).size(), kSegmentBytes);
  EXPECT_EQ(disk->Contents(SegmentFile(4)).size(), 2 * kSegmentBytes);
  EXPECT_EQ(OpenLog(disk.get()).replayed, Short(all));
}

TEST(LogRecovery, LeftoversOfZeroingAreRemoved) {
  auto disk = DiskWith({"a"});
  (void)disk->Open("log/000000000004.preparing", OpenMode::kCreate);
  EXPECT_EQ(OpenLog(disk.get()).replayed, Texts{"a"});
  EXPECT_EQ(disk->Open("log/000000000004.preparing", OpenMode::kRead).status().code(),
            Code::kNotFound);
}

}  // namespace
}  // namespace cfsrepl::test
