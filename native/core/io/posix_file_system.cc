#include "io/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/limits.h"
#include "io/io_error.h"

namespace cfsrepl {
namespace {

constexpr mode_t kFileMode = 0640;
constexpr mode_t kDirectoryMode = 0750;

template <typename Call>
auto RetryInterrupted(Call call) {
  decltype(call()) result;
  do {
    result = call();
  } while (result < 0 && errno == EINTR);
  return result;
}

int FlagsOf(OpenMode mode) {
  switch (mode) {
    case OpenMode::kRead:
      return O_RDONLY;
    case OpenMode::kReadDirect:
      return O_RDONLY | O_DIRECT;
    case OpenMode::kCreate:
      return O_RDWR | O_CREAT | O_TRUNC;
    case OpenMode::kCreateDirect:
      return O_RDWR | O_CREAT | O_TRUNC | O_DIRECT;
    case OpenMode::kCommit:
      return O_RDWR | O_DIRECT;
  }
  return O_RDONLY;
}

class PosixFileLock : public FileLock {
 public:
  explicit PosixFileLock(int fd) : fd_(fd) {}
  ~PosixFileLock() override { close(fd_); }

 private:
  const int fd_;
};

// What the holder wrote, for the message only.
std::string HolderOf(int fd) {
  char text[32];
  ssize_t length = pread(fd, text, sizeof(text), 0);
  std::string holder(text, static_cast<size_t>(std::max<ssize_t>(length, 0)));
  holder.erase(
      std::find_if(holder.begin(), holder.end(), [](char c) { return c < '0' || c > '9'; }),
      holder.end());
  return holder.empty() ? "another process" : "process " + holder;
}

}  // namespace

bool IsDirect(OpenMode mode) { return (FlagsOf(mode) & O_DIRECT) != 0; }

PosixFile::~PosixFile() { close(fd_); }

bool PosixFile::LeaveDirect() {
  int flags = fcntl(fd_, F_GETFL);
  return flags >= 0 && (flags & O_DIRECT) != 0 && fcntl(fd_, F_SETFL, flags & ~O_DIRECT) == 0;
}

Status PosixFile::WriteAt(uint64_t offset, Bytes data) {
  if (direct_) CFS_RETURN_IF_ERROR(CheckAligned(path_, offset, data.data(), data.size()));
  size_t done = 0;
  while (done < data.size()) {
    ssize_t written = RetryInterrupted([&] {
      return pwrite(fd_, data.data() + done, data.size() - done, static_cast<off_t>(offset + done));
    });
    if (written < 0 && errno == EINVAL && direct_ && LeaveDirect())
      continue;  // nothing was written
    if (written < 0) return IoErrorAt("write", path_, offset, data.size(), errno);
    done += static_cast<size_t>(written);
    // A commit is one write: a device that takes part of one is not to be trusted with the rest.
    bool is_short = done < data.size() && (written == 0 || mode_ == OpenMode::kCommit);
    if (is_short) return ShortWrite(path_, offset, data.size(), done);
  }
  return Status::Ok();
}

Status PosixFile::SyncData() {
  if (fdatasync(fd_) != 0)
    return IoError("fdatasync", path_, errno);  // never retried, not for EINTR
  return Status::Ok();
}

Result<size_t> PosixFile::ReadAt(uint64_t offset, std::span<uint8_t> out) {
  if (direct_) CFS_RETURN_IF_ERROR(CheckAligned(path_, offset, out.data(), out.size()));
  size_t done = 0;
  while (done < out.size()) {
    ssize_t read = RetryInterrupted([&] {
      return pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    });
    if (read < 0 && errno == EINVAL && direct_ && LeaveDirect()) continue;
    if (read < 0) return IoErrorAt("read", path_, offset, out.size(), errno);
    done += static_cast<size_t>(read);
    bool at_end = read == 0 || (direct_ && done % limits::kBlockBytes != 0);
    if (at_end) break;
  }
  return done;
}

Result<uint64_t> PosixFile::SizeBytes() {
  struct stat info;
  if (fstat(fd_, &info) != 0) return IoError("fstat", path_, errno);
  return static_cast<uint64_t>(info.st_size);
}

Result<int> PosixFileSystem::OpenDescriptor(const std::string& path, OpenMode mode) {
  int flags = FlagsOf(mode) | O_CLOEXEC;
  int fd = RetryInterrupted([&] { return open(path.c_str(), flags, kFileMode); });
  if (fd < 0 && errno == EINVAL && IsDirect(mode)) {
    fd = RetryInterrupted([&] { return open(path.c_str(), flags & ~O_DIRECT, kFileMode); });
  }
  if (fd < 0) return IoError("open", path, errno);
  return fd;
}

Result<std::unique_ptr<File>> PosixFileSystem::Open(const std::string& path, OpenMode mode) {
  Result<int> fd = OpenDescriptor(path, mode);
  if (!fd.ok()) return fd.status();
  return std::unique_ptr<File>(new PosixFile(fd.value(), path, mode, IsDirect(mode)));
}

Status PosixFileSystem::Rename(const std::string& from, const std::string& to) {
  if (rename(from.c_str(), to.c_str()) != 0) return IoError("rename", from + " to " + to, errno);
  return Status::Ok();
}

Status PosixFileSystem::Remove(const std::string& path) {
  if (unlink(path.c_str()) != 0) return IoError("unlink", path, errno);
  return Status::Ok();
}

Status PosixFileSystem::SyncDirectory(const std::string& directory) {
  int fd =
      RetryInterrupted([&] { return open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (fd < 0) return IoError("open", directory, errno);
  int error_number = fsync(fd) == 0 ? 0 : errno;
  close(fd);
  return error_number == 0 ? Status::Ok() : IoError("fsync", directory, error_number);
}

Status PosixFileSystem::MakeDirectory(const std::string& directory) {
  if (mkdir(directory.c_str(), kDirectoryMode) == 0) return Status::Ok();
  int error_number = errno;
  struct stat info;
  bool is_there = error_number == EEXIST && stat(directory.c_str(), &info) == 0;
  if (is_there && S_ISDIR(info.st_mode)) return Status::Ok();
  return IoError("mkdir", directory, error_number);
}

Result<std::vector<std::string>> PosixFileSystem::List(const std::string& directory) {
  DIR* stream = opendir(directory.c_str());
  if (stream == nullptr) return IoError("opendir", directory, errno);
  std::vector<std::string> names;
  errno = 0;
  while (dirent* entry = readdir(stream)) {
    std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(std::move(name));
    errno = 0;
  }
  int error_number = errno;
  closedir(stream);
  if (error_number != 0) return IoError("readdir", directory, error_number);
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::unique_ptr<FileLock>> PosixFileSystem::Lock(const std::string& path) {
  int fd =
      RetryInterrupted([&] { return open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode); });
  if (fd < 0) return IoError("open", path, errno);
  auto lock = std::make_unique<PosixFileLock>(fd);
  if (RetryInterrupted([&] { return flock(fd, LOCK_EX | LOCK_NB); }) != 0) {
    if (errno != EWOULDBLOCK) return IoError("flock", path, errno);
    return Status(Code::kLocked, path + " is locked by " + HolderOf(fd) +
                                     "; one process at a time may use a data directory");
  }
  std::string holder = std::to_string(getpid()) + "\n";
  bool is_written = ftruncate(fd, 0) == 0 && pwrite(fd, holder.data(), holder.size(), 0) ==
                                                 static_cast<ssize_t>(holder.size());
  // The lock holds without its text; on a full disk the node must still start.
  if (!is_written && errno != ENOSPC && errno != EDQUOT) return IoError("write", path, errno);
  return std::unique_ptr<FileLock>(std::move(lock));
}

Result<uint64_t> PosixFileSystem::FreeBytes(const std::string& directory) {
  struct statvfs info;
  if (statvfs(directory.c_str(), &info) != 0) return IoError("statvfs", directory, errno);
  return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

std::unique_ptr<FileSystem> NewPosixFileSystem() { return std::make_unique<PosixFileSystem>(); }

}  // namespace cfsrepl
