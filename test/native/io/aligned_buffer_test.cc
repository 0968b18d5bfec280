#include "io/aligned_buffer.h"

#include <gtest/gtest.h>

namespace cfsrepl {
namespace {

TEST(AlignedBuffer, IsWholeAlignedBlocks) {
  for (size_t bytes : {size_t{0}, size_t{1}, limits::kBlockBytes, limits::kBlockBytes + 1}) {
    AlignedBuffer buffer(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % limits::kBlockBytes, 0u);
    EXPECT_EQ(buffer.size() % limits::kBlockBytes, 0u);
    EXPECT_GE(buffer.size(), std::max<size_t>(bytes, 1));
  }
}

TEST(BufferPool, GivesAReturnedBufferOutAgain) {
  auto pool = BufferPool::Create(1024 * 1024);
  auto buffer = pool->Take(10000);
  const uint8_t* memory = buffer->data();
  buffer.reset();
  EXPECT_EQ(pool->Take(9000)->data(), memory);
}

TEST(BufferPool, WastesAtMostAQuarter) {
  auto pool = BufferPool::Create(0);
  for (size_t bytes = limits::kBlockBytes; bytes < 4 * 1024 * 1024; bytes += 37 * 1024) {
    size_t size = pool->Take(bytes)->size();
    EXPECT_GE(size, bytes);
    EXPECT_LE(size, bytes + bytes / 4 + limits::kBlockBytes);
  }
}

TEST(BufferPool, ABufferMayOutliveIt) {
  auto pool = BufferPool::Create(1024 * 1024);
  auto buffer = pool->Take(4096);
  pool.reset();
  buffer->data()[0] = 1;
}

}  // namespace
}  // namespace cfsrepl
