#include "state/blob_arena.h"

#include <cstdlib>
#include <cstring>

namespace cfsrepl {
namespace {

constexpr uint32_t kLengthBytes = 4;  // each block starts with the length of what it holds
constexpr uint32_t kChunkBytesTarget = 128 * 1024;
constexpr uint32_t kBlockBytes[] = {32,  48,   64,   96,   128,  192,   256,   384,
                                    512, 1024, 2048, 4096, 8192, 16384, 32768, 65600};
static_assert(kBlockBytes[std::size(kBlockBytes) - 1] >= BlobArena::kBlobBytesMax + kLengthBytes);

}  // namespace

BlobArena::BlobArena() {
  static_assert(std::size(kBlockBytes) == kClassCount);
  for (int i = 0; i < kClassCount; i++) {
    SizeClass& size_class = classes_[i];
    size_class.block_bytes = kBlockBytes[i];
    while ((kBlockBytes[i] << (size_class.chunk_shift + 1)) <= kChunkBytesTarget) {
      size_class.chunk_shift++;
    }
  }
  classes_[0].end = 1;  // so that no reference is 0
}

uint8_t* BlobArena::Block(const SizeClass& size_class, uint32_t number) const {
  uint32_t in_chunk = number & ((1u << size_class.chunk_shift) - 1);
  return size_class.chunks[number >> size_class.chunk_shift].get() +
         size_t{in_chunk} * size_class.block_bytes;
}

uint32_t BlobArena::Add(Bytes bytes) {
  uint32_t class_index = 0;
  while (kBlockBytes[class_index] < bytes.size() + kLengthBytes) class_index++;
  SizeClass& size_class = classes_[class_index];

  uint32_t number;
  if (size_class.free_head != 0) {
    number = size_class.free_head - 1;
    std::memcpy(&size_class.free_head, Block(size_class, number), sizeof(uint32_t));
  } else {
    number = size_class.end++;
    if (number >> kClassShift != 0) std::abort();  // 2^28 blocks: as good as out of memory
    if (number >> size_class.chunk_shift == size_class.chunks.size()) {
      size_t chunk_bytes = size_t{size_class.block_bytes} << size_class.chunk_shift;
      size_class.chunks.emplace_back(new uint8_t[chunk_bytes]);
      memory_bytes_ += chunk_bytes;
    }
  }

  uint8_t* block = Block(size_class, number);
  auto length = static_cast<uint32_t>(bytes.size());
  std::memcpy(block, &length, kLengthBytes);
  if (length > 0) std::memcpy(block + kLengthBytes, bytes.data(), length);
  return (class_index << kClassShift) | number;
}

void BlobArena::Remove(uint32_t ref) {
  if (ref == 0) return;
  SizeClass& size_class = classes_[ref >> kClassShift];
  uint32_t number = ref & ((1u << kClassShift) - 1);
  std::memcpy(Block(size_class, number), &size_class.free_head, sizeof(uint32_t));
  size_class.free_head = number + 1;
}

Bytes BlobArena::Get(uint32_t ref) const {
  if (ref == 0) return {};
  const uint8_t* block = Block(classes_[ref >> kClassShift], ref & ((1u << kClassShift) - 1));
  uint32_t length;
  std::memcpy(&length, block, kLengthBytes);
  return Bytes(block + kLengthBytes, length);
}

}  // namespace cfsrepl
