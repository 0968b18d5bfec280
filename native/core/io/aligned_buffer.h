// Memory that O_DIRECT accepts: aligned to, and a multiple of, limits::kBlockBytes.
#ifndef CFS_REPL_IO_ALIGNED_BUFFER_H_
#define CFS_REPL_IO_ALIGNED_BUFFER_H_

#include <memory>
#include <mutex>
#include <vector>

#include "base/limits.h"
#include "base/types.h"

namespace cfsrepl {

inline constexpr uint64_t RoundUpToBlock(uint64_t bytes) {
  return (bytes + limits::kBlockBytes - 1) / limits::kBlockBytes * limits::kBlockBytes;
}

class AlignedBuffer {
 public:
  // Rounds `bytes` up to a whole block. The contents are not set.
  explicit AlignedBuffer(size_t bytes);
  ~AlignedBuffer();
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;

  uint8_t* data() { return data_; }
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  std::span<uint8_t> span() { return {data_, size_}; }

 private:
  uint8_t* data_;
  size_t size_;
};

// Hands out buffers and takes them back when the last reference goes, so that the memory the log
// writes from is warm. Any thread.
class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  // Keeps at most `idle_bytes_max` of returned buffers; what is handed out is the caller's to
  // bound.
  static std::shared_ptr<BufferPool> Create(size_t idle_bytes_max);

  // At least `bytes` long, contents not set. May outlive every other reference to the pool.
  std::shared_ptr<AlignedBuffer> Take(size_t bytes);

 private:
  explicit BufferPool(size_t idle_bytes_max) : idle_bytes_max_(idle_bytes_max) {}
  void Return(std::unique_ptr<AlignedBuffer> buffer);

  const size_t idle_bytes_max_;
  std::mutex mutex_;
  size_t idle_bytes_ = 0;
  std::vector<std::unique_ptr<AlignedBuffer>> idle_;  // few: the newest match is taken
};

}  // namespace cfsrepl

#endif  // CFS_REPL_IO_ALIGNED_BUFFER_H_
