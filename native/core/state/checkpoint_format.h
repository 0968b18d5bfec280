// The fixed parts of a checkpoint, as FORMAT.md lays them out.
#ifndef CFS_REPL_STATE_CHECKPOINT_FORMAT_H_
#define CFS_REPL_STATE_CHECKPOINT_FORMAT_H_

#include <bit>
#include <cstdint>
#include <cstring>

#include "base/entry.h"
#include "base/types.h"

namespace cfsrepl::checkpoint_format {

static_assert(std::endian::native == std::endian::little,
              "the formats are little endian, unswapped");

inline constexpr uint64_t kFileMagic = 0x54504b4352534643;    // "CFSRCKPT"
inline constexpr uint64_t kFooterMagic = 0x444e454352534643;  // "CFSRCEND"
inline constexpr uint32_t kChunkMagic = 0x4b534643;           // "CFSK"
inline constexpr uint32_t kVersion = 1;

struct FileHeader {
  uint64_t magic;
  uint32_t version;
  uint32_t metadata_bytes;
  Uuid cluster;
  Uuid volume;
  uint64_t segment;
  uint64_t offset;
  uint64_t record_seq;
  uint32_t reserved;
  uint32_t crc;  // of what is before it, then the metadata
};
static_assert(sizeof(FileHeader) == 80 && offsetof(FileHeader, crc) == 76);

struct ChunkHeader {
  uint32_t magic;
  uint16_t version;
  uint16_t origin_count;
  uint32_t records_bytes;
  uint32_t record_count;
  uint32_t kind;
  uint32_t crc;  // of what is before it, then records and origins
};
static_assert(sizeof(ChunkHeader) == 24 && offsetof(ChunkHeader, crc) == 20);

// ChunkHeader.kind: what its records are.
inline constexpr uint32_t kInodeChunk = 0;
inline constexpr uint32_t kLedgerChunk = 1;

struct ChunkOrigin {
  uint64_t incarnation;
  uint16_t site;
  uint16_t reserved[3];
};
static_assert(sizeof(ChunkOrigin) == 16);

struct RecordHeader {
  uint32_t record_bytes;
  uint8_t kind;
  uint8_t asserts_links;
  uint16_t mode;
  uint64_t inode;
  uint32_t uid;
  uint32_t gid;
  uint32_t file_flags;
  uint32_t project;
  uint64_t size;
  uint64_t extent_ref;
  int64_t atime_ns;
  int64_t mtime_ns;
  uint32_t rdev;
  uint16_t target_bytes;
  uint16_t stamp_count;
  uint16_t link_count;
  uint16_t xattr_count;
  uint16_t birth;
  uint16_t fields[kFieldCount];
  uint16_t asserted;
  uint16_t reserved[2];
};
static_assert(sizeof(RecordHeader) == 96 && offsetof(RecordHeader, fields) == 78);

// Followed by the name. Packed: 20 bytes, unaligned; copied in and out.
struct [[gnu::packed]] LinkHeader {
  uint64_t id;
  uint64_t parent;
  uint16_t stamp;
  uint8_t removed;
  uint8_t name_bytes;
};
static_assert(sizeof(LinkHeader) == 20);

// Followed by key and value.
struct XattrHeader {
  uint16_t stamp;
  uint8_t removed;
  uint8_t key_bytes;
  uint32_t value_bytes;
};
static_assert(sizeof(XattrHeader) == 8);

// An entry of the ledger, followed by its payload.
struct LedgerHeader {
  uint32_t record_bytes;
  uint16_t origin;
  uint8_t op;
  uint8_t reserved;
  uint64_t lsn;
  uint64_t hlc;
  uint64_t inode;
};
static_assert(sizeof(LedgerHeader) == 32);

struct Footer {
  uint64_t magic;
  uint64_t chunk_count;
  uint64_t record_count;
  uint64_t file_bytes;
  uint32_t chunks_crc;
  uint32_t crc;
};
static_assert(sizeof(Footer) == 40 && offsetof(Footer, crc) == 36);

template <typename T>
Bytes BytesOf(const T& value, size_t count = sizeof(T)) {
  return Bytes(reinterpret_cast<const uint8_t*>(&value), count);
}

}  // namespace cfsrepl::checkpoint_format

#endif  // CFS_REPL_STATE_CHECKPOINT_FORMAT_H_
