#include "checksum/crc32c.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <string_view>
#include <vector>

namespace cfsrepl {
namespace {

std::vector<uint8_t> Ascending(size_t size) {
  std::vector<uint8_t> bytes(size);
  std::iota(bytes.begin(), bytes.end(), uint8_t{0});
  return bytes;
}

TEST(Crc32c, MatchesThePublishedVectors) {
  std::string_view digits = "123456789";
  EXPECT_EQ(Crc32c({reinterpret_cast<const uint8_t*>(digits.data()), digits.size()}), 0xe3069283u);
  // RFC 3720, B.4.
  EXPECT_EQ(Crc32c(std::vector<uint8_t>(32, 0x00)), 0x8a9136aau);
  EXPECT_EQ(Crc32c(std::vector<uint8_t>(32, 0xff)), 0x62a8ab43u);
  std::vector<uint8_t> ascending = Ascending(32);
  EXPECT_EQ(Crc32c(ascending), 0x46dd794eu);
  EXPECT_EQ(Crc32c(std::vector<uint8_t>(ascending.rbegin(), ascending.rend())), 0x113fdb5cu);
}

TEST(Crc32c, OfNothingIsZero) { EXPECT_EQ(Crc32c({}), 0u); }

TEST(Crc32c, ExtendsAtEverySplitAndAlignment) {
  std::vector<uint8_t> bytes = Ascending(300);
  for (size_t start = 0; start < 16; ++start) {
    Bytes whole = Bytes(bytes).subspan(start);
    for (size_t split = 0; split <= whole.size(); ++split) {
      ASSERT_EQ(Crc32cExtend(Crc32c(whole.first(split)), whole.subspan(split)), Crc32c(whole))
          << "from " << start << " split at " << split;
    }
  }
}

EntryHeader HeaderWith(uint32_t payload_offset, uint32_t crc) {
  return EntryHeader(1, 2, 3, 4, payload_offset, 6, crc, 8, 9, 10, 11, 12, 13, 14);
}

TEST(EntryCrc, IsOverTheHeaderWithoutOffsetAndCrcThenThePayload) {
  EntryHeader zeroed = HeaderWith(0, 0);
  std::vector<uint8_t> expected_input(sizeof(zeroed));
  std::memcpy(expected_input.data(), &zeroed, sizeof(zeroed));
  std::vector<uint8_t> payload = Ascending(1000);
  for (size_t size = 0; size <= payload.size(); ++size) {
    ASSERT_EQ(EntryCrc(HeaderWith(0xdeadbeef, 0xfeedface), Bytes(payload).first(size)),
              Crc32c(expected_input))
        << "payload of " << size;
    if (size < payload.size()) expected_input.push_back(payload[size]);
  }
}

TEST(EntryCrc, ChangesWithEveryOtherBitOfTheHeader) {
  EntryHeader header = HeaderWith(0, 0);
  uint32_t crc = EntryCrc(header, {});
  for (size_t bit = 0; bit < 8 * sizeof(header); ++bit) {
    EntryHeader flipped = header;
    reinterpret_cast<uint8_t*>(&flipped)[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    size_t at = bit / 8;
    bool left_out = (at >= 32 && at < 36) || (at >= 40 && at < 44);
    EXPECT_EQ(EntryCrc(flipped, {}) == crc, left_out) << "byte " << at;
  }
}

}  // namespace
}  // namespace cfsrepl
