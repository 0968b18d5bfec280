#include "checksum/crc32c.h"

#include <isa-l/crc.h>

#include <algorithm>
#include <cstring>

namespace cfsrepl {
namespace {

// Where the two fields that an entry's CRC leaves out lie in its header (FORMAT.md, "Entry header").
constexpr size_t kPayloadOffsetAt = 32;
constexpr size_t kCrcAt = 40;

// Payloads up to here are copied behind the header so that one call does both: ISA-L costs more to
// enter than a copy of two cache lines.
constexpr size_t kJoinedPayloadBytesMax = 192;

uint32_t Extend(uint32_t crc, const uint8_t* data, size_t size) {
  constexpr size_t kStepBytesMax = size_t{1} << 30;  // ISA-L counts in int
  crc = ~crc;
  do {
    size_t step = std::min(size, kStepBytesMax);
    crc = crc32_iscsi(const_cast<uint8_t*>(data), static_cast<int>(step), crc);
    data += step;
    size -= step;
  } while (size > 0);
  return ~crc;
}

}  // namespace

uint32_t Crc32cExtend(uint32_t crc, Bytes bytes) {
  if (bytes.empty()) return crc;
  return Extend(crc, bytes.data(), bytes.size());
}

uint32_t EntryCrc(const EntryHeader& header, Bytes payload) {
  alignas(64) uint8_t joined[sizeof(EntryHeader) + kJoinedPayloadBytesMax];
  std::memcpy(joined, &header, sizeof(header));
  std::memset(joined + kPayloadOffsetAt, 0, sizeof(uint32_t));
  std::memset(joined + kCrcAt, 0, sizeof(uint32_t));
  if (payload.size() > kJoinedPayloadBytesMax) {
    return Crc32cExtend(Extend(0, joined, sizeof(header)), payload);
  }
  if (!payload.empty()) std::memcpy(joined + sizeof(header), payload.data(), payload.size());
  return Extend(0, joined, sizeof(header) + payload.size());
}

}  // namespace cfsrepl
