// Named places around durable steps at which a test may kill the process (as etcd's gofail points).
//
// CFS_REPL_CRASH_AT="name" or "name:nth" in the environment at start makes the nth (default first)
// passage of that point kill the process with SIGKILL. Unset, a point costs one load and a branch.
#ifndef CFS_REPL_BASE_CRASH_POINT_H_
#define CFS_REPL_BASE_CRASH_POINT_H_

#include <atomic>
#include <cstddef>
#include <iterator>
#include <string_view>

namespace cfsrepl {

// All of them, in the order of a record's life. A new point goes here first.
inline constexpr std::string_view kCrashPoints[] = {
    "log.segment.created",        // a segment's file exists under its preparing name
    "log.segment.zeroed",         // its zeroes are durable
    "log.segment.renamed",        // it has its final name, not yet durable
    "log.segment.ready",          // the name is durable
    "log.append.before_write",    // a record is assembled
    "log.append.before_sync",     // written, not durable
    "log.append.after_sync",      // durable, not acknowledged
    "log.rotate.before_write",    // the same three for a record that opens a segment
    "log.rotate.before_sync",     // written with the segment's header, not durable
    "log.rotate.after_sync",      // durable, not acknowledged
    "log.cut.before_write",       // recovery is about to erase a torn tail
    "log.cut.before_sync",        // zeroes written, not durable
    "log.cut.after_sync",         // the tail is gone for good
    "log.collect.before_remove",  // a segment is about to be removed
    "log.collect.after_remove",   // removed, the removal not yet durable
    "log.collect.after_sync",     // the removal is durable
    "log.reserve.released",       // the reserve file is removed, to make room for a checkpoint
    "checkpoint.created",         // the new checkpoint's file exists under a temporary name
    "checkpoint.written",         // its contents are durable
    "checkpoint.renamed",         // it has its final name, not yet durable
    "checkpoint.published",       // the name is durable
    "takeover.written",           // a peer's checkpoint is whole, verified and durable
    "takeover.renamed",           // it has the name under which it is adopted, not yet durable
    "takeover.published",         // the name is durable
    "adoption.written",           // it is rewritten as our own, durable under a temporary name
    "adoption.renamed",           // it has its final name, not yet durable
    "adoption.published",         // the name is durable
    "adoption.superseded",        // the checkpoints before it are gone for good
    "adoption.removed",           // what was taken is removed, the removal not yet durable
};

consteval size_t CrashPointIndex(std::string_view name) {
  for (size_t i = 0; i < std::size(kCrashPoints); i++) {
    if (kCrashPoints[i] == name) return i;
  }
  return std::size(kCrashPoints);
}

// Set while something listens; read by every point.
extern std::atomic<bool> crash_points_armed;

// Counts the passage, and kills the process if this is the one asked for.
void PassCrashPoint(size_t index);

// For tests in one process: called at each passage, from the passing thread. Null stops it.
void SetCrashPointListener(void (*listener)(std::string_view name));

}  // namespace cfsrepl

#define CFS_CRASH_POINT(name)                                                              \
  do {                                                                                     \
    constexpr size_t cfs_crash_point_ = ::cfsrepl::CrashPointIndex(name);                  \
    static_assert(cfs_crash_point_ < std::size(::cfsrepl::kCrashPoints), "list it first"); \
    if (::cfsrepl::crash_points_armed.load(std::memory_order_relaxed)) [[unlikely]]        \
      ::cfsrepl::PassCrashPoint(cfs_crash_point_);                                         \
  } while (false)

#endif  // CFS_REPL_BASE_CRASH_POINT_H_
