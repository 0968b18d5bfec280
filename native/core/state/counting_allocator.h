// An allocator that adds what it holds to a counter, for exact accounting of library containers.
#ifndef CFS_REPL_STATE_COUNTING_ALLOCATOR_H_
#define CFS_REPL_STATE_COUNTING_ALLOCATOR_H_

#include <cstddef>
#include <cstdint>
#include <memory>

namespace cfsrepl {

// The counter must outlive every container that uses it.
template <typename T>
class CountingAllocator {
 public:
  using value_type = T;

  explicit CountingAllocator(uint64_t* bytes) : bytes_(bytes) {}
  template <typename U>
  CountingAllocator(const CountingAllocator<U>& other)
      : bytes_(other.bytes()) {}  // NOLINT: rebinds

  T* allocate(size_t count) {
    *bytes_ += count * sizeof(T);
    return std::allocator<T>().allocate(count);
  }
  void deallocate(T* pointer, size_t count) {
    *bytes_ -= count * sizeof(T);
    std::allocator<T>().deallocate(pointer, count);
  }

  uint64_t* bytes() const { return bytes_; }
  template <typename U>
  bool operator==(const CountingAllocator<U>& other) const {
    return bytes_ == other.bytes();
  }

 private:
  uint64_t* bytes_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_COUNTING_ALLOCATOR_H_
