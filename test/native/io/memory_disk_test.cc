// The ways in which the disk in memory lets its users down.
#include "io/memory_disk.h"

#include <gtest/gtest.h>

#include <set>

namespace cfsrepl {
namespace {

Bytes BytesOf(const std::string& text) {
  return Bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

std::string TextOf(const MemoryDisk& disk, const std::string& path) {
  std::vector<uint8_t> contents = disk.Contents(path);
  return std::string(contents.begin(), contents.end());
}

std::unique_ptr<File> Create(MemoryDisk* disk, const std::string& path) {
  auto file = disk->Open(path, OpenMode::kCreate);
  EXPECT_TRUE(file.ok());
  return std::move(file).value();
}

// A durable file of two sectors, "a..." and "b...".
std::unique_ptr<File> DurableFile(MemoryDisk* disk, const std::string& path) {
  auto file = Create(disk, path);
  EXPECT_TRUE(file->WriteAt(0, BytesOf(std::string(512, 'a') + std::string(512, 'b'))).ok());
  EXPECT_TRUE(file->SyncData().ok());
  EXPECT_TRUE(disk->SyncDirectory("").ok());
  return file;
}

bool None(size_t) { return false; }

TEST(MemoryDisk, ACrashMayLoseWhatWasNotSynced) {
  MemoryDisk disk;
  auto file = DurableFile(&disk, "f");
  ASSERT_TRUE(file->WriteAt(0, BytesOf("xyz")).ok());
  EXPECT_EQ(TextOf(disk, "f").substr(0, 3), "xyz");
  EXPECT_EQ(TextOf(*disk.AfterCrash(None), "f").substr(0, 3), "aaa");
  ASSERT_TRUE(file->SyncData().ok());
  EXPECT_EQ(TextOf(*disk.AfterCrash(None), "f").substr(0, 3), "xyz");
}

TEST(MemoryDisk, ACrashTearsAWriteBetweenSectors) {
  MemoryDisk disk;
  auto file = DurableFile(&disk, "f");
  ASSERT_TRUE(file->WriteAt(0, BytesOf(std::string(1024, 'x'))).ok());
  ASSERT_EQ(disk.unsynced_count(), 2u);
  auto torn = disk.AfterCrash([](size_t i) { return i == 1; });
  EXPECT_EQ(TextOf(*torn, "f"), std::string(512, 'a') + std::string(512, 'x'));
}

TEST(MemoryDisk, ACrashMayKeepALaterWriteAndLoseAnEarlier) {
  MemoryDisk disk;
  auto file = DurableFile(&disk, "f");
  ASSERT_TRUE(file->WriteAt(0, BytesOf(std::string(512, '1'))).ok());
  ASSERT_TRUE(file->WriteAt(512, BytesOf(std::string(512, '2'))).ok());
  auto reordered = disk.AfterCrash([](size_t i) { return i == 1; });
  EXPECT_EQ(TextOf(*reordered, "f"), std::string(512, 'a') + std::string(512, '2'));
}

TEST(MemoryDisk, NamesAreDurableOnlyAfterADirectorySync) {
  MemoryDisk disk;
  auto file = Create(&disk, "f");
  ASSERT_TRUE(file->WriteAt(0, BytesOf("x")).ok());
  ASSERT_TRUE(file->SyncData().ok());
  EXPECT_TRUE(disk.AfterCrash(None)->List("").value().empty());
  ASSERT_TRUE(disk.SyncDirectory("").ok());
  ASSERT_TRUE(disk.Rename("f", "g").ok());
  EXPECT_EQ(disk.AfterCrash(None)->List("").value(), std::vector<std::string>{"f"});
  EXPECT_EQ(disk.Copy()->List("").value(), std::vector<std::string>{"g"});
  ASSERT_TRUE(disk.SyncDirectory("").ok());
  ASSERT_TRUE(disk.Remove("g").ok());
  EXPECT_EQ(TextOf(*disk.AfterCrash(None), "g"), "x");
}

TEST(MemoryDisk, ALostDirectoryTakesItsFilesAlong) {
  MemoryDisk disk;
  ASSERT_TRUE(disk.MakeDirectory("d").ok());
  (void)Create(&disk, "d/f");
  ASSERT_TRUE(disk.SyncDirectory("d").ok());
  EXPECT_EQ(disk.AfterCrash(None)->List("d").status().code(), Code::kNotFound);
  ASSERT_TRUE(disk.SyncDirectory("").ok());
  EXPECT_EQ(disk.AfterCrash(None)->List("d").value(), std::vector<std::string>{"f"});
}

TEST(MemoryDisk, AFailedSyncDropsDataThatReadsStillShow) {
  // Which sectors are dropped is up to the seed; over many of them both happen.
  std::set<std::string> outcomes;
  for (uint64_t seed = 1; seed <= 32; seed++) {
    MemoryDisk disk(seed);
    auto file = DurableFile(&disk, "f");
    ASSERT_TRUE(file->WriteAt(0, BytesOf(std::string(512, 'x'))).ok());
    disk.SetFaults({.fail_sync = 1});
    EXPECT_EQ(file->SyncData().code(), Code::kIo);
    EXPECT_EQ(TextOf(disk, "f").substr(0, 1), "x");
    EXPECT_TRUE(file->SyncData().ok());  // claims success, and did not write what was dropped
    outcomes.insert(TextOf(*disk.AfterCrash(None), "f").substr(0, 1));
  }
  EXPECT_EQ(outcomes, (std::set<std::string>{"a", "x"}));
}

TEST(MemoryDisk, AFailedWriteMayHaveDoneAPart) {
  MemoryDisk disk;
  auto file = DurableFile(&disk, "f");
  disk.SetFaults({.fail_write = 2});
  EXPECT_TRUE(file->WriteAt(0, BytesOf("1")).ok());
  EXPECT_EQ(file->WriteAt(0, BytesOf(std::string(1024, 'x'))).code(), Code::kIo);
  EXPECT_TRUE(file->WriteAt(0, BytesOf("3")).ok());
}

TEST(MemoryDisk, AReadMayFail) {
  MemoryDisk disk;
  auto file = DurableFile(&disk, "f");
  disk.SetFaults({.fail_read = 1});
  uint8_t out[4];
  Status status = file->ReadAt(8, out).status();
  EXPECT_EQ(status.code(), Code::kIo);
  EXPECT_NE(status.message().find("4 bytes at 8 in f"), std::string::npos) << status.message();
  EXPECT_TRUE(file->ReadAt(8, out).ok());
}

TEST(MemoryDisk, FillsUpAndHasRoomAgain) {
  MemoryDisk disk;
  auto file = DurableFile(&disk, "f");
  disk.SetCapacityBytes(1500);
  EXPECT_EQ(disk.FreeBytes("").value(), 476u);
  EXPECT_EQ(file->WriteAt(1024, BytesOf(std::string(512, 'x'))).code(), Code::kDiskFull);
  EXPECT_TRUE(file->WriteAt(0, BytesOf(std::string(1024, 'x'))).ok());  // takes no new space
  disk.SetCapacityBytes(2000);
  EXPECT_TRUE(file->WriteAt(1024, BytesOf(std::string(512, 'x'))).ok());
  file.reset();
  ASSERT_TRUE(disk.Remove("f").ok());
  EXPECT_EQ(disk.FreeBytes("").value(), 2000u);
}

TEST(MemoryDisk, NothingWorksAfterACrash) {
  MemoryDisk disk;
  auto file = DurableFile(&disk, "f");
  disk.SetFaults({.crash_at_operation = 2});
  EXPECT_TRUE(file->WriteAt(0, BytesOf("x")).ok());
  EXPECT_EQ(file->SyncData().code(), Code::kIo);
  EXPECT_TRUE(disk.crashed());
  uint8_t out[1];
  EXPECT_EQ(file->ReadAt(0, out).status().code(), Code::kIo);
  EXPECT_EQ(disk.List("").status().code(), Code::kIo);
  EXPECT_EQ(disk.Open("f", OpenMode::kRead).status().code(), Code::kIo);
  EXPECT_EQ(disk.unsynced_count(), 1u);
}

}  // namespace
}  // namespace cfsrepl
