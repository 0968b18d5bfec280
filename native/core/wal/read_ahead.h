// Reads a file from front to back in large steps, the next step on its way while the last is looked
// at.
#ifndef CFS_REPL_WAL_READ_AHEAD_H_
#define CFS_REPL_WAL_READ_AHEAD_H_

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "io/aligned_buffer.h"
#include "io/file_system.h"

namespace cfsrepl {

// Two buffers to read through, shared by the files of one recovery so that their memory stays warm.
// A step lies behind room for what of the step before it has not been consumed, so that a record
// across the border is still one piece.
struct ReadAheadBuffers {
  static constexpr size_t kStepBytes = 2 * 1024 * 1024;

  // For files of at most this size.
  explicit ReadAheadBuffers(uint64_t file_bytes_max)
      : room_bytes(RoundUpToBlock(std::min<uint64_t>(limits::kRecordBytesMax, file_bytes_max))),
        slots{AlignedBuffer(room_bytes + std::min<uint64_t>(kStepBytes, file_bytes_max)),
              AlignedBuffer(room_bytes + std::min<uint64_t>(kStepBytes, file_bytes_max))} {}

  const size_t room_bytes;
  AlignedBuffer slots[2];
};

// One thread uses it. `file` and `buffers` must outlive it.
class ReadAhead {
 public:
  // Reads [begin, end) of the file; both are multiples of a block.
  ReadAhead(File* file, ReadAheadBuffers* buffers, uint64_t begin, uint64_t end);
  ~ReadAhead();

  // The bytes from `offset`, at least `bytes` (at most room_bytes) of them unless `end` is nearer,
  // and as many more as are at hand. Valid until the next call. Offsets, multiples of a block, may
  // not decrease. A file that is shorter than `end` reads as kIo.
  Result<Bytes> View(uint64_t offset, size_t bytes);

 private:
  void Run();
  Status NextStep(uint64_t keep_from);

  File* const file_;
  ReadAheadBuffers* const buffers_;
  const uint64_t end_;

  // What View shows: [window_begin_, window_end_) of the file, at window_.
  const uint8_t* window_ = nullptr;
  uint64_t window_begin_;
  uint64_t window_end_;
  uint64_t steps_taken_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t steps_read_ = 0;      // by the thread; step i is in slot i % 2
  uint64_t steps_released_ = 0;  // a slot is written again only when its last step is released
  Status failure_;
  bool stopping_ = false;
  const uint64_t begin_;
  std::thread thread_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_WAL_READ_AHEAD_H_
