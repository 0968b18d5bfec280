// Records in chunks: a slot number for each, addresses that never move, growth without copying.
#ifndef CFS_REPL_STATE_SLAB_H_
#define CFS_REPL_STATE_SLAB_H_

#include <cstdint>
#include <cstdlib>
#include <type_traits>
#include <vector>

#include "base/limits.h"
#include "state/huge_pages.h"

namespace cfsrepl {

// Slots count from 1; 0 is "none". A freed slot is zeroed and given out again. One thread at a
// time. kChunkShift: 2 to this power records are in a chunk.
template <typename T, int kChunkShift = 15>
class Slab {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Slab() = default;
  ~Slab() {
    for (T* chunk : chunks_) munmap(chunk, kChunkBytes);
  }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  // A zeroed record. Out of memory, or of numbers (a terabyte of memory), ends the process.
  uint32_t Allocate() {
    if (!free_.empty()) {
      const uint32_t slot = free_.back();
      free_.pop_back();
      return slot;
    }
    if (end_ == UINT32_MAX) std::abort();
    if ((end_ >> kChunkShift) == chunks_.size()) AddChunk();
    return end_++;
  }

  void Free(uint32_t slot) {
    (*this)[slot] = T{};
    free_.push_back(slot);
  }

  T& operator[](uint32_t slot) { return chunks_[slot >> kChunkShift][slot & kChunkMask]; }
  const T& operator[](uint32_t slot) const {
    return chunks_[slot >> kChunkShift][slot & kChunkMask];
  }

  uint32_t end() const { return end_; }  // every slot from 1 below this is in use or free
  uint64_t size() const { return end_ - 1 - free_.size(); }  // records

  // Memory touched: the first chunk fills page by page, later ones in huge pages.
  uint64_t memory_bytes() const {
    uint64_t unit = chunks_.size() > 1 ? kHugePageBytes : limits::kBlockBytes;
    uint64_t used = uint64_t{end_} * sizeof(T);
    return (used + unit - 1) / unit * unit + chunks_.capacity() * sizeof(T*) +
           free_.capacity() * sizeof(uint32_t);
  }

 private:
  // 32,768 records are, for the sizes used here, a whole number of huge pages, which spare the
  // random access of a merge over millions of inodes most of its address translation.
  static constexpr uint32_t kChunkMask = (1u << kChunkShift) - 1;
  static constexpr size_t kChunkBytes = sizeof(T) << kChunkShift;
  static_assert(kChunkBytes % 4096 == 0);

  // The first chunk stays in small pages, so that a small state stays small.
  void AddChunk() {
    chunks_.push_back(static_cast<T*>(MapHugePages(kChunkBytes, !chunks_.empty())));
  }

  std::vector<T*> chunks_;
  std::vector<uint32_t> free_;
  uint32_t end_ = 1;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_SLAB_H_
