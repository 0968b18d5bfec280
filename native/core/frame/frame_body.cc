#include "frame/frame_body.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "checksum/crc32c.h"

namespace cfsrepl {
namespace {

// A body as this writer lays it out (FORMAT.md, "Frame body"): every offset is known beforehand, so
// each entry and payload byte is copied once, to where it stays. Readers follow the FlatBuffer's
// own offsets.
constexpr size_t kRootAt = 0;
constexpr size_t kBodyVtableAt = 4;
constexpr size_t kBodyTableAt = 16;
constexpr size_t kShardCountAt = 36;
constexpr size_t kShardsAt = 40;

constexpr size_t kSectionVtableBytes = 8;
constexpr size_t kSectionTableBytes = 16;
constexpr size_t kVectorHeadBytes = 8;  // padding and count, so that elements lie on 8 bytes
constexpr size_t kSectionFixedBytes = kSectionTableBytes + kVectorHeadBytes;

constexpr size_t RoundUp8(size_t bytes) { return (bytes + 7) & ~size_t{7}; }

size_t SectionsBytes(size_t section_count, size_t origin_count) {
  return RoundUp8(4 + 4 * section_count) + kSectionVtableBytes +
         section_count * kSectionFixedBytes + origin_count * sizeof(schema::OriginLsn);
}

template <typename T>
void Store(uint8_t* body, size_t at, T value) {
  std::memcpy(body + at, &value, sizeof(value));
}

void StoreOffset(uint8_t* body, size_t at, size_t target) {
  Store(body, at, static_cast<uint32_t>(target - at));
}

// Pads up to the count, which ends on 8 bytes, and returns where the elements start.
size_t StoreVectorHead(uint8_t* body, size_t at, size_t count) {
  Store(body, at, uint32_t{0});
  Store(body, at + 4, static_cast<uint32_t>(count));
  return at + kVectorHeadBytes;
}

void StoreBodyTable(uint8_t* body, size_t entries_at, size_t payload_at, size_t seen_count_at) {
  Store(body, kRootAt, static_cast<uint32_t>(kBodyTableAt));
  const uint16_t vtable[] = {12, 20, 4,
                             8,  12, 16};  // its length, the table's, then each field's place
  std::memcpy(body + kBodyVtableAt, vtable, sizeof(vtable));
  Store(body, kBodyTableAt, static_cast<int32_t>(kBodyTableAt - kBodyVtableAt));
  StoreOffset(body, kBodyTableAt + 4, entries_at - 4);
  StoreOffset(body, kBodyTableAt + 8, payload_at - 4);
  StoreOffset(body, kBodyTableAt + 12, seen_count_at);
  StoreOffset(body, kBodyTableAt + 16, kShardCountAt);
}

// Returns the end.
size_t StoreSections(uint8_t* body, size_t at, const SectionList& sections) {
  Store(body, at, static_cast<uint32_t>(sections.size()));
  size_t offsets_at = at + 4;
  size_t offsets_end = offsets_at + 4 * sections.size();
  size_t vtable_at = RoundUp8(offsets_end);
  std::memset(body + offsets_end, 0, vtable_at - offsets_end);
  const uint16_t vtable[] = {8, 16, 8, 4};
  std::memcpy(body + vtable_at, vtable, sizeof(vtable));

  size_t table_at = vtable_at + kSectionVtableBytes;
  for (size_t i = 0; i < sections.size(); ++i) {
    auto seen = sections.seen(i);
    StoreOffset(body, offsets_at + 4 * i, table_at);
    Store(body, table_at, static_cast<int32_t>(table_at - vtable_at));
    Store(body, table_at + 8, sections.from_lsn(i));
    size_t seen_at = StoreVectorHead(body, table_at + kSectionTableBytes, seen.size());
    StoreOffset(body, table_at + 4, seen_at - 4);
    if (!seen.empty()) std::memcpy(body + seen_at, seen.data(), seen.size_bytes());
    table_at = seen_at + seen.size_bytes();
  }
  return table_at;
}

bool SaysTheSame(std::span<const schema::OriginLsn> a, std::span<const schema::OriginLsn> b) {
  return a.size() == b.size() &&
         (a.empty() || std::memcmp(a.data(), b.data(), a.size_bytes()) == 0);
}

}  // namespace

void SectionList::Clear() {
  sections_.clear();
  origins_.clear();
}

std::span<const schema::OriginLsn> SectionList::seen(size_t index) const {
  const Section& section = sections_[index];
  return std::span(origins_).subspan(section.begin, section.count);
}

Status SectionList::Add(Lsn from_lsn, std::span<const schema::OriginLsn> seen) {
  if (!sections_.empty() && from_lsn < sections_.back().from_lsn) {
    return Status(Code::kInvalidArgument, "version vector section from LSN " +
                                              std::to_string(from_lsn) +
                                              ", expected none before the last one's, " +
                                              std::to_string(sections_.back().from_lsn));
  }
  if (!sections_.empty() && from_lsn == sections_.back().from_lsn) {
    origins_.resize(sections_.back().begin);
    sections_.pop_back();
  }
  if (!sections_.empty() && SaysTheSame(seen, this->seen(sections_.size() - 1)))
    return Status::Ok();
  if (sections_.size() == limits::kFrameSectionsMax || seen.size() > limits::kOriginsMax) {
    return Status(Code::kTooLarge, "version vector section " +
                                       std::to_string(sections_.size() + 1) + " of " +
                                       std::to_string(seen.size()) + " origins, expected at most " +
                                       std::to_string(limits::kFrameSectionsMax) + " sections of " +
                                       std::to_string(limits::kOriginsMax) + " origins");
  }
  sections_.push_back({from_lsn, origins_.size(), seen.size()});
  origins_.insert(origins_.end(), seen.begin(), seen.end());
  return Status::Ok();
}

size_t SectionList::body_bytes() const { return SectionsBytes(sections_.size(), origins_.size()); }

size_t SectionList::body_bytes_with(size_t origins) const {
  return SectionsBytes(sections_.size() + 1, origins_.size() + origins);
}

void ShardRangeTable::Clear() {
  if (ranges_.empty()) ranges_.resize(limits::kShardsMax);
  for (Shard shard : used_) ranges_[shard].used = false;
  used_.clear();
}

void ShardRangeTable::Cover(Shard shard, uint64_t first_seq, uint64_t last_seq) {
  Range& range = ranges_[shard];
  if (!range.used) {
    range = {first_seq, last_seq, true};
    used_.push_back(shard);
    return;
  }
  range.first_seq = std::min(range.first_seq, first_seq);
  range.last_seq = std::max(range.last_seq, last_seq);
}

void ShardRangeTable::CopyTo(ShardRange* out) const {
  for (Shard shard : used_) {
    const Range& range = ranges_[shard];
    *out++ = ShardRange(range.first_seq, range.last_seq, shard, 0, 0);
  }
  std::sort(out - used_.size(), out,
            [](const ShardRange& a, const ShardRange& b) { return a.shard() < b.shard(); });
}

size_t BodyBytes(size_t sections_bytes, size_t shard_count, size_t entry_count,
                 size_t payload_bytes) {
  return kShardsAt + shard_count * sizeof(ShardRange) + sections_bytes + kVectorHeadBytes +
         entry_count * sizeof(EntryHeader) + kVectorHeadBytes + payload_bytes;
}

BodySlots LayOutBody(const SectionList& sections, const ShardRangeTable& shards, size_t entry_count,
                     size_t payload_bytes, uint8_t* body) {
  Store(body, kShardCountAt, static_cast<uint32_t>(shards.size()));
  shards.CopyTo(reinterpret_cast<ShardRange*>(body + kShardsAt));
  size_t seen_count_at = kShardsAt + shards.size() * sizeof(ShardRange);
  size_t sections_end = StoreSections(body, seen_count_at, sections);
  size_t entries_at = StoreVectorHead(body, sections_end, entry_count);
  size_t payload_at =
      StoreVectorHead(body, entries_at + entry_count * sizeof(EntryHeader), payload_bytes);
  StoreBodyTable(body, entries_at, payload_at, seen_count_at);
  return {reinterpret_cast<EntryHeader*>(body + entries_at), body + payload_at};
}

void WriteFrameHeader(const FrameHead& head, uint8_t* frame) {
  const FrameInfo& info = head.info;
  uint32_t body_crc = Crc32c({frame + limits::kFrameHeaderBytes, head.stored_bytes});
  auto make = [&](uint32_t header_crc) {
    return schema::FrameHeader(kFrameMagic, kFrameVersion, limits::kFrameHeaderBytes,
                               info.cluster.hi, info.cluster.lo, info.origin.incarnation,
                               info.origin.site, static_cast<uint8_t>(head.codec), 0,
                               head.entry_count, info.epoch, info.first_lsn, info.last_lsn,
                               info.hlc_max, head.raw_bytes, head.stored_bytes, info.trace_id_hi,
                               info.trace_id_lo, info.span_id, 0, 0, body_crc, header_crc);
  };
  schema::FrameHeader header = make(0);
  header = make(Crc32c({reinterpret_cast<const uint8_t*>(&header), sizeof(header)}));
  std::memcpy(frame, &header, sizeof(header));
}

}  // namespace cfsrepl
