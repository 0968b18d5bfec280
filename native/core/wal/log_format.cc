#include "wal/log_format.h"

#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "checksum/crc32c.h"

namespace cfsrepl {
namespace {

constexpr size_t kSegmentCrcAt = limits::kBlockBytes - sizeof(uint32_t);
constexpr std::string_view kSegmentSuffix = ".segment";
constexpr std::string_view kPreparingSuffix = ".preparing";
constexpr size_t kNumberDigits = 12;

// The CRC of the 24 bytes that stand before everything a record's CRCs cover.
uint32_t SeedCrc(const Uuid& volume, uint64_t incarnation) {
  const uint64_t seed[3] = {volume.hi, volume.lo, incarnation};
  return Crc32c(Bytes(reinterpret_cast<const uint8_t*>(seed), sizeof(seed)));
}

uint32_t HeaderCrc(uint32_t seed_crc, const RecordHeader& header) {
  auto* bytes = reinterpret_cast<const uint8_t*>(&header);
  return Crc32cExtend(seed_crc, Bytes(bytes, offsetof(RecordHeader, header_crc)));
}

std::string Mismatch(const char* field, uint64_t found, uint64_t expected) {
  return std::string(field) + " is " + std::to_string(found) + ", expected " +
         std::to_string(expected);
}

RecordHeader LoadRecordHeader(Bytes bytes) {
  RecordHeader header;
  memcpy(&header, bytes.data(), sizeof(header));
  return header;
}

std::string NumberedPath(const std::string& directory, uint64_t segment, std::string_view suffix) {
  char digits[24];
  snprintf(digits, sizeof(digits), "%0*" PRIu64, static_cast<int>(kNumberDigits), segment);
  return directory + "/" + digits + std::string(suffix);
}

}  // namespace

bool IsZero(Bytes bytes) {
  // A block of zeroes equals itself shifted by one byte.
  return bytes.empty() ||
         (bytes[0] == 0 && memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

void EncodeSegmentHeader(const SegmentHeader& header, std::span<uint8_t> block) {
  memset(block.data(), 0, limits::kBlockBytes);
  memcpy(block.data(), &header, sizeof(header));
  uint32_t crc = Crc32c(block.first(kSegmentCrcAt));
  memcpy(block.data() + kSegmentCrcAt, &crc, sizeof(crc));
}

Result<SegmentHeader> DecodeSegmentHeader(Bytes block) {
  if (block.size() < limits::kBlockBytes) {
    return Status(Code::kMalformed, "the file is shorter than its header");
  }
  SegmentHeader header;
  memcpy(&header, block.data(), sizeof(header));
  if (header.magic != kSegmentMagic) {
    return Status(Code::kMalformed, "the header does not start with CFSRSEG1");
  }
  uint32_t crc;
  memcpy(&crc, block.data() + kSegmentCrcAt, sizeof(crc));
  if (crc != Crc32c(block.first(kSegmentCrcAt))) {
    return Status(Code::kChecksum, "the header's crc does not match");
  }
  if (header.version != kSegmentVersion) {
    return Status(Code::kUnsupported, Mismatch("format version", header.version, kSegmentVersion));
  }
  bool is_sane = header.block_bytes == limits::kBlockBytes && header.segment > 0 &&
                 header.first_seq > 0 && header.segment_bytes % limits::kBlockBytes == 0 &&
                 header.segment_bytes >= 2 * limits::kBlockBytes &&
                 header.segment_bytes <= limits::kSegmentBytesMax;
  if (!is_sane) return Status(Code::kMalformed, "the header has impossible sizes or numbers");
  return header;
}

void EncodeRecord(const Uuid& volume, std::span<const Item> items, RecordHeader* header,
                  std::span<uint8_t> out) {
  uint8_t* at = out.data() + sizeof(RecordHeader);
  for (const Item& item : items) {
    ItemHeader item_header{.length = static_cast<uint32_t>(item.bytes.size()), .kind = item.kind};
    memcpy(at, &item_header, sizeof(item_header));
    at += sizeof(item_header);
    size_t padded = ItemBytes(item.bytes.size()) - sizeof(item_header);
    if (!item.bytes.empty()) memcpy(at, item.bytes.data(), item.bytes.size());
    memset(at + item.bytes.size(), 0, padded - item.bytes.size());
    at += padded;
  }
  memset(at, 0, static_cast<size_t>(out.data() + out.size() - at));

  uint32_t seed_crc = SeedCrc(volume, header->incarnation);
  header->magic = kRecordMagic;
  header->item_count = static_cast<uint32_t>(items.size());
  header->body_bytes = static_cast<uint32_t>(at - out.data() - sizeof(RecordHeader));
  header->body_crc = Crc32cExtend(seed_crc, out.subspan(sizeof(RecordHeader)));
  header->header_crc = HeaderCrc(seed_crc, *header);
  memcpy(out.data(), header, sizeof(*header));
}

bool IsRecordHeader(const Uuid& volume, uint64_t segment, uint64_t offset, Bytes bytes) {
  if (bytes.size() < sizeof(RecordHeader)) return false;
  RecordHeader header = LoadRecordHeader(bytes);
  return header.magic == kRecordMagic && header.segment == segment &&
         header.block == offset / limits::kBlockBytes &&
         header.header_crc == HeaderCrc(SeedCrc(volume, header.incarnation), header);
}

Result<RecordHeader> DecodeRecordHeader(const Uuid& volume, const SegmentHeader& segment,
                                        uint64_t offset, Bytes bytes) {
  if (bytes.size() < sizeof(RecordHeader)) {
    return Status(Code::kMalformed, "the segment ends inside the record header");
  }
  RecordHeader header = LoadRecordHeader(bytes);
  if (header.magic != kRecordMagic) {
    bool is_empty = IsZero(bytes.first(sizeof(header)));
    return Status(Code::kMalformed, is_empty ? "zeroes instead of a record"
                                             : "the record header does not start with CFSR");
  }
  if (header.incarnation != segment.incarnation) {
    return Status(Code::kChecksum, "the record belongs to another incarnation of the segment");
  }
  if (header.header_crc != HeaderCrc(SeedCrc(volume, segment.incarnation), header)) {
    return Status(Code::kChecksum, "the record header's crc does not match");
  }
  if (header.segment != segment.segment) {
    return Status(Code::kMalformed,
                  Mismatch("the record's segment", header.segment, segment.segment));
  }
  if (header.block != offset / limits::kBlockBytes) {
    return Status(Code::kMalformed,
                  Mismatch("the record's block", header.block, offset / limits::kBlockBytes));
  }
  bool is_sane = header.zero == 0 && header.seq > 0 && header.durable_seq < header.seq &&
                 header.item_count > 0 && header.item_count <= limits::kItemsPerRecordMax &&
                 header.body_bytes % 8 == 0 &&
                 RecordBytes(header.body_bytes) <= limits::kRecordBytesMax &&
                 offset + RecordBytes(header.body_bytes) <= segment.segment_bytes;
  if (!is_sane)
    return Status(Code::kMalformed, "the record header has impossible sizes or numbers");
  return header;
}

Status CheckChain(const RecordHeader& header, const ChainLink& expected) {
  if (header.seq != expected.next_seq) {
    return Status(Code::kChecksum, Mismatch("the record's seq", header.seq, expected.next_seq));
  }
  if (header.previous_crc != expected.previous_crc) {
    return Status(Code::kChecksum, "the record does not follow the one before it (previous_crc)");
  }
  return Status::Ok();
}

Status DecodeItems(const Uuid& volume, const RecordHeader& header, Bytes record,
                   std::vector<Item>* items) {
  items->clear();
  uint32_t seed_crc = SeedCrc(volume, header.incarnation);
  if (header.body_crc != Crc32cExtend(seed_crc, record.subspan(sizeof(RecordHeader)))) {
    return Status(Code::kChecksum, "the record body's crc does not match");
  }
  Bytes body = record.subspan(sizeof(RecordHeader), header.body_bytes);
  for (uint32_t i = 0; i < header.item_count; i++) {
    ItemHeader item;
    if (body.size() < sizeof(item)) return Status(Code::kMalformed, "fewer items than item_count");
    memcpy(&item, body.data(), sizeof(item));
    // Compared before padding is added: a length near 2^32 must not wrap.
    if (item.length > body.size() || ItemBytes(item.length) > body.size() || item.zero != 0) {
      return Status(Code::kMalformed, "item " + std::to_string(i) + " exceeds the record's body");
    }
    items->push_back({item.kind, body.subspan(sizeof(item), item.length)});
    body = body.subspan(ItemBytes(item.length));
  }
  if (!body.empty()) return Status(Code::kMalformed, "bytes behind the last item");
  return Status::Ok();
}

std::string SegmentPath(const std::string& directory, uint64_t segment) {
  return NumberedPath(directory, segment, kSegmentSuffix);
}

std::string PreparingPath(const std::string& directory, uint64_t segment) {
  return NumberedPath(directory, segment, kPreparingSuffix);
}

std::string ReservePath(const std::string& directory) { return directory + "/reserve"; }

uint64_t SegmentOfName(const std::string& name) {
  if (name.size() != kNumberDigits + kSegmentSuffix.size() || !name.ends_with(kSegmentSuffix)) {
    return 0;
  }
  uint64_t number = 0;
  for (size_t i = 0; i < kNumberDigits; i++) {
    if (name[i] < '0' || name[i] > '9') return 0;
    number = number * 10 + static_cast<uint64_t>(name[i] - '0');
  }
  return number;
}

bool IsPreparingName(const std::string& name) { return name.ends_with(kPreparingSuffix); }

std::string Place(Position position) {
  return "segment " + std::to_string(position.segment) + " offset " +
         std::to_string(position.offset);
}

}  // namespace cfsrepl
