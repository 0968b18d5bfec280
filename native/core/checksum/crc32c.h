// CRC-32C (Castagnoli): reflected polynomial 0x82f63b78, initial value and final xor ~0, so that
// Crc32c("123456789") is 0xe3069283. ISA-L does the work.
#ifndef CFS_REPL_CHECKSUM_CRC32C_H_
#define CFS_REPL_CHECKSUM_CRC32C_H_

#include <isa-l/crc.h>

#include <climits>

#include "base/entry.h"
#include "base/types.h"

namespace cfsrepl {

// The CRC of what came before (0 for nothing) continued over `bytes`:
// Crc32cExtend(Crc32c(a), b) == Crc32c(a + b). Any length; any thread.
//
// Inline, for records of some hundred bytes: a call more is a tenth of the time of those.
inline uint32_t Crc32cExtend(uint32_t crc, Bytes bytes) {
  auto* data = const_cast<uint8_t*>(bytes.data());  // ISA-L does not write
  size_t left = bytes.size();
  crc = ~crc;
  while (left > INT_MAX) [[unlikely]] {  // ISA-L counts in int
      crc = crc32_iscsi(data, INT_MAX, crc);
      data += INT_MAX;
      left -= INT_MAX;
    }
  return ~crc32_iscsi(data, static_cast<int>(left), crc);
}

inline uint32_t Crc32c(Bytes bytes) { return Crc32cExtend(0, bytes); }

// The CRC an entry carries: over the 64-byte header with `crc` and `payload_offset` as zero (an
// entry keeps its CRC when it moves to another frame), then over the payload. Does not allocate.
uint32_t EntryCrc(const EntryHeader& header, Bytes payload);

}  // namespace cfsrepl

#endif  // CFS_REPL_CHECKSUM_CRC32C_H_
