// Records in chunks: a slot number for each, addresses that never move, growth without copying.
#ifndef CFS_REPL_STATE_SLAB_H_
#define CFS_REPL_STATE_SLAB_H_

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <type_traits>
#include <vector>

namespace cfsrepl {

// Slots count from 1; 0 is "none". Nothing is ever freed: a removed name or inode stays as a tombstone.
// One thread at a time.
template <typename T>
class Slab {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  Slab() = default;
  ~Slab() {
    for (T* chunk : chunks_) ::operator delete(chunk, std::align_val_t{kChunkAlignment});
  }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  // A zeroed record. Running out of numbers would take a terabyte of memory and is treated as that.
  uint32_t Allocate() {
    if (end_ == UINT32_MAX) std::abort();
    if ((end_ >> kChunkShift) == chunks_.size()) AddChunk();
    uint32_t slot = end_++;
    std::memset(static_cast<void*>(&(*this)[slot]), 0, sizeof(T));
    return slot;
  }

  T& operator[](uint32_t slot) { return chunks_[slot >> kChunkShift][slot & kChunkMask]; }
  const T& operator[](uint32_t slot) const {
    return chunks_[slot >> kChunkShift][slot & kChunkMask];
  }

  uint32_t end() const { return end_; }       // every slot from 1 below this is in use
  uint64_t size() const { return end_ - 1; }  // records

  // Memory touched: the first chunk fills page by page, later ones in huge pages.
  uint64_t memory_bytes() const {
    uint64_t unit = chunks_.size() > 1 ? kChunkAlignment : 4096;
    uint64_t used = uint64_t{end_} * sizeof(T);
    return (used + unit - 1) / unit * unit + chunks_.capacity() * sizeof(T*);
  }

 private:
  // 32,768 records: for the sizes used here a whole number of huge pages, which spare the random
  // access of a merge over millions of inodes most of its address translation.
  static constexpr int kChunkShift = 15;
  static constexpr uint32_t kChunkMask = (1u << kChunkShift) - 1;
  static constexpr size_t kChunkBytes = sizeof(T) << kChunkShift;
  static constexpr size_t kChunkAlignment = size_t{2} << 20;

  void AddChunk() {
    void* chunk = ::operator new(kChunkBytes, std::align_val_t{kChunkAlignment});
    // The first chunk stays in small pages, so that a small state stays small. Refusal does no harm.
    if (!chunks_.empty()) (void)madvise(chunk, kChunkBytes, MADV_HUGEPAGE);
    chunks_.push_back(static_cast<T*>(chunk));
  }

  std::vector<T*> chunks_;
  uint32_t end_ = 1;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_SLAB_H_
