// What a log promises those who read it, at its end or far behind.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "wal/log_format.h"
#include "wal/log_support.h"

namespace cfsrepl::test {
namespace {

using Texts = std::vector<std::string>;

Texts Mixed(size_t count) {
  Texts texts;
  for (size_t i = 0; i < count; i++) texts.push_back(Text(i, i * 7919 % 24000));
  return texts;
}

// Everything from `position` to the durable end.
Texts ReadAll(LogReader* reader, Position position) {
  Texts texts;
  for (;;) {
    auto record = reader->ReadAt(position);
    EXPECT_TRUE(record.ok()) << record.status().message();
    if (!record.ok() || record.value() == nullptr) return texts;
    texts.push_back(TextOf(record.value()->items()));
    position = record.value()->ref().next;
  }
}

TEST(LogReader, ReadsEverythingInOrderFromDiskOrMemory) {
  const Texts texts = Mixed(60);
  for (size_t cache_bytes : {size_t{0}, size_t{100 * 1024}, size_t{100 * 1024 * 1024}}) {
    MemoryDisk disk;
    LogOptions options = SmallOptions();
    options.tail_cache_bytes = cache_bytes;
    OpenedLog opened = OpenLog(&disk, options);
    AppendTexts(opened.log.get(), texts);
    EXPECT_EQ(ReadAll(opened.log->NewReader().get(), opened.log->oldest()), texts);
    LogMetrics metrics = opened.log->metrics();
    EXPECT_LE(metrics.tail_cache_bytes, cache_bytes);
    bool holds_all = cache_bytes > 10 * 1024 * 1024;
    EXPECT_EQ(metrics.tail_cache_hits > 0, cache_bytes > 0);
    EXPECT_EQ(metrics.tail_cache_misses == 0, holds_all);
  }
}

TEST(LogReader, ReadsAfterARestartAlsoWhatWasNotReplayed) {
  MemoryDisk disk;
  const Texts texts = Mixed(60);
  Position end;
  {
    OpenedLog opened = OpenLog(&disk);
    AppendTexts(opened.log.get(), texts);
    end = opened.log->end();
  }
  OpenedLog opened = OpenLog(&disk, SmallOptions(), {.replay_from = end});
  EXPECT_TRUE(opened.replayed.empty());
  EXPECT_EQ(ReadAll(opened.log->NewReader().get(), opened.log->oldest()), texts);
}

TEST(LogReader, ReadsAnywhereInAnyOrder) {
  MemoryDisk disk;
  const Texts texts = Mixed(60);
  OpenedLog opened = OpenLog(&disk);
  std::vector<RecordRef> refs = AppendTexts(opened.log.get(), texts);
  auto reader = opened.log->NewReader();
  for (size_t i = 0; i < 600; i++) {
    size_t n = i * 37 % texts.size();
    auto record = reader->ReadAt(refs[n].position);
    ASSERT_TRUE(record.ok()) << record.status().message();
    EXPECT_EQ(record.value()->ref().seq, n + 1);
    EXPECT_EQ(TextOf(record.value()->items()), texts[n]);
  }
}

TEST(LogReader, GivesNothingAtTheEndUntilThereIsSomething) {
  MemoryDisk disk;
  OpenedLog opened = OpenLog(&disk);
  auto reader = opened.log->NewReader();
  Position end = opened.log->end();
  EXPECT_EQ(reader->ReadAt(end).value(), nullptr);
  AppendTexts(opened.log.get(), {"a", std::string(60000, 'x')});  // the second opens a segment
  auto record = reader->ReadAt(end).value();
  EXPECT_EQ(TextOf(record->items()), "a");
  record = reader->ReadAt(record->ref().next).value();
  EXPECT_EQ(record->ref().position.segment, 2u);
  EXPECT_EQ(reader->ReadAt(record->ref().next).value(), nullptr);
}

TEST(LogReader, NeverShowsWhatIsNotDurable) {
  MemoryDisk disk;
  OpenedLog opened = OpenLog(&disk);
  AppendTexts(opened.log.get(), {"a"});
  disk.SetFaults({.fail_sync = 1});
  ASSERT_FALSE(AppendText(opened.log.get(), "b").ok());
  EXPECT_EQ(ReadAll(opened.log->NewReader().get(), opened.log->oldest()), Texts{"a"});
}

TEST(LogReader, SaysWhenARecordWasCollectedAndWhatIsLeft) {
  MemoryDisk disk;
  OpenedLog opened = OpenLog(&disk);
  std::vector<RecordRef> refs = AppendTexts(opened.log.get(), Mixed(60));
  ASSERT_TRUE(opened.log->Collect(refs[30].position, CollectMode::kDelete).ok());
  Status status = opened.log->NewReader()->ReadAt(refs[0].position).status();
  EXPECT_EQ(status.code(), Code::kTruncated);
  EXPECT_NE(status.message().find(Place(opened.log->oldest())), std::string::npos);
}

TEST(LogReader, ARecordOutlivesTheLog) {
  MemoryDisk disk;
  OpenedLog opened = OpenLog(&disk);
  AppendTexts(opened.log.get(), {"a"});
  auto record = opened.log->NewReader()->ReadAt(opened.log->oldest()).value();
  opened.log.reset();
  EXPECT_EQ(TextOf(record->items()), "a");
}

TEST(LogReader, RefusesPositionsThatAreNone) {
  MemoryDisk disk;
  OpenedLog opened = OpenLog(&disk);
  AppendTexts(opened.log.get(), {"a", "b"});
  auto reader = opened.log->NewReader();
  for (Position position : {Position{1, 0}, Position{1, 4097}, Position{1, 1 << 20},
                            Position{2, 4096}, Position{UINT64_MAX, UINT64_MAX}}) {
    EXPECT_EQ(reader->ReadAt(position).status().code(), Code::kInvalidArgument) << Place(position);
  }
  EXPECT_EQ(reader->ReadAt({0, 0}).status().code(), Code::kTruncated);
}

TEST(LogReader, ReportsDamageWithItsPlace) {
  MemoryDisk disk;
  LogOptions options = SmallOptions();
  options.tail_cache_bytes = 0;
  OpenedLog opened = OpenLog(&disk, options);
  std::vector<RecordRef> refs = AppendTexts(opened.log.get(), {"a", "b", "c"});
  const uint8_t byte = 0xff;
  disk.Damage(SegmentFile(1), refs[1].position.offset + 66, Bytes(&byte, 1));
  Status status = opened.log->NewReader()->ReadAt(refs[1].position).status();
  EXPECT_EQ(status.code(), Code::kCorrupt);
  EXPECT_NE(status.message().find(Place(refs[1].position)), std::string::npos) << status.message();
}

TEST(LogReader, RecordsZeroedInASealedSegmentAreDamageNotItsEnd) {
  MemoryDisk disk;
  LogOptions options = SmallOptions();
  std::vector<RecordRef> refs;
  Position end;
  {
    OpenedLog opened = OpenLog(&disk, options);
    Texts texts;
    for (size_t i = 0; i < 10; i++) texts.push_back(Text(i, 5000));
    refs = AppendTexts(opened.log.get(), texts);
    end = opened.log->end();
  }
  std::vector<uint8_t> zeroes(8192);
  disk.Damage(SegmentFile(1), refs[6].position.offset, zeroes);
  // A checkpoint lets the start pass over segment 1 unread.
  OpenedLog opened = OpenLog(&disk, options, {.replay_from = end});
  ASSERT_TRUE(opened.status.ok()) << opened.status.message();
  auto reader = opened.log->NewReader();
  ASSERT_TRUE(reader->ReadAt(refs[5].position).ok());
  EXPECT_EQ(reader->ReadAt(refs[5].next).status().code(), Code::kCorrupt);
}

// Readers at the live end and far behind, on threads of their own, while the log appends and
// collects.
TEST(LogReader, SeveralFollowTheLiveEndWhileTheLogAppends) {
  constexpr size_t kRecords = 400;
  MemoryDisk disk;
  LogOptions options = SmallOptions();
  options.prepare_inline = false;
  OpenedLog opened = OpenLog(&disk, options);
  std::atomic<size_t> read{0};
  auto follow = [&] {
    auto reader = opened.log->NewReader();
    Position position = opened.log->oldest();
    for (size_t i = 0; i < kRecords;) {
      auto record = reader->ReadAt(position);
      ASSERT_TRUE(record.ok()) << record.status().message();
      if (record.value() == nullptr) {
        std::this_thread::yield();
        continue;
      }
      ASSERT_EQ(record.value()->ref().seq, ++i);
      ASSERT_EQ(TextOf(record.value()->items()), Text(i - 1, (i - 1) % 9000));
      position = record.value()->ref().next;
      read++;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; i++) threads.emplace_back(follow);
  for (size_t i = 0; i < kRecords; i++)
    ASSERT_TRUE(AppendText(opened.log.get(), Text(i, i % 9000)).ok());
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(read, 3 * kRecords);
}

}  // namespace
}  // namespace cfsrepl::test
