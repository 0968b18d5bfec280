// Bytes that grow without being zeroed first. std::vector would clear every byte that a
// decompressor or a memcpy is about to write; on the hot path that is a third of the work.
#ifndef CFS_REPL_BASE_BUFFER_H_
#define CFS_REPL_BASE_BUFFER_H_

#include <cstring>
#include <new>
#include <utility>

#include "base/types.h"

namespace cfsrepl {

// Owns its memory; movable, not copyable. data() is aligned to kAlignment. Capacity is kept until
// the Buffer dies, so one that is reused stops allocating. One thread at a time.
class Buffer {
 public:
  static constexpr size_t kAlignment = 64;

  Buffer() = default;
  ~Buffer() { Free(); }
  Buffer(Buffer&& other) noexcept { Swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    Swap(other);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  uint8_t* data() { return data_; }
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  Bytes bytes() const { return Bytes(data_, size_); }

  // Keeps the first min(old, new) bytes; bytes beyond the old size are uninitialised.
  void Resize(size_t size) {
    if (size > capacity_) Grow(size);
    size_ = size;
  }
  void Clear() { size_ = 0; }

  // Makes room for `count` more bytes, uninitialised, and returns where they start. Valid until the
  // Buffer grows again.
  uint8_t* Extend(size_t count) {
    size_t old_size = size_;
    Resize(old_size + count);
    return data_ + old_size;
  }
  void Append(Bytes bytes) {
    if (!bytes.empty()) std::memcpy(Extend(bytes.size()), bytes.data(), bytes.size());
  }

 private:
  void Swap(Buffer& other) {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }
  void Free() {
    if (data_ != nullptr) ::operator delete (data_, std::align_val_t{kAlignment});
  }
  void Grow(size_t needed) {
    size_t capacity = capacity_ * 2 > needed ? capacity_ * 2 : needed;
    auto* data = static_cast<uint8_t*>(::operator new (capacity, std::align_val_t{kAlignment}));
    if (size_ > 0) std::memcpy(data, data_, size_);
    Free();
    data_ = data;
    capacity_ = capacity;
  }

  uint8_t* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_BASE_BUFFER_H_
