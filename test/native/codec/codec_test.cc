#include "codec/codec.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <random>
#include <string>
#include <vector>

#include "base/limits.h"

namespace cfsrepl {
namespace {

std::vector<uint8_t> Repetitive(size_t size) {
  std::vector<uint8_t> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<uint8_t>(i % 61 + i / 1024);
  return bytes;
}

std::vector<uint8_t> Random(size_t size) {
  std::mt19937 random(1);
  std::vector<uint8_t> bytes(size);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random());
  return bytes;
}

// The suite runs against every codec.
class CodecTest : public testing::TestWithParam<Codec> {
 protected:
  std::vector<uint8_t> Compress(Bytes raw) {
    std::vector<uint8_t> out(raw.size() * 2 + 100);
    auto written = context_.Compress(GetParam(), 0, raw, out);
    EXPECT_TRUE(written.ok()) << written.status().message();
    EXPECT_GT(written.value(), 0u);
    out.resize(written.value());
    return out;
  }
  // Into exactly `raw_bytes` between guard bytes, which must stay as they are.
  Status Decompress(Bytes stored, size_t raw_bytes) {
    constexpr size_t kGuard = 64;
    std::vector<uint8_t> memory(raw_bytes + 2 * kGuard, 0xa5);
    Status status =
        context_.Decompress(GetParam(), stored, std::span(memory).subspan(kGuard, raw_bytes));
    for (size_t i = 0; i < kGuard; ++i) {
      EXPECT_EQ(memory[i], 0xa5);
      EXPECT_EQ(memory[kGuard + raw_bytes + i], 0xa5);
    }
    decompressed_.assign(memory.begin() + kGuard, memory.end() - kGuard);
    return status;
  }

  CodecContext context_;
  std::vector<uint8_t> decompressed_;
};

INSTANTIATE_TEST_SUITE_P(Every, CodecTest, testing::Values(Codec::None, Codec::Lz4, Codec::Zstd),
                         [](const auto& info) { return std::string(CodecName(info.param)); });

TEST_P(CodecTest, GivesBackWhatWentIn) {
  for (size_t size : {1, 64, 1000, 100'000}) {
    for (const auto& raw : {Repetitive(size), Random(size)}) {
      ASSERT_TRUE(Decompress(Compress(raw), raw.size()).ok());
      EXPECT_EQ(decompressed_, raw);
    }
  }
}

TEST_P(CodecTest, ReusesItsContextAfterAFailure) {
  std::vector<uint8_t> raw = Repetitive(5000);
  std::vector<uint8_t> stored = Compress(raw);
  EXPECT_FALSE(Decompress(Bytes(stored).first(stored.size() / 2), raw.size()).ok());
  EXPECT_TRUE(Decompress(stored, raw.size()).ok());
}

TEST_P(CodecTest, RefusesAnyOtherRawSize) {
  std::vector<uint8_t> raw = Repetitive(5000);
  std::vector<uint8_t> stored = Compress(raw);
  for (size_t size : {size_t{0}, size_t{1}, raw.size() - 1, raw.size() + 1, raw.size() * 2}) {
    EXPECT_EQ(Decompress(stored, size).code(), Code::kMalformed) << size;
  }
}

TEST_P(CodecTest, RefusesAStreamCutAnywhereOrContinued) {
  std::vector<uint8_t> raw = Repetitive(2000);
  std::vector<uint8_t> stored = Compress(raw);
  for (size_t size = 0; size < stored.size(); ++size) {
    ASSERT_EQ(Decompress(Bytes(stored).first(size), raw.size()).code(), Code::kMalformed) << size;
  }
  stored.push_back(0);
  EXPECT_EQ(Decompress(stored, raw.size()).code(), Code::kMalformed);
}

TEST_P(CodecTest, NeverWritesOutsideWhateverTheStreamSays) {
  std::vector<uint8_t> stored = Compress(Repetitive(2000));
  std::mt19937 random(2);
  for (int round = 0; round < 2000; ++round) {
    std::vector<uint8_t> broken = stored;
    for (int change = 0; change < 3; ++change) {
      broken[random() % broken.size()] = static_cast<uint8_t>(random());
    }
    (void)Decompress(broken, 2000);  // the guards are checked inside
  }
}

TEST_P(CodecTest, SaysZeroWhenTheResultDoesNotFit) {
  std::vector<uint8_t> raw = Random(4000);
  std::vector<uint8_t> out(raw.size() - 1);
  auto written = context_.Compress(GetParam(), 0, raw, out);
  ASSERT_TRUE(written.ok());
  EXPECT_EQ(written.value(), 0u);
}

TEST_P(CodecTest, RefusesMoreThanAFrameMayHave) {
  std::vector<uint8_t> raw(limits::kFrameRawBytesMax + 1);
  std::vector<uint8_t> out(100);
  EXPECT_EQ(context_.Compress(GetParam(), 0, raw, out).status().code(), Code::kTooLarge);
  EXPECT_EQ(context_.Decompress(GetParam(), out, raw).code(), Code::kTooLarge);
}

TEST(Codec, RefusesWhatItDoesNotKnow) {
  CodecContext context;
  std::vector<uint8_t> bytes(10);
  Codec unknown = static_cast<Codec>(3);
  EXPECT_EQ(context.Decompress(unknown, bytes, bytes).code(), Code::kUnsupported);
  EXPECT_EQ(context.Compress(unknown, 0, bytes, bytes).status().code(), Code::kInvalidArgument);
  EXPECT_EQ(CodecName(unknown), "unknown");
  for (int level : {-1, limits::kZstdLevelMax + 1}) {
    EXPECT_EQ(context.Compress(Codec::Zstd, level, bytes, bytes).status().code(),
              Code::kInvalidArgument);
  }
}

TEST(Codec, RefusesAZstdBombByWhatItsHeaderStates) {
  std::vector<uint8_t> zeroes(limits::kFrameRawBytesMax * 4);
  std::vector<uint8_t> bomb(ZSTD_compressBound(zeroes.size()));
  bomb.resize(ZSTD_compress(bomb.data(), bomb.size(), zeroes.data(), zeroes.size(), 1));
  ASSERT_LT(bomb.size(), 10'000u);
  CodecContext context;
  std::vector<uint8_t> out(1000);
  Status status = context.Decompress(Codec::Zstd, bomb, out);
  EXPECT_EQ(status.code(), Code::kMalformed);
  EXPECT_NE(status.message().find("16777216"), std::string::npos) << status.message();
}

TEST(Codec, RefusesAZstdFrameThatDoesNotStateItsSize) {
  std::vector<uint8_t> raw = Repetitive(1000);
  std::vector<uint8_t> stored(2000);
  ZSTD_CCtx* compressor = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(compressor, ZSTD_c_contentSizeFlag, 0);
  size_t size = ZSTD_compress2(compressor, stored.data(), stored.size(), raw.data(), raw.size());
  ZSTD_freeCCtx(compressor);
  stored.resize(size);
  CodecContext context;
  Status status = context.Decompress(Codec::Zstd, stored, raw);
  EXPECT_EQ(status.code(), Code::kMalformed);
  EXPECT_NE(status.message().find("no content size"), std::string::npos) << status.message();
}

}  // namespace
}  // namespace cfsrepl
