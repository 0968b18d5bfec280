// Opening frames: what is accepted, and that every cut, flip and lie in header and lengths is
// refused.
#include "frame/frame.h"

#include <gtest/gtest.h>
#include <zstd.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "frame/frame_support.h"
#include "frame/frame_writer.h"

namespace cfsrepl {
namespace {

using test::ToVector;
using test::WithRightCrcs;

std::vector<uint8_t> SmallFrame() {
  return ToVector(
      test::WriteFrame({test::Create(5, 100, kRootInode, "a"), test::Setattr(6, 100, kFieldMode),
                        test::Setxattr(7, 100, "user.k", "value")})
          .bytes());
}

std::vector<uint8_t> SealedFrame(Codec codec) {
  std::vector<test::TestEntry> entries;
  for (Lsn lsn = 1; lsn <= 40; ++lsn) entries.push_back(test::Setattr(lsn, 100 + lsn, 63));
  Buffer raw = test::WriteFrame(entries);
  FrameScratch scratch;
  FrameView view = OpenFrame(raw.bytes(), &scratch).value();
  std::vector<EntryView> views = test::Views(entries);
  std::vector<uint32_t> kept(views.size());
  for (uint32_t i = 0; i < kept.size(); ++i) kept[i] = i;
  Buffer out;
  auto sealed = FrameSealer().Seal(std::span(&view, 1), views, kept, {codec, 0}, &out);
  EXPECT_TRUE(sealed.ok());
  EXPECT_EQ(sealed->codec, codec);
  return ToVector(out.bytes());
}

template <typename T>
std::vector<uint8_t> WithField(std::vector<uint8_t> frame, size_t at, T value) {
  std::memcpy(frame.data() + at, &value, sizeof(value));
  return frame;
}

Status OpenStatus(Bytes frame, Verify verify = Verify::kAll) {
  FrameScratch scratch;
  return OpenFrame(frame, &scratch, verify).status();
}

void ExpectStatus(const Status& status, Code code, const std::string& part) {
  EXPECT_EQ(CodeName(status.code()), CodeName(code)) << status.message();
  EXPECT_NE(status.message().find(part), std::string::npos) << status.message();
}

TEST(Frame, GivesInfoEntriesAndLists) {
  std::vector<uint8_t> bytes = SmallFrame();
  FrameScratch scratch;
  auto opened = OpenFrame(bytes, &scratch);
  ASSERT_TRUE(opened.ok()) << opened.status().message();
  const FrameView& view = opened.value();
  EXPECT_EQ(view.info.cluster, test::kCluster);
  EXPECT_EQ(view.info.origin, test::kOrigin);
  EXPECT_EQ(view.info.first_lsn, 5u);
  EXPECT_EQ(view.info.last_lsn, 7u);
  EXPECT_EQ(view.info.hlc_max, 7u << 12);
  EXPECT_EQ(view.codec, Codec::None);
  EXPECT_EQ(view.unsupported_count, 0u);
  EXPECT_EQ(view.body.size(), view.raw_bytes);
  ASSERT_EQ(view.entries.size(), 3u);
  auto parts = DecodePayload(view.entries[2], view.entry(2).payload);
  ASSERT_TRUE(parts.ok());
  EXPECT_EQ(QuoteBytes(parts->value), "\"value\"");
  ASSERT_EQ(view.sections.size(), 1u);
  EXPECT_EQ(view.sections[0].from_lsn, 5u);
  EXPECT_TRUE(view.sections[0].ToVersionVector().lsns().empty());
  ASSERT_EQ(view.shards.size(), 1u);
  EXPECT_EQ(view.shards[0].shard(), 3);
}

TEST(Frame, OpensCompressedFrames) {
  for (Codec codec : {Codec::None, Codec::Lz4, Codec::Zstd}) {
    std::vector<uint8_t> bytes = SealedFrame(codec);
    FrameScratch scratch;
    auto opened = OpenFrame(bytes, &scratch);
    ASSERT_TRUE(opened.ok()) << CodecName(codec) << ": " << opened.status().message();
    EXPECT_EQ(opened->codec, codec);
    EXPECT_EQ(opened->entries.size(), 40u);
    EXPECT_EQ(opened->entries[39].lsn(), 40u);
  }
}

TEST(Frame, OpensAtAnyAddress) {
  std::vector<uint8_t> bytes = SmallFrame();
  for (size_t shift = 0; shift < 8; ++shift) {
    std::vector<uint8_t> moved(shift);
    moved.insert(moved.end(), bytes.begin(), bytes.end());
    EXPECT_TRUE(OpenStatus(Bytes(moved).subspan(shift)).ok()) << shift;
  }
}

TEST(Frame, ScratchServesOneFrameAfterAnother) {
  FrameScratch scratch;
  for (Codec codec : {Codec::Lz4, Codec::None, Codec::Zstd, Codec::Lz4}) {
    std::vector<uint8_t> bytes = SealedFrame(codec);
    auto opened = OpenFrame(bytes, &scratch);
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(opened->sections.size(), 1u);
  }
}

TEST(Frame, CutAnywhereOrContinuedIsRefused) {
  for (Codec codec : {Codec::None, Codec::Lz4, Codec::Zstd}) {
    std::vector<uint8_t> bytes = SealedFrame(codec);
    for (size_t size = 0; size < bytes.size(); ++size) {
      ASSERT_EQ(OpenStatus(Bytes(bytes).first(size)).code(), Code::kMalformed) << size;
    }
    printf("[   COUNT  ] %zu lengths of a frame cut short (%s), all refused\n", bytes.size(),
           std::string(CodecName(codec)).c_str());
    bytes.push_back(0);
    ExpectStatus(OpenStatus(bytes), Code::kMalformed, "length");
  }
}

TEST(Frame, AFlippedBitAnywhereIsRefused) {
  for (Codec codec : {Codec::None, Codec::Lz4, Codec::Zstd}) {
    std::vector<uint8_t> bytes = SealedFrame(codec);
    for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
      bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
      ASSERT_FALSE(OpenStatus(bytes).ok()) << CodecName(codec) << " bit " << bit;
      bytes[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    }
    printf("[   COUNT  ] %zu flipped bits of a frame (%s), all refused\n", 8 * bytes.size(),
           std::string(CodecName(codec)).c_str());
  }
}

// Behind right CRCs of the frame each entry has its own, over its header and payload.
TEST(Frame, AChangedByteAnywhereInAnEntryIsRefusedThoughTheFramesCrcsAreRight) {
  const std::vector<uint8_t> bytes = SmallFrame();
  FrameScratch scratch;
  const FrameView view = OpenFrame(bytes, &scratch).value();
  auto offset_of = [&](const void* part) {
    return limits::kFrameHeaderBytes +
           static_cast<size_t>(static_cast<const uint8_t*>(part) - view.body.data());
  };
  size_t changed = 0;
  auto change = [&](size_t from, size_t count) {
    for (size_t at = from; at < from + count; ++at, ++changed) {
      for (uint8_t bits : {0x01, 0x80, 0xff}) {
        const uint8_t byte = bytes[at] ^ bits;
        ASSERT_FALSE(OpenStatus(WithRightCrcs(WithField(bytes, at, byte))).ok()) << "byte " << at;
      }
    }
  };
  change(offset_of(view.entries.data()), view.entries.size_bytes());
  change(offset_of(view.payload.data()), view.payload.size());
  printf("[   COUNT  ] %zu bytes of entries changed behind right CRCs of the frame\n", changed);
}

TEST(Frame, EveryHeaderFieldIsChecked) {
  const std::vector<uint8_t> raw = SmallFrame();
  const std::vector<uint8_t> zstd = SealedFrame(Codec::Zstd);
  uint32_t raw_bytes = static_cast<uint32_t>(raw.size() - limits::kFrameHeaderBytes);
  size_t checked = 0;
  auto check = [&](const std::vector<uint8_t>& frame, Code code, const std::string& part) {
    ++checked;
    std::vector<uint8_t> right = WithRightCrcs(frame);
    ExpectStatus(OpenStatus(right), code, part);
    ExpectStatus(PeekFrameHeader(right).status(), code, part);
  };
  check(WithField<uint32_t>(raw, 0, 1), Code::kMalformed, "magic is 1");
  check(WithField<uint16_t>(raw, 4, 2), Code::kUnsupported, "version is 2");
  check(WithField<uint16_t>(raw, 4, 0), Code::kMalformed, "version is 0");
  check(WithField<uint16_t>(raw, 6, 64), Code::kMalformed, "header_bytes is 64");
  check(WithField<uint16_t>(raw, 6, 0xffff), Code::kMalformed, "header_bytes is 65535");
  check(WithField<uint16_t>(raw, 32, 0), Code::kMalformed, "site is 0");
  check(WithField<uint8_t>(raw, 34, 3), Code::kUnsupported, "codec is 3");
  check(WithField<uint8_t>(raw, 35, 1), Code::kMalformed, "flags is 1");
  check(WithField<uint32_t>(raw, 36, 4), Code::kMalformed, "entry_count is 4");
  check(WithField<uint32_t>(raw, 36, ~0u), Code::kTooLarge, "entry_count is 4294967295");
  check(WithField<uint64_t>(raw, 48, 0), Code::kMalformed, "first_lsn is 0");
  check(WithField<uint64_t>(raw, 48, 8), Code::kMalformed, "first_lsn is 8");
  check(WithField<uint64_t>(raw, 56, kLsnMax + 1), Code::kMalformed, "last_lsn is");
  check(WithField<uint32_t>(raw, 72, 0), Code::kMalformed, "stored_bytes is");
  check(WithField<uint32_t>(raw, 72, raw_bytes - 1), Code::kMalformed, "stored_bytes is");
  check(WithField<uint32_t>(raw, 72, ~0u), Code::kTooLarge, "raw_bytes is 4294967295");
  check(WithField<uint32_t>(raw, 76, 0), Code::kMalformed, "stored_bytes is 0");
  check(WithField<uint32_t>(raw, 76, ~0u), Code::kMalformed, "stored_bytes is 4294967295");
  check(WithField<uint32_t>(zstd, 76, ~0u), Code::kMalformed, "stored_bytes is 4294967295");
  check(WithField<uint64_t>(raw, 104, 1), Code::kMalformed, "reserved is 1");
  check(WithField<uint64_t>(raw, 112, 1), Code::kMalformed, "reserved is 1");
  printf("[   COUNT  ] %zu wrong fields of a frame's header, each named\n", checked);
}

TEST(Frame, ARawSizeThatLiesIsRefusedByTheDecompressor) {
  for (Codec codec : {Codec::Lz4, Codec::Zstd}) {
    std::vector<uint8_t> bytes = SealedFrame(codec);
    uint32_t right = PeekFrameHeader(bytes)->raw_bytes;
    for (uint32_t wrong : {right - 1, right + 1, uint32_t{limits::kFrameRawBytesMax}}) {
      std::vector<uint8_t> lie = WithRightCrcs(WithField(bytes, 72, wrong));
      ExpectStatus(OpenStatus(lie), Code::kMalformed, std::to_string(wrong));
    }
  }
}

// 16 MiB of zeroes in some hundred bytes, behind right CRCs, whatever size its header states.
TEST(Frame, ADecompressionBombIsRefusedWithoutRoomForIt) {
  const std::vector<uint8_t> zeroes(4 * limits::kFrameRawBytesMax);
  std::vector<uint8_t> bomb(ZSTD_compressBound(zeroes.size()));
  bomb.resize(ZSTD_compress(bomb.data(), bomb.size(), zeroes.data(), zeroes.size(), 1));
  std::vector<uint8_t> header = SealedFrame(Codec::Zstd);
  header.resize(limits::kFrameHeaderBytes);
  header = WithField(header, 76, static_cast<uint32_t>(bomb.size()));
  const uint32_t least = static_cast<uint32_t>(bomb.size() + 40 * sizeof(EntryHeader));
  const uint32_t most = limits::kFrameRawBytesMax;
  for (uint32_t stated : {least, most, static_cast<uint32_t>(zeroes.size()), ~0u}) {
    std::vector<uint8_t> frame = WithField(header, 72, stated);
    frame.insert(frame.end(), bomb.begin(), bomb.end());
    FrameScratch scratch;
    const Status status = OpenFrame(WithRightCrcs(frame), &scratch).status();
    EXPECT_EQ(status.code(), stated <= most ? Code::kMalformed : Code::kTooLarge) << stated;
    EXPECT_LE(scratch.raw.size(), stated <= most ? stated : 0) << stated;
  }
}

TEST(Frame, ChecksumErrorsSayWhich) {
  std::vector<uint8_t> bytes = SmallFrame();
  std::vector<uint8_t> header = WithField<uint64_t>(bytes, 40, 99);
  ExpectStatus(OpenStatus(header), Code::kChecksum, "header_crc");
  std::vector<uint8_t> body = bytes;
  body.back() ^= 1;
  ExpectStatus(OpenStatus(body), Code::kChecksum, "body_crc");
  ExpectStatus(OpenStatus(WithRightCrcs(body)), Code::kChecksum, "entry LSN 7: crc");
}

TEST(Frame, PeekNeedsAWholeHeader) {
  std::vector<uint8_t> bytes = SmallFrame();
  EXPECT_EQ(PeekFrameHeader(Bytes(bytes).first(127)).status().code(), Code::kInvalidArgument);
  auto head = PeekFrameHeader(Bytes(bytes).first(128));
  ASSERT_TRUE(head.ok());
  EXPECT_EQ(head->total_bytes(), bytes.size());
  EXPECT_EQ(head->entry_count, 3u);
}

TEST(Frame, StructureAloneLeavesOutCrcsButNotBounds) {
  std::vector<uint8_t> bytes = SmallFrame();
  bytes.back() ^= 1;  // the last byte of the value
  EXPECT_TRUE(OpenStatus(bytes, Verify::kStructure).ok());
  bytes.pop_back();
  EXPECT_FALSE(OpenStatus(bytes, Verify::kStructure).ok());
}

// Every aligned word of the body in turn says 0, 1, -1 or 2^31-1, with the frame's CRCs made right:
// an offset, a length or a value. None may be believed so far that other entries come out.
TEST(Frame, NoWordOfTheBodyIsTrusted) {
  const std::vector<uint8_t> bytes = SmallFrame();
  FrameScratch scratch;
  const FrameView original = OpenFrame(bytes, &scratch).value();
  for (size_t at = limits::kFrameHeaderBytes; at + 4 <= bytes.size(); at += 4) {
    for (uint32_t word : {0u, 1u, ~0u, ~0u >> 1}) {
      std::vector<uint8_t> lie = WithRightCrcs(WithField(bytes, at, word));
      for (Verify verify : {Verify::kAll, Verify::kStructure}) {
        FrameScratch other;
        auto opened = OpenFrame(lie, &other, verify);
        if (!opened.ok() || verify == Verify::kStructure) continue;
        ASSERT_EQ(opened->entries.size(), original.entries.size()) << "word at " << at;
        EXPECT_TRUE(std::ranges::equal(opened->payload, original.payload)) << "word at " << at;
      }
    }
  }
  printf("[   COUNT  ] %zu words of a frame's body, each 0, 1, -1 and 2^31-1\n",
         (bytes.size() - limits::kFrameHeaderBytes) / 4);
}

}  // namespace
}  // namespace cfsrepl
