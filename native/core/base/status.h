// Status: how every fallible call of the core answers. No exceptions cross a stage.
//
// A code is stable: it is what operators grep for and what bindings/errors.ts turns into a class.
// The message says what was wrong, where, and what was expected.
#ifndef CFS_REPL_BASE_STATUS_H_
#define CFS_REPL_BASE_STATUS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace cfsrepl {

enum class Code : uint8_t {
  kOk = 0,
  kInvalidArgument,  // the caller's input breaks a documented rule
  kNotFound,         // the path, inode, LSN or file does not exist
  kExists,           // the name or inode is already there
  kNotDirectory,     // a path component is not a directory
  kIsDirectory,      // the operation needs something that is not a directory
  kNotEmpty,         // rmdir of a directory with names in it
  kSequenceGap,      // a source skipped a number
  kLsnGap,           // a frame starts past what this node holds
  kStaleEpoch,       // a frame or an append carries an epoch that has been fenced off
  kWrongCluster,     // a frame of another cluster
  kMalformed,        // untrusted bytes do not follow the format
  kChecksum,         // bytes follow the format but their checksum does not match
  kUnsupported,      // a version, codec or schema this build does not know
  kTooLarge,         // over a limit of base/limits.h
  kQueueFull,        // a bounded queue has no room now; the same call may succeed later
  kDiskFull,         // appends wait for space; cursors and checkpoints go on
  kIo,               // the operating system refused; the log has stopped
  kCorrupt,          // the journal or a checkpoint is damaged and must be repaired
  kLocked,           // another process has the data directory open
  kStopped,          // the log or engine was stopped by an earlier error
  kClosed,           // the handle was closed
  kTruncated,        // the LSN asked for has been collected
  kCatchingUp,       // this site must first get what it lacks (decided above the core)
  kEvicted,          // a session whose peer writes a journal that was closed
};

// The stable name, such as "CFS_CHECKSUM".
std::string_view CodeName(Code code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status Ok() { return Status(); }

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

// A value, or the Status that says why there is none.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}          // NOLINT: implicit by design
  Result(Status status) : status_(std::move(status)) {}  // NOLINT: implicit by design

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }
  T& value() & { return *value_; }
  const T& value() const& { return *value_; }
  T&& value() && { return *std::move(value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

 private:
  std::optional<T> value_;
  Status status_;
};

}  // namespace cfsrepl

#define CFS_RETURN_IF_ERROR(expression)                                         \
  do {                                                                          \
    if (auto cfs_status_ = (expression); !cfs_status_.ok()) return cfs_status_; \
  } while (false)

#endif  // CFS_REPL_BASE_STATUS_H_
