#include "io/aligned_buffer.h"

#include <algorithm>
#include <bit>
#include <new>

namespace cfsrepl {
namespace {

// Four classes to a doubling: little waste, and still few enough that returned buffers match.
size_t SizeClass(size_t bytes) {
  bytes = std::max<size_t>(RoundUpToBlock(bytes), limits::kBlockBytes);
  size_t step = std::max(std::bit_floor(bytes) / 4, limits::kBlockBytes);
  return (bytes + step - 1) / step * step;
}

}  // namespace

AlignedBuffer::AlignedBuffer(size_t bytes)
    : size_(std::max<size_t>(RoundUpToBlock(bytes), limits::kBlockBytes)) {
  data_ = static_cast<uint8_t*>(::operator new (size_, std::align_val_t{limits::kBlockBytes}));
}

AlignedBuffer::~AlignedBuffer() {
  ::operator delete (data_, std::align_val_t{limits::kBlockBytes});
}

std::shared_ptr<BufferPool> BufferPool::Create(size_t idle_bytes_max) {
  return std::shared_ptr<BufferPool>(new BufferPool(idle_bytes_max));
}

std::shared_ptr<AlignedBuffer> BufferPool::Take(size_t bytes) {
  const size_t size = SizeClass(bytes);
  std::unique_ptr<AlignedBuffer> buffer;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    auto match = std::find_if(idle_.rbegin(), idle_.rend(),
                              [&](const auto& idle) { return idle->size() == size; });
    if (match != idle_.rend()) {
      buffer = std::move(*match);
      idle_.erase(std::next(match).base());
      idle_bytes_ -= size;
    }
  }
  if (buffer == nullptr) buffer = std::make_unique<AlignedBuffer>(size);
  auto give_back = [pool = shared_from_this()](AlignedBuffer* returned) {
    pool->Return(std::unique_ptr<AlignedBuffer>(returned));
  };
  return std::shared_ptr<AlignedBuffer>(buffer.release(), std::move(give_back));
}

void BufferPool::Return(std::unique_ptr<AlignedBuffer> buffer) {
  std::lock_guard<std::mutex> lock(mutex_);
  idle_bytes_ += buffer->size();
  idle_.push_back(std::move(buffer));
  size_t drop = 0;  // the oldest go
  while (idle_bytes_ > idle_bytes_max_) idle_bytes_ -= idle_[drop++]->size();
  idle_.erase(idle_.begin(), idle_.begin() + drop);
}

}  // namespace cfsrepl
