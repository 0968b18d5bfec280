// The newest records, in memory, for readers at the live end.
#ifndef CFS_REPL_WAL_TAIL_CACHE_H_
#define CFS_REPL_WAL_TAIL_CACHE_H_

#include <deque>
#include <memory>
#include <mutex>

#include "wal/record.h"

namespace cfsrepl {

// Any thread.
class TailCache {
 public:
  explicit TailCache(size_t bytes_max) : bytes_max_(bytes_max) {}

  // Positions must ascend. The oldest records go when there are more bytes than bytes_max.
  void Push(std::shared_ptr<const Record> record);

  // Null if the record at this very position is not held.
  std::shared_ptr<const Record> Find(Position position);

  struct Counts {
    uint64_t hits, misses, bytes;
  };
  Counts counts() const;

 private:
  const size_t bytes_max_;
  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<const Record>> records_;
  size_t bytes_ = 0;
  uint64_t hits_ = 0;
  uint64_t misses_ = 0;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_WAL_TAIL_CACHE_H_
