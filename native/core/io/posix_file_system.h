// The posix backend, and what the io_uring backend builds on. Others use io/file_system.h.
#ifndef CFS_REPL_IO_POSIX_FILE_SYSTEM_H_
#define CFS_REPL_IO_POSIX_FILE_SYSTEM_H_

#include <string>

#include "io/file_system.h"

namespace cfsrepl {

class PosixFile : public File {
 public:
  // Takes the descriptor. `direct` is what was asked for, not what the file system granted.
  PosixFile(int fd, std::string path, OpenMode mode, bool direct)
      : fd_(fd), path_(std::move(path)), mode_(mode), direct_(direct) {}
  ~PosixFile() override;

  Status WriteAt(uint64_t offset, Bytes data) override;
  Status SyncData() override;
  Result<size_t> ReadAt(uint64_t offset, std::span<uint8_t> out) override;
  Result<uint64_t> SizeBytes() override;

 protected:
  // The file system took O_DIRECT at open and refuses it at the first access: go on buffered.
  bool LeaveDirect();

  const int fd_;
  const std::string path_;
  const OpenMode mode_;
  const bool direct_;
};

class PosixFileSystem : public FileSystem {
 public:
  Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Remove(const std::string& path) override;
  Status SyncDirectory(const std::string& directory) override;
  Status MakeDirectory(const std::string& directory) override;
  Result<std::vector<std::string>> List(const std::string& directory) override;
  Result<std::unique_ptr<FileLock>> Lock(const std::string& path) override;
  Result<uint64_t> FreeBytes(const std::string& directory) override;
  std::string_view backend_name() const override { return "posix"; }

 protected:
  // A descriptor for `path`, opened without O_DIRECT if the file system refuses it.
  static Result<int> OpenDescriptor(const std::string& path, OpenMode mode);
};

bool IsDirect(OpenMode mode);

}  // namespace cfsrepl

#endif  // CFS_REPL_IO_POSIX_FILE_SYSTEM_H_
