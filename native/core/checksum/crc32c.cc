#include "checksum/crc32c.h"

#include <cstring>

namespace cfsrepl {
namespace {

// The header as eight words. The two fields that an entry's CRC leaves out are the low halves of
// two.
constexpr size_t kHeaderWords = sizeof(EntryHeader) / 8;
constexpr size_t kPayloadOffsetWord = kPayloadOffsetAt / 8;
constexpr size_t kCrcWord = kEntryCrcAt / 8;
static_assert(kPayloadOffsetAt % 8 == 0 && kEntryCrcAt % 8 == 0);
constexpr uint64_t kHighHalf = 0xffffffff00000000;

// Payloads up to here are copied behind the header so that one call does both: measured, that is a
// third faster than two calls for an Attributes, and no longer pays for some hundred bytes.
constexpr size_t kJoinedPayloadBytesMax = 192;

}  // namespace

uint32_t EntryCrc(const EntryHeader& header, Bytes payload) {
  alignas(64) uint64_t joined[kHeaderWords + kJoinedPayloadBytesMax / 8];
  std::memcpy(joined, &header, sizeof(header));
  // Whole words, since ISA-L loads whole words: after a narrower store it would have to wait.
  joined[kPayloadOffsetWord] &= kHighHalf;
  joined[kCrcWord] &= kHighHalf;
  const auto* bytes = reinterpret_cast<const uint8_t*>(joined);
  if (payload.size() == sizeof(Attributes)) {  // most entries; the copy is inline
    std::memcpy(joined + kHeaderWords, payload.data(), sizeof(Attributes));
    return Crc32c({bytes, sizeof(header) + sizeof(Attributes)});
  }
  if (payload.size() > kJoinedPayloadBytesMax) {
    return Crc32cExtend(Crc32c({bytes, sizeof(header)}), payload);
  }
  if (!payload.empty()) std::memcpy(joined + kHeaderWords, payload.data(), payload.size());
  return Crc32c({bytes, sizeof(header) + payload.size()});
}

}  // namespace cfsrepl
