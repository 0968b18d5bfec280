#include "frame/frame_writer.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <string>

#include "base/limits.h"
#include "checksum/crc32c.h"

namespace cfsrepl {
namespace {

// Compression has to save this share of the raw bytes, or the reader's work is not worth it.
constexpr size_t kSavedShareMin = 32;

// All but the codec is known before the body is stored.
FrameHead HeadOf(const FrameInfo& info, size_t entry_count, size_t raw_bytes) {
  FrameHead head;
  head.info = info;
  head.entry_count = static_cast<uint32_t>(entry_count);
  head.raw_bytes = static_cast<uint32_t>(raw_bytes);
  head.stored_bytes = head.raw_bytes;
  return head;
}

}  // namespace

void FrameWriter::Begin(const Uuid& cluster, const Origin& origin, Epoch epoch) {
  info_ = FrameInfo{};
  info_.cluster = cluster;
  info_.origin = origin;
  info_.epoch = epoch;
  entries_.clear();
  payload_.Clear();
  sections_.Clear();
  shards_.Clear();
}

void FrameWriter::SetTrace(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id) {
  info_.trace_id_hi = trace_id_hi;
  info_.trace_id_lo = trace_id_lo;
  info_.span_id = span_id;
}

Status FrameWriter::AddSection(Lsn from_lsn, const VersionVector& seen) {
  seen_scratch_.clear();
  for (const auto& [origin, lsn] : seen.lsns()) {
    if (origin == info_.origin || lsn == 0) continue;
    seen_scratch_.emplace_back(origin.incarnation, lsn, origin.site, 0, 0);
  }
  return sections_.Add(from_lsn, seen_scratch_);
}

bool FrameWriter::HasRoom(size_t payload_bytes, size_t section_origins) const {
  if (entries_.size() >= limits::kFrameEntriesMax) return false;
  if (sections_.size() >= limits::kFrameSectionsMax) return false;
  return BodyBytes(sections_.body_bytes_with(section_origins), shards_.size() + 1,
                   entries_.size() + 1,
                   payload_.size() + payload_bytes) <= limits::kFrameRawBytesMax;
}

void FrameWriter::Append(const EntryHeader& header, Bytes payload) {
  assert(entries_.empty() || header.lsn() == info_.last_lsn + 1);
  assert(header.hlc() >= info_.hlc_max);
  entries_.push_back(header);
  EntryHeader* placed = &entries_.back();
  if (placed->payload_bytes() != payload.size()) {
    SetHeaderField(placed, kPayloadBytesAt, static_cast<uint32_t>(payload.size()));
  }
  SetHeaderField(placed, kEntryCrcAt, EntryCrc(*placed, payload));
  SetHeaderField(placed, kPayloadOffsetAt, static_cast<uint32_t>(payload_.size()));
  payload_.Append(payload);
  if (header.seq() != 0) shards_.Cover(header.shard(), header.seq(), header.seq());
  if (info_.first_lsn == 0) info_.first_lsn = header.lsn();
  info_.last_lsn = header.lsn();
  info_.hlc_max = header.hlc();
}

size_t FrameWriter::raw_bytes() const {
  return BodyBytes(sections_.body_bytes(), shards_.size(), entries_.size(), payload_.size());
}

Status FrameWriter::Finish(Buffer* out) const {
  if (entries_.empty() || sections_.size() == 0 || sections_.from_lsn(0) > info_.first_lsn) {
    return Status(Code::kInvalidArgument,
                  "a frame needs an entry and, from its first LSN on, a version vector section");
  }
  FrameHead head = HeadOf(info_, entries_.size(), raw_bytes());
  out->Resize(head.total_bytes());
  BodySlots slots = LayOutBody(sections_, shards_, entries_.size(), payload_.size(),
                               out->data() + limits::kFrameHeaderBytes);
  std::memcpy(static_cast<void*>(slots.entries), entries_.data(),
              entries_.size() * sizeof(EntryHeader));
  if (!payload_.empty()) std::memcpy(slots.payload, payload_.data(), payload_.size());
  WriteFrameHeader(head, out->data());
  return Status::Ok();
}

Status FrameSealer::Gather(std::span<const FrameView> frames) {
  if (frames.empty()) return Status(Code::kInvalidArgument, "no frames to seal");
  sections_.Clear();
  shards_.Clear();
  info_ = frames.back().info;
  info_.first_lsn = frames.front().info.first_lsn;
  for (size_t i = 0; i < frames.size(); ++i) {
    const FrameInfo& info = frames[i].info;
    if (info.origin != info_.origin || info.cluster != info_.cluster) {
      return Status(Code::kInvalidArgument, "frames of several origins cannot be sealed into one");
    }
    if (i > 0 && info.first_lsn != frames[i - 1].info.last_lsn + 1) {
      return Status(Code::kInvalidArgument, "frame starts at LSN " +
                                                std::to_string(info.first_lsn) + ", expected " +
                                                std::to_string(frames[i - 1].info.last_lsn + 1));
    }
    info_.hlc_max = std::max(info_.hlc_max, info.hlc_max);
    for (const SeenSection& section : frames[i].sections) {
      Lsn from_lsn = i == 0 ? section.from_lsn : std::max(section.from_lsn, info.first_lsn);
      CFS_RETURN_IF_ERROR(sections_.Add(from_lsn, section.seen));
    }
    for (const ShardRange& range : frames[i].shards) {
      shards_.Cover(range.shard(), range.first_seq(), range.last_seq());
    }
  }
  return Status::Ok();
}

void FrameSealer::WriteBody(std::span<const EntryView> entries, std::span<const uint32_t> kept,
                            size_t payload_bytes, uint8_t* body) const {
  BodySlots slots = LayOutBody(sections_, shards_, kept.size(), payload_bytes, body);
  size_t offset = 0;
  for (uint32_t index : kept) {
    const EntryView& entry = entries[index];
    std::memcpy(static_cast<void*>(slots.entries), entry.header, sizeof(EntryHeader));
    SetHeaderField(slots.entries++, kPayloadOffsetAt, static_cast<uint32_t>(offset));
    if (entry.payload.empty()) continue;
    std::memcpy(slots.payload + offset, entry.payload.data(), entry.payload.size());
    offset += entry.payload.size();
  }
}

Result<SealResult> FrameSealer::Seal(std::span<const FrameView> frames,
                                     std::span<const EntryView> entries,
                                     std::span<const uint32_t> kept, const SealOptions& options,
                                     Buffer* out) {
  CFS_RETURN_IF_ERROR(Gather(frames));
  size_t payload_bytes = 0;
  for (uint32_t index : kept) payload_bytes += entries[index].payload.size();
  size_t raw_bytes = BodyBytes(sections_.body_bytes(), shards_.size(), kept.size(), payload_bytes);
  if (kept.size() > limits::kFrameEntriesMax || raw_bytes > limits::kFrameRawBytesMax) {
    return Status(Code::kTooLarge, "a frame of " + std::to_string(kept.size()) + " entries and " +
                                       std::to_string(raw_bytes) + " raw bytes, expected at most " +
                                       std::to_string(limits::kFrameEntriesMax) + " and " +
                                       std::to_string(limits::kFrameRawBytesMax));
  }

  FrameHead head = HeadOf(info_, kept.size(), raw_bytes);
  out->Resize(limits::kFrameHeaderBytes + raw_bytes);
  uint8_t* stored = out->data() + limits::kFrameHeaderBytes;
  if (options.codec == Codec::None) {
    WriteBody(entries, kept, payload_bytes, stored);
  } else {
    raw_.Resize(raw_bytes);
    WriteBody(entries, kept, payload_bytes, raw_.data());
    size_t room = raw_bytes - raw_bytes / kSavedShareMin - 1;
    auto written = codec_.Compress(options.codec, options.level, raw_.bytes(), {stored, room});
    if (!written.ok()) return written.status();
    if (written.value() > 0) {
      head.codec = options.codec;
      head.stored_bytes = static_cast<uint32_t>(written.value());
    } else {
      std::memcpy(stored, raw_.data(), raw_bytes);
    }
  }
  out->Resize(head.total_bytes());
  WriteFrameHeader(head, out->data());
  return SealResult{head.info, head.codec, head.entry_count, head.raw_bytes, head.stored_bytes};
}

}  // namespace cfsrepl
