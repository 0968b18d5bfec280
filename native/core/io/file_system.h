// The file seam: everything the core asks of a disk, small enough to be imitated with faults.
//
// Three backends: posix, io_uring, and MemoryDisk (io/memory_disk.h). One test suite runs over all.
//
// Paths are absolute or relative to the process, bytes as the kernel takes them. Errors: kNotFound,
// kDiskFull (ENOSPC, EDQUOT), kLocked, kInvalidArgument (a misaligned direct access), else kIo. The
// message names the call, the path, the offset and length where there is one, and the errno.
//
// Threads: a FileSystem may be used by any number of threads. So may a File, except that a kCommit
// file is written by one thread at a time.
#ifndef CFS_REPL_IO_FILE_SYSTEM_H_
#define CFS_REPL_IO_FILE_SYSTEM_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/types.h"

namespace cfsrepl {

// Direct modes go around the page cache where the file system allows it (tmpfs does not, and is
// then served buffered). In direct modes memory, offset and length must be multiples of
// limits::kBlockBytes on every backend, so that what works in a test works on a disk.
enum class OpenMode {
  kRead,          // existing file, buffered, read only
  kReadDirect,    // existing file, direct, read only
  kCreate,        // created, or emptied if present; buffered, read and write
  kCreateDirect,  // created, or emptied if present; direct, read and write
  kCommit,  // existing file, direct, read and write: the log's commits (io_uring serves these)
};

// An open file; destroying it closes it without syncing.
class File {
 public:
  virtual ~File() = default;

  // Writes all of `data` at `offset` or fails. After a failure any part of it may have been
  // written.
  virtual Status WriteAt(uint64_t offset, Bytes data) = 0;

  // Makes data written so far, and the size needed to read it, durable. A failure is final: the
  // kernel may have dropped the data, and a second call may then claim success. Never retry.
  virtual Status SyncData() = 0;

  // Reads up to out.size() bytes; fewer only at the end of the file, 0 past it.
  virtual Result<size_t> ReadAt(uint64_t offset, std::span<uint8_t> out) = 0;

  virtual Result<uint64_t> SizeBytes() = 0;
};

// Held until destroyed, or until the process dies.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual Result<std::unique_ptr<File>> Open(const std::string& path, OpenMode mode) = 0;

  // Atomic, replaces `to`. Durable, as creation and removal are, only after SyncDirectory of the
  // directory (both directories) concerned.
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  virtual Status Remove(const std::string& path) = 0;  // a file; kNotFound if there is none
  virtual Status SyncDirectory(const std::string& directory) = 0;

  // Ok if it is already there. The parent must exist.
  virtual Status MakeDirectory(const std::string& directory) = 0;

  // Names, without "." and "..", sorted bytewise.
  virtual Result<std::vector<std::string>> List(const std::string& directory) = 0;

  // Takes an exclusive lock on `path`, made if absent, and writes this process's id into it.
  // kLocked, naming the holder's process id, if any other opener holds it, this process included.
  virtual Result<std::unique_ptr<FileLock>> Lock(const std::string& path) = 0;

  // Bytes an unprivileged writer may still allocate in `directory`.
  virtual Result<uint64_t> FreeBytes(const std::string& directory) = 0;

  // "posix", "io_uring" or "memory": what `status` and the log show.
  virtual std::string_view backend_name() const = 0;
};

// pread, pwrite, fdatasync.
std::unique_ptr<FileSystem> NewPosixFileSystem();

// Commits through one io_uring; all else as posix. kUnsupported, saying why, where it is denied.
Result<std::unique_ptr<FileSystem>> NewUringFileSystem();

// The backend a node starts with: io_uring if a probe of it succeeds, else posix, and then *reason
// says why (it is empty otherwise).
std::unique_ptr<FileSystem> NewBestFileSystem(std::string* reason);

}  // namespace cfsrepl

#endif  // CFS_REPL_IO_FILE_SYSTEM_H_
