// The bytes of a log segment. FORMAT.md, "Log segments", says what they mean.
#ifndef CFS_REPL_WAL_LOG_FORMAT_H_
#define CFS_REPL_WAL_LOG_FORMAT_H_

#include <bit>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/status.h"
#include "wal/record.h"

namespace cfsrepl {

static_assert(std::endian::native == std::endian::little, "the format is the host's memory layout");

inline constexpr uint64_t kSegmentMagic = 0x3147455352534643;  // "CFSRSEG1"
inline constexpr uint32_t kRecordMagic = 0x52534643;           // "CFSR"
inline constexpr uint32_t kSegmentVersion = 1;
inline constexpr uint64_t kFirstRecordOffset = limits::kBlockBytes;

// Block 0 of a segment starts with this; its last 4 bytes are the CRC of the rest.
struct SegmentHeader {
  uint64_t magic = kSegmentMagic;
  uint32_t version = kSegmentVersion;
  uint32_t block_bytes = limits::kBlockBytes;
  Uuid volume;
  uint64_t segment = 0;
  uint64_t incarnation = 0;
  uint64_t first_seq = 0;
  uint64_t segment_bytes = 0;
  uint32_t previous_crc = 0;
  uint32_t zero = 0;
};
static_assert(sizeof(SegmentHeader) == 72);

struct RecordHeader {
  uint32_t magic = kRecordMagic;
  uint32_t item_count = 0;
  uint64_t seq = 0;
  uint64_t segment = 0;
  uint64_t incarnation = 0;
  uint64_t durable_seq = 0;
  uint32_t body_bytes = 0;
  uint32_t previous_crc = 0;
  uint32_t block = 0;
  uint32_t zero = 0;
  uint32_t body_crc = 0;
  uint32_t header_crc = 0;
};
static_assert(sizeof(RecordHeader) == 64);

struct ItemHeader {
  uint32_t length = 0;
  uint16_t kind = 0;
  uint16_t zero = 0;
};
static_assert(sizeof(ItemHeader) == 8);

inline constexpr uint64_t RecordBytes(uint64_t body_bytes) {
  return RoundUpToBlock(sizeof(RecordHeader) + body_bytes);
}

// Most body bytes a record may have in segments of this size.
inline constexpr uint64_t BodyBytesMax(uint64_t segment_bytes) {
  uint64_t room = segment_bytes - kFirstRecordOffset;
  return (room < limits::kRecordBytesMax ? room : limits::kRecordBytesMax) - sizeof(RecordHeader);
}

// Where in the chain a record stands.
struct ChainLink {
  uint64_t next_seq = 1;      // of the record to come
  uint32_t previous_crc = 0;  // header_crc of the one before it
};

bool IsZero(Bytes bytes);

// Fills the whole block.
void EncodeSegmentHeader(const SegmentHeader& header, std::span<uint8_t> block);

// kMalformed or kChecksum say what is wrong with the block, kUnsupported that it is newer than this
// build. Does not know which segment or volume was expected.
Result<SegmentHeader> DecodeSegmentHeader(Bytes block);

// Writes header, items and padding to `out`, which is RecordBytes(body) long. The caller has
// checked the limits. Sets the magic, sizes, counts and CRCs of *header; the other fields are the
// caller's.
void EncodeRecord(const Uuid& volume, std::span<const Item> items, RecordHeader* header,
                  std::span<uint8_t> out);

// Whether these bytes are a record header of this volume, by its CRC and its place; whatever the
// record's position in the chain and whatever its body.
bool IsRecordHeader(const Uuid& volume, uint64_t segment, uint64_t offset, Bytes bytes);

// Checks everything about a header but the chain. `bytes` holds at least the header. The message
// says what is wrong, and not where: the caller knows.
Result<RecordHeader> DecodeRecordHeader(const Uuid& volume, const SegmentHeader& segment,
                                        uint64_t offset, Bytes bytes);

// kChecksum unless seq and previous_crc are as expected.
Status CheckChain(const RecordHeader& header, const ChainLink& expected);

// Checks the body's CRC and layout and shows the items, which point into `record`, the whole
// RecordBytes(header.body_bytes) of it. *items is emptied first.
Status DecodeItems(const Uuid& volume, const RecordHeader& header, Bytes record,
                   std::vector<Item>* items);

// Names of the log's files.
std::string SegmentPath(const std::string& directory, uint64_t segment);
std::string PreparingPath(const std::string& directory, uint64_t segment);
std::string ReservePath(const std::string& directory);
// The number in "NNNNNNNNNNNN.segment"; 0 for any other name.
uint64_t SegmentOfName(const std::string& name);
bool IsPreparingName(const std::string& name);

// "segment 3 offset 8192", for messages.
std::string Place(Position position);

}  // namespace cfsrepl

#endif  // CFS_REPL_WAL_LOG_FORMAT_H_
