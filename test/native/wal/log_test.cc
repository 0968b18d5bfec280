// What a log promises its writer.
#include "wal/log.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <numeric>

#include "wal/log_support.h"

namespace cfsrepl::test {
namespace {

TEST(Log, AnEmptyOneHasNothingAndEndsAtItsBeginning) {
  MemoryDisk disk;
  OpenedLog opened = OpenLog(&disk);
  ASSERT_TRUE(opened.status.ok()) << opened.status.message();
  EXPECT_EQ(opened.report.records, 0u);
  EXPECT_EQ(opened.log->durable_seq(), 0u);
  EXPECT_EQ(opened.log->end(), opened.log->oldest());
}

TEST(Log, WhatWasAppendedIsReplayedInOrder) {
  MemoryDisk disk;
  std::vector<RecordRef> refs;
  {
    OpenedLog opened = OpenLog(&disk);
    refs = AppendTexts(opened.log.get(), {"a", "b", "c"});
  }
  OpenedLog opened = OpenLog(&disk);
  EXPECT_EQ(opened.replayed, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_FALSE(opened.report.tail_cut);
  ASSERT_EQ(opened.refs.size(), refs.size());
  for (size_t i = 0; i < refs.size(); i++) {
    EXPECT_EQ(opened.refs[i].seq, i + 1);
    EXPECT_EQ(opened.refs[i].position, refs[i].position);
    EXPECT_EQ(opened.refs[i].next, refs[i].next);
  }
  EXPECT_EQ(opened.log->end(), refs.back().next);
  EXPECT_EQ(AppendText(opened.log.get(), "d")->seq, 4u);
}

TEST(Log, ARecordKeepsItsItemsKindsAndOddLengths) {
  MemoryDisk disk;
  std::vector<std::string> texts;
  std::vector<Item> items;
  for (size_t i = 0; i < 40; i++) texts.push_back(std::string(i, static_cast<char>('a' + i % 26)));
  for (size_t i = 0; i < 40; i++)
    items.push_back({static_cast<uint16_t>(i * 1000), AsBytes(texts[i])});
  ASSERT_TRUE(OpenLog(&disk).log->Append(items).ok());
  std::vector<std::string> kinds, found;
  auto replay = [&](const RecordView& record) {
    for (size_t i = 0; i < record.items.size(); i++) {
      EXPECT_EQ(record.items[i].kind, items[i].kind);
      found.emplace_back(record.items[i].bytes.begin(), record.items[i].bytes.end());
    }
    return Status::Ok();
  };
  ASSERT_TRUE(Log::Open(SmallOptions(), &disk, {}, replay, nullptr).ok());
  EXPECT_EQ(found, texts);
}

TEST(Log, GoesOnInTheNextSegmentWhenOneIsFull) {
  MemoryDisk disk;
  std::vector<std::string> texts;
  for (size_t i = 0; i < 50; i++) texts.push_back(Text(i, 5000));
  {
    OpenedLog opened = OpenLog(&disk);
    std::vector<RecordRef> refs = AppendTexts(opened.log.get(), texts);
    EXPECT_EQ(refs.back().position.segment, 8u);  // 7 records of 8 KiB fit behind the header
    EXPECT_EQ(opened.log->metrics().segments, 8u);
  }
  EXPECT_EQ(OpenLog(&disk).replayed, Short(texts));
}

TEST(Log, ARecordMayFillASegmentButNotExceedIt) {
  MemoryDisk disk;
  OpenedLog opened = OpenLog(&disk);
  const size_t most = opened.log->max_body_bytes() - 8;
  EXPECT_EQ(AppendText(opened.log.get(), std::string(most + 1, 'x')).status().code(),
            Code::kTooLarge);
  AppendTexts(opened.log.get(), {std::string(most, 'x'), "y", std::string(most, 'z')});
  opened.log.reset();
  OpenedLog again = OpenLog(&disk);
  ASSERT_EQ(again.replayed.size(), 3u);
  EXPECT_EQ(again.replayed[2], Short(std::string(most, 'z')));
}

TEST(Log, RefusesRecordsWithoutItemsOrWithTooMany) {
  MemoryDisk disk;
  OpenedLog opened = OpenLog(&disk);
  EXPECT_EQ(opened.log->Append({}).status().code(), Code::kInvalidArgument);
  std::vector<Item> items(limits::kItemsPerRecordMax + 1);
  EXPECT_EQ(opened.log->Append(items).status().code(), Code::kTooLarge);
  EXPECT_TRUE(AppendText(opened.log.get(), "a").ok());  // it changed nothing
}

TEST(Log, RefusesImpossibleOptions) {
  MemoryDisk disk;
  LogOptions options = SmallOptions();
  options.segment_bytes = 64 * 1024 + 1;
  EXPECT_EQ(OpenLog(&disk, options).status.code(), Code::kInvalidArgument);
  options.segment_bytes = 4096;
  EXPECT_EQ(OpenLog(&disk, options).status.code(), Code::kInvalidArgument);
  options = SmallOptions();
  options.ready_segments = 1;
  EXPECT_EQ(OpenLog(&disk, options).status.code(), Code::kInvalidArgument);
}

TEST(Log, AnAppendIsOneWriteAndOneSync) {
  MemoryDisk disk;
  OpenedLog opened = OpenLog(&disk);
  AppendTexts(opened.log.get(), {"a"});
  disk.SetFaults({});
  AppendTexts(opened.log.get(), {"b"});
  EXPECT_EQ(disk.operations(), 2u);
}

TEST(Log, AFailedSyncStopsItForGood) {
  MemoryDisk disk;
  OpenedLog opened = OpenLog(&disk);
  AppendTexts(opened.log.get(), {"a"});
  disk.SetFaults({.fail_sync = 1});
  EXPECT_EQ(AppendText(opened.log.get(), "b").status().code(), Code::kIo);
  Status later = AppendText(opened.log.get(), "c").status();
  EXPECT_EQ(later.code(), Code::kStopped);
  EXPECT_NE(later.message().find("injected fault"), std::string::npos) << later.message();
  EXPECT_EQ(opened.log->AppendReserved({}).status().code(), Code::kStopped);
  EXPECT_EQ(opened.log->stopped().code(), Code::kIo);
  EXPECT_EQ(opened.log->durable_seq(), 1u);
}

TEST(Log, AFailedWriteStopsItForGood) {
  MemoryDisk disk;
  OpenedLog opened = OpenLog(&disk);
  AppendTexts(opened.log.get(), {"a"});
  disk.SetFaults({.fail_write = 1});
  EXPECT_EQ(AppendText(opened.log.get(), "b").status().code(), Code::kIo);
  EXPECT_EQ(AppendText(opened.log.get(), "b").status().code(), Code::kStopped);
  opened.log.reset();
  EXPECT_EQ(OpenLog(&disk).replayed.front(), "a");
}

TEST(Log, ADiskThatFailsWhileASegmentIsZeroedStopsItWhenTheSegmentIsNeeded) {
  MemoryDisk disk;
  OpenedLog opened = OpenLog(&disk);
  disk.SetFaults({.fail_sync = 1});
  EXPECT_EQ(AppendText(opened.log.get(), "a").status().code(), Code::kIo);
  EXPECT_EQ(AppendText(opened.log.get(), "a").status().code(), Code::kStopped);
}

// Appends until the disk is full; the texts that got in.
std::vector<std::string> FillDisk(Log* log) {
  std::vector<std::string> texts;
  for (size_t i = 0; i < 1000; i++) {
    std::string text = Text(i, 3000);
    auto ref = AppendText(log, text);
    if (!ref.ok()) {
      EXPECT_EQ(ref.status().code(), Code::kDiskFull) << ref.status().message();
      return texts;
    }
    texts.push_back(text);
  }
  ADD_FAILURE() << "the disk never filled";
  return texts;
}

TEST(Log, AFullDiskRefusesAppendsAndKeepsAReserveForControlItems) {
  MemoryDisk disk;
  disk.SetCapacityBytes(4 * kSegmentBytes);
  std::vector<std::string> expected;
  {
    OpenedLog opened = OpenLog(&disk);
    expected = FillDisk(opened.log.get());
    EXPECT_TRUE(opened.log->metrics().disk_full);
    EXPECT_TRUE(opened.log->stopped().ok());
    Item cursor{2, AsBytes("cursor")};
    ASSERT_TRUE(opened.log->AppendReserved({&cursor, 1}).ok());
    ASSERT_TRUE(opened.log->AppendReserved({&cursor, 1}).ok());
    EXPECT_EQ(AppendText(opened.log.get(), "x").status().code(), Code::kDiskFull);
    // The reserve is two blocks here, and then it is used up.
    EXPECT_EQ(opened.log->AppendReserved({&cursor, 1}).status().code(), Code::kDiskFull);
    expected.insert(expected.end(), {"cursor", "cursor"});
  }
  EXPECT_EQ(OpenLog(&disk).replayed, Short(expected));
}

TEST(Log, AppendsGoOnByThemselvesWhenThereIsSpaceAgain) {
  MemoryDisk disk;
  disk.SetCapacityBytes(4 * kSegmentBytes);
  OpenedLog opened = OpenLog(&disk);
  FillDisk(opened.log.get());
  ASSERT_TRUE(opened.log->Collect({3, 0}, CollectMode::kDelete).ok());
  EXPECT_TRUE(AppendText(opened.log.get(), "again").ok());
  EXPECT_FALSE(opened.log->metrics().disk_full);
  FillDisk(opened.log.get());
  disk.SetCapacityBytes(UINT64_MAX);
  EXPECT_TRUE(AppendText(opened.log.get(), "once more").ok());
}

TEST(Log, AReleasedReserveFileGivesRoomAndIsMadeAgainOnlyWhenThereIsEnough) {
  MemoryDisk disk;
  LogOptions options = SmallOptions();
  options.reserve_file_bytes = kSegmentBytes / 2;
  disk.SetCapacityBytes(5 * kSegmentBytes);
  OpenedLog opened = OpenLog(&disk, options);
  FillDisk(opened.log.get());
  uint64_t full = disk.FreeBytes("log").value();
  ASSERT_TRUE(opened.log->ReleaseReserve().ok());
  ASSERT_TRUE(opened.log->ReleaseReserve().ok());  // twice is once
  EXPECT_EQ(disk.FreeBytes("log").value(), full + options.reserve_file_bytes);
  FillDisk(opened.log.get());
  EXPECT_TRUE(disk.Contents("log/reserve").empty());
  ASSERT_TRUE(opened.log->Collect(opened.log->end(), CollectMode::kDelete).ok());
  FillDisk(opened.log.get());
  EXPECT_EQ(disk.Contents("log/reserve").size(), options.reserve_file_bytes);
}

TEST(Log, CollectsWholeSegmentsBelowAPositionAndNeverTheLast) {
  MemoryDisk disk;
  OpenedLog opened = OpenLog(&disk);
  std::vector<std::string> texts;
  for (size_t i = 0; i < 50; i++) texts.push_back(Text(i, 5000));
  AppendTexts(opened.log.get(), texts);
  CollectResult audit = opened.log->Collect({4, 8192}, CollectMode::kAuditOnly).value();
  EXPECT_EQ(audit.segments, 3u);
  EXPECT_EQ(audit.bytes, 3 * kSegmentBytes);
  EXPECT_EQ(opened.log->oldest().segment, 1u);
  EXPECT_EQ(opened.log->Collect({4, 8192}, CollectMode::kDelete)->segments, 3u);
  EXPECT_EQ(opened.log->oldest().segment, 4u);
  EXPECT_EQ(opened.log->oldest_seq(), 22u);
  EXPECT_TRUE(disk.Contents(SegmentFile(3)).empty());
  EXPECT_EQ(opened.log->Collect({100, 0}, CollectMode::kDelete)->segments, 4u);
  EXPECT_EQ(opened.log->oldest().segment, 8u);
  opened.log.reset();
  EXPECT_EQ(OpenLog(&disk).replayed, (std::vector<std::string>{Short(texts[49])}));
}

TEST(Log, CountsWhatItDoes) {
  MemoryDisk disk;
  OpenedLog opened = OpenLog(&disk);
  AppendTexts(opened.log.get(), {"abc", "defg"});
  LogMetrics metrics = opened.log->metrics();
  EXPECT_EQ(metrics.appends, 2u);
  EXPECT_EQ(metrics.syncs, 2u);
  EXPECT_EQ(metrics.item_bytes, 7u);
  EXPECT_EQ(metrics.bytes_written, 3u * 4096);  // a segment header and two records
  EXPECT_EQ(metrics.durable_seq, 2u);
  EXPECT_EQ(std::accumulate(metrics.commit_counts.begin(), metrics.commit_counts.end(), 0ull), 2u);
  EXPECT_EQ(metrics.bytes, (metrics.segments + metrics.ready_segments) * kSegmentBytes);
}

TEST(Log, ZeroesSegmentsInTheBackground) {
  MemoryDisk disk;
  LogOptions options = SmallOptions();
  options.prepare_inline = false;
  options.reserve_file_bytes = kSegmentBytes;
  std::vector<std::string> texts;
  for (size_t i = 0; i < 200; i++) texts.push_back(Text(i, 5000));
  {
    OpenedLog opened = OpenLog(&disk, options);
    AppendTexts(opened.log.get(), texts);
  }
  EXPECT_EQ(OpenLog(&disk, options).replayed, Short(texts));
}

// The same on a real file system, in a directory of its own, through each of its backends.
class LogOnDisk : public testing::TestWithParam<const char*> {};

TEST_P(LogOnDisk, AppendsRotatesCollectsAndRecovers) {
  auto file_system = NewPosixFileSystem();
  if (std::string(GetParam()) == "io_uring") {
    auto uring = NewUringFileSystem();
    if (!uring.ok()) GTEST_SKIP() << "io_uring is denied here: " << uring.status().message();
    file_system = std::move(uring).value();
  }
  char name[] = "/tmp/cfs-repl-log-XXXXXX";
  ASSERT_NE(mkdtemp(name), nullptr);
  LogOptions options = SmallOptions();
  options.directory = std::string(name) + "/log";
  options.segment_bytes = limits::kSegmentBytesMin;
  options.prepare_inline = false;
  std::vector<std::string> texts;
  for (size_t i = 0; i < 60; i++) texts.push_back(Text(i, i % 7 * 20000));
  {
    OpenedLog opened = OpenLog(file_system.get(), options);
    ASSERT_TRUE(opened.status.ok()) << opened.status.message();
    AppendTexts(opened.log.get(), texts);
  }
  {
    OpenedLog opened = OpenLog(file_system.get(), options);
    EXPECT_EQ(opened.replayed, Short(texts));
    EXPECT_FALSE(opened.report.tail_cut);
    ASSERT_TRUE(opened.log->Collect(opened.log->end(), CollectMode::kDelete).ok());
    EXPECT_EQ(opened.log->oldest().segment, opened.log->end().segment);
    EXPECT_EQ(AppendText(opened.log.get(), "last")->seq, 61u);
  }
  EXPECT_EQ(OpenLog(file_system.get(), options).replayed.back(), "last");
  std::filesystem::remove_all(name);
}

INSTANTIATE_TEST_SUITE_P(Backends, LogOnDisk, testing::Values("posix", "io_uring"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace cfsrepl::test
