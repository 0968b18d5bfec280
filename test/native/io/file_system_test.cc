// What every file system backend promises, run over all of them.
#include "io/file_system.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "base/limits.h"
#include "io/aligned_buffer.h"
#include "io/memory_disk.h"

namespace cfsrepl {
namespace {

constexpr size_t kBlock = limits::kBlockBytes;

class FileSystemTest : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string backend = GetParam();
    if (backend == "memory") {
      file_system_ = std::make_unique<MemoryDisk>();
      directory_ = "d";
    } else {
      char name[] = "/tmp/cfs-repl-io-XXXXXX";
      ASSERT_NE(mkdtemp(name), nullptr);
      temporary_ = name;
      directory_ = temporary_ + "/d";
      if (backend == "posix") file_system_ = NewPosixFileSystem();
    }
    if (backend == "io_uring") {
      auto uring = NewUringFileSystem();
      if (!uring.ok()) GTEST_SKIP() << "io_uring is denied here: " << uring.status().message();
      file_system_ = std::move(uring).value();
    }
    ASSERT_TRUE(file_system_->MakeDirectory(directory_).ok());
  }

  void TearDown() override {
    if (!temporary_.empty()) std::filesystem::remove_all(temporary_);
  }

  std::string Path(const std::string& name) const { return directory_ + "/" + name; }

  std::unique_ptr<File> Open(const std::string& name, OpenMode mode) {
    auto file = file_system_->Open(Path(name), mode);
    EXPECT_TRUE(file.ok()) << file.status().message();
    return file.ok() ? std::move(file).value() : nullptr;
  }

  void WriteFile(const std::string& name, const std::string& text) {
    auto file = Open(name, OpenMode::kCreate);
    ASSERT_TRUE(file->WriteAt(0, BytesOf(text)).ok());
    ASSERT_TRUE(file->SyncData().ok());
  }

  std::string ReadFile(const std::string& name) {
    auto file = Open(name, OpenMode::kRead);
    std::string text(1024, '\0');
    auto read = file->ReadAt(0, {reinterpret_cast<uint8_t*>(text.data()), text.size()});
    EXPECT_TRUE(read.ok());
    text.resize(read.value());
    return text;
  }

  static Bytes BytesOf(const std::string& text) {
    return Bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  }

  std::string temporary_;
  std::string directory_;
  std::unique_ptr<FileSystem> file_system_;
};

void Fill(AlignedBuffer* buffer, uint8_t first) {
  for (size_t i = 0; i < buffer->size(); i++)
    buffer->data()[i] = static_cast<uint8_t>(first + i * 7);
}

TEST_P(FileSystemTest, NamesItsBackend) { EXPECT_EQ(file_system_->backend_name(), GetParam()); }

TEST_P(FileSystemTest, ReadsBackWhatWasWritten) {
  WriteFile("a", "hello");
  EXPECT_EQ(ReadFile("a"), "hello");
  EXPECT_EQ(Open("a", OpenMode::kRead)->SizeBytes().value(), 5u);
}

TEST_P(FileSystemTest, ReadsShortOnlyAtTheEnd) {
  WriteFile("a", "hello");
  auto file = Open("a", OpenMode::kRead);
  uint8_t out[16];
  EXPECT_EQ(file->ReadAt(3, out).value(), 2u);
  EXPECT_EQ(file->ReadAt(5, out).value(), 0u);
  EXPECT_EQ(file->ReadAt(1000, out).value(), 0u);
}

TEST_P(FileSystemTest, CreateEmptiesWhatIsThere) {
  WriteFile("a", "a long text");
  WriteFile("a", "x");
  EXPECT_EQ(ReadFile("a"), "x");
}

TEST_P(FileSystemTest, AWriteBehindTheEndLeavesZeroesBetween) {
  auto file = Open("a", OpenMode::kCreate);
  ASSERT_TRUE(file->WriteAt(1000, BytesOf("end")).ok());
  uint8_t out[1003];
  ASSERT_EQ(file->ReadAt(0, out).value(), 1003u);
  EXPECT_EQ(std::count(out, out + 1000, 0), 1000);
}

TEST_P(FileSystemTest, CommitsWholeBlocksAndReadsThemDirectly) {
  AlignedBuffer zeroes(8 * kBlock), data(3 * kBlock), out(8 * kBlock);
  memset(zeroes.data(), 0, zeroes.size());
  Fill(&data, 1);
  ASSERT_TRUE(Open("a", OpenMode::kCreateDirect)->WriteAt(0, zeroes.span()).ok());
  auto file = Open("a", OpenMode::kCommit);
  ASSERT_TRUE(file->WriteAt(2 * kBlock, data.span()).ok());
  ASSERT_TRUE(file->SyncData().ok());
  ASSERT_EQ(Open("a", OpenMode::kReadDirect)->ReadAt(0, out.span()).value(), 8 * kBlock);
  EXPECT_EQ(memcmp(out.data() + 2 * kBlock, data.data(), data.size()), 0);
  EXPECT_EQ(memcmp(out.data(), zeroes.data(), 2 * kBlock), 0);
  EXPECT_EQ(memcmp(out.data() + 5 * kBlock, zeroes.data(), 3 * kBlock), 0);
}

TEST_P(FileSystemTest, CommitsSixteenMebibytesAtOnce) {
  AlignedBuffer data(limits::kRecordBytesMax), out(limits::kRecordBytesMax);
  Fill(&data, 3);
  (void)Open("a", OpenMode::kCreateDirect);
  ASSERT_TRUE(Open("a", OpenMode::kCommit)->WriteAt(0, data.span()).ok());
  ASSERT_EQ(Open("a", OpenMode::kReadDirect)->ReadAt(0, out.span()).value(), out.size());
  EXPECT_EQ(memcmp(out.data(), data.data(), data.size()), 0);
}

TEST_P(FileSystemTest, DirectAccessMustBeAligned) {
  AlignedBuffer buffer(2 * kBlock);
  Fill(&buffer, 0);
  auto file = Open("a", OpenMode::kCreateDirect);
  ASSERT_TRUE(file->WriteAt(0, buffer.span()).ok());
  auto refused = [](const Status& status) { return status.code() == Code::kInvalidArgument; };
  EXPECT_TRUE(refused(file->WriteAt(512, buffer.span())));
  EXPECT_TRUE(refused(file->WriteAt(0, buffer.span().first(100))));
  EXPECT_TRUE(refused(file->WriteAt(0, buffer.span().subspan(8, kBlock))));
  EXPECT_TRUE(refused(file->ReadAt(1, buffer.span()).status()));
  EXPECT_TRUE(refused(Open("a", OpenMode::kCommit)->WriteAt(512, buffer.span())));
}

TEST_P(FileSystemTest, AMissingFileIsNotFoundAndNamed) {
  for (OpenMode mode : {OpenMode::kRead, OpenMode::kReadDirect, OpenMode::kCommit}) {
    Status status = file_system_->Open(Path("none"), mode).status();
    EXPECT_EQ(status.code(), Code::kNotFound);
    EXPECT_NE(status.message().find("none"), std::string::npos) << status.message();
  }
  EXPECT_EQ(file_system_->Remove(Path("none")).code(), Code::kNotFound);
  EXPECT_EQ(file_system_->Rename(Path("none"), Path("b")).code(), Code::kNotFound);
}

TEST_P(FileSystemTest, AFileOpenedForReadingCannotBeWritten) {
  WriteFile("a", "hello");
  EXPECT_EQ(Open("a", OpenMode::kRead)->WriteAt(0, BytesOf("x")).code(), Code::kIo);
  EXPECT_EQ(ReadFile("a"), "hello");
}

TEST_P(FileSystemTest, RenameReplaces) {
  WriteFile("a", "new");
  WriteFile("b", "old");
  ASSERT_TRUE(file_system_->Rename(Path("a"), Path("b")).ok());
  ASSERT_TRUE(file_system_->SyncDirectory(directory_).ok());
  EXPECT_EQ(ReadFile("b"), "new");
  EXPECT_EQ(file_system_->List(directory_).value(), std::vector<std::string>{"b"});
}

TEST_P(FileSystemTest, ARemovedFileStaysReadableWhileOpen) {
  WriteFile("a", "hello");
  auto file = Open("a", OpenMode::kRead);
  ASSERT_TRUE(file_system_->Remove(Path("a")).ok());
  ASSERT_TRUE(file_system_->SyncDirectory(directory_).ok());
  uint8_t out[5];
  EXPECT_EQ(file->ReadAt(0, out).value(), 5u);
}

TEST_P(FileSystemTest, ListsNamesInOrder) {
  WriteFile("b", "");
  WriteFile("a", "");
  ASSERT_TRUE(file_system_->MakeDirectory(Path("c")).ok());
  EXPECT_EQ(file_system_->List(directory_).value(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(file_system_->List(Path("none")).status().code(), Code::kNotFound);
}

TEST_P(FileSystemTest, MakeDirectoryAcceptsAnExistingOneButNoFile) {
  EXPECT_TRUE(file_system_->MakeDirectory(directory_).ok());
  WriteFile("a", "");
  EXPECT_FALSE(file_system_->MakeDirectory(Path("a")).ok());
  EXPECT_EQ(file_system_->MakeDirectory(Path("x/y")).code(), Code::kNotFound);
}

TEST_P(FileSystemTest, ASecondLockIsRefusedAndNamesTheHolder) {
  auto first = file_system_->Lock(Path("lock"));
  ASSERT_TRUE(first.ok());
  Status second = file_system_->Lock(Path("lock")).status();
  EXPECT_EQ(second.code(), Code::kLocked);
  std::string holder = std::string(GetParam()) == "memory" ? "0" : std::to_string(getpid());
  EXPECT_NE(second.message().find("process " + holder), std::string::npos) << second.message();
  first.value().reset();
  EXPECT_TRUE(file_system_->Lock(Path("lock")).ok());
}

TEST_P(FileSystemTest, KnowsItsFreeBytes) {
  EXPECT_GT(file_system_->FreeBytes(directory_).value(), 0u);
}

INSTANTIATE_TEST_SUITE_P(AllBackends, FileSystemTest,
                         testing::Values("posix", "io_uring", "memory"),
                         [](const auto& info) { return std::string(info.param); });

TEST(FileSystemChoice, TheBestBackendSaysWhyItIsNotUring) {
  std::string reason;
  auto file_system = NewBestFileSystem(&reason);
  EXPECT_EQ(reason.empty(), file_system->backend_name() == "io_uring");
}

}  // namespace
}  // namespace cfsrepl
