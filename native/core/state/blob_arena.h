// Byte strings behind 32-bit references: long names, symlink targets, xattr keys and values.
#ifndef CFS_REPL_STATE_BLOB_ARENA_H_
#define CFS_REPL_STATE_BLOB_ARENA_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "base/limits.h"
#include "base/types.h"

namespace cfsrepl {

// Blocks of sixteen sizes, each size with its chunks and its free list. A reference is the size
// class in the top 4 bits and the block's number below; 0 is "none". One thread at a time.
class BlobArena {
 public:
  BlobArena();

  // Copies `bytes`, at most kBlobBytesMax of them.
  uint32_t Add(Bytes bytes);
  // Frees what `ref` holds (0: nothing).
  void Remove(uint32_t ref);
  // Valid until the blob is removed; empty for 0.
  Bytes Get(uint32_t ref) const;

  uint64_t memory_bytes() const { return memory_bytes_; }

  static constexpr size_t kBlobBytesMax = limits::kXattrValueBytesMax;

 private:
  static constexpr int kClassCount = 16;
  static constexpr int kClassShift = 28;
  struct SizeClass {
    uint32_t block_bytes = 0;
    uint32_t chunk_shift = 0;  // blocks in a chunk, as a power of two
    uint32_t end = 0;
    uint32_t free_head = 0;  // a block number + 1; 0 when none is free
    std::vector<std::unique_ptr<uint8_t[]>> chunks;
  };

  uint8_t* Block(const SizeClass& size_class, uint32_t number) const;

  SizeClass classes_[kClassCount];
  uint64_t memory_bytes_ = 0;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_BLOB_ARENA_H_
