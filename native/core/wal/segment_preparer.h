// Keeps zeroed segments, and the reserve file, ready ahead of need.
#ifndef CFS_REPL_WAL_SEGMENT_PREPARER_H_
#define CFS_REPL_WAL_SEGMENT_PREPARER_H_

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "wal/log.h"

namespace cfsrepl {

inline constexpr size_t kReadySegmentsMin = 2;

struct ReadySegment {
  uint64_t number = 0;
  std::unique_ptr<File> file;  // open for commits, options.segment_bytes of durable zeroes
};

class SegmentPreparer {
 public:
  // `ready` are those found at start, in order; the next one to be made is `next_number`.
  // Starts the thread, unless options.prepare_inline.
  SegmentPreparer(const LogOptions& options, FileSystem* file_system,
                  std::deque<ReadySegment> ready, uint64_t next_number);
  ~SegmentPreparer();

  // The calls below may come from any thread.

  // Waits until at least `count` segments (at most kReadySegmentsMin) are ready, or until it is
  // clear that there is no room (kDiskFull) or that the disk fails (kIo, from then on always).
  // *waited is set if it took a wait.
  Status WaitReady(size_t count, bool* waited);

  // The lowest ready segment. Only after WaitReady(1) succeeded, by the one thread that takes.
  ReadySegment Take();

  // Space may have come back: try at once instead of at the next interval.
  void Nudge();

  Status ReleaseReserve();

  size_t ready_count() const;
  bool disk_full() const;

 private:
  enum class Need { kNothing, kSegment, kReserve };

  void Run();
  void Step(std::unique_lock<std::mutex>* lock);
  Need NextNeed() const;
  Status CheckRoom(bool has_reserve) const;
  Status WriteFile(const std::string& preparing_path, const std::string& path, uint64_t bytes);
  Status WriteZeroes(const std::string& path, uint64_t bytes) const;
  bool FindReserve() const;

  const LogOptions options_;
  FileSystem* const file_system_;

  mutable std::mutex mutex_;
  std::condition_variable work_;      // to the thread: a segment was taken, space may be back, stop
  std::condition_variable progress_;  // from the thread: an attempt has ended
  std::deque<ReadySegment> ready_;
  uint64_t next_number_;
  bool has_reserve_;
  bool disk_full_ = false;
  std::atomic<bool> stopping_{false};
  Status failure_;  // of the disk; final
  std::thread thread_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_WAL_SEGMENT_PREPARER_H_
