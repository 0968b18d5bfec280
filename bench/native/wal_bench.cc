#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "io/file_system.h"
#include "measure.h"
#include "wal/log.h"

namespace cfsrepl::bench {

namespace {

// What an ideal log would do and nothing else: O_DIRECT writes into zeroed space, one fdatasync
// each.
class BareFile {
 public:
  BareFile(const std::string& path, size_t size_bytes) : size_bytes_(size_bytes) {
    fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_DIRECT, 0600);
    if (fd_ < 0) fd_ = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);  // tmpfs
    if (fd_ < 0) Fail("open");
    buffer_ = static_cast<uint8_t*>(std::aligned_alloc(4096, kPiece));
    std::fill_n(buffer_, kPiece, 0);
    for (size_t at = 0; at < size_bytes; at += kPiece) Write(at, kPiece);
    Sync();
    for (size_t i = 0; i < kPiece; i++) buffer_[i] = static_cast<uint8_t>(i * 31 + i / 4096);
  }
  ~BareFile() {
    close(fd_);
    std::free(buffer_);
  }

  double WriteAndSyncUs(size_t bytes) {
    if (at_ + bytes > size_bytes_) at_ = 0;
    const double start = NowSeconds();
    Write(at_, bytes);
    Sync();
    at_ += bytes;
    return (NowSeconds() - start) * 1e6;
  }

 private:
  static constexpr size_t kPiece = 4 << 20;

  void Write(size_t at, size_t bytes) {
    if (pwrite(fd_, buffer_, bytes, static_cast<off_t>(at)) != static_cast<ssize_t>(bytes))
      Fail("write");
  }
  void Sync() {
    if (fdatasync(fd_) != 0) Fail("fdatasync");
  }
  [[noreturn]] static void Fail(const char* what) {
    std::perror(what);
    std::exit(1);
  }

  const size_t size_bytes_;
  int fd_ = -1;
  uint8_t* buffer_ = nullptr;
  size_t at_ = 0;
};

constexpr size_t kBareBytes = 256 << 20;

}  // namespace

void BareWrites(const std::string& directory, size_t bytes, int count) {
  BareFile file(directory + "/bare.dat", kBareBytes);
  for (int i = 0; i < count; i++) std::printf("%.2f\n", file.WriteAndSyncUs(bytes));
}

void BenchWal(const std::string& directory) {
  std::string reason;
  auto fs = NewBestFileSystem(&reason);
  BareFile bare(directory + "/bare.dat", kBareBytes);
  for (const size_t bytes : {size_t{4096}, size_t{64} << 10, size_t{512} << 10, size_t{1} << 20}) {
    LogOptions options;
    options.directory = directory + "/log-" + std::to_string(bytes);
    options.volume = {1, 2};
    auto log = Log::Open(
        options, fs.get(), {}, [](const RecordView&) { return Status::Ok(); }, nullptr);
    if (!log.ok()) {
      std::fprintf(stderr, "%s\n", log.status().message().c_str());
      std::exit(1);
    }
    std::vector<uint8_t> body(bytes - 128);
    for (size_t i = 0; i < body.size(); i++) body[i] = static_cast<uint8_t>(i * 31);
    const int count = bytes <= 4096 ? 500 : 100;
    const Item item{1, body};
    auto ours = [&] {
      const double start = NowSeconds();
      for (int i = 0; i < count; i++) {
        if (!log.value()->Append({&item, 1}).ok()) std::exit(1);
      }
      return static_cast<double>(count * bytes) / (NowSeconds() - start) / 1e6;
    };
    auto reference = [&] {
      double us = 0;
      for (int i = 0; i < count; i++) us += bare.WriteAndSyncUs(bytes);
      return static_cast<double>(count * bytes) / us;
    };
    const Pair pair = Compare(7, ours, reference);
    Print("wal", pair, "MB/s",
          "{\"group_bytes\":" + std::to_string(bytes) + ",\"backend\":\"" +
              std::string(fs->backend_name()) + "\"}",
          "one O_DIRECT write and fdatasync of the same size");
    log = Status(Code::kClosed, "");
    std::filesystem::remove_all(options.directory);
  }
}

}  // namespace cfsrepl::bench
