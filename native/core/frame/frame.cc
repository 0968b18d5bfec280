#include "frame/frame.h"

#include <flatbuffers/flatbuffers.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "checksum/crc32c.h"

namespace cfsrepl {
namespace {

static_assert(sizeof(schema::FrameHeader) == limits::kFrameHeaderBytes);
static_assert(sizeof(schema::OriginLsn) == 24);
static_assert(sizeof(ShardRange) == 24);

constexpr size_t kBodyAlignment = 8;
constexpr size_t kHeaderCrcAt = 124;

std::string ToText(uint64_t value) { return std::to_string(value); }

// "<where>: <field> is <value>, expected <expected>"
Status Wrong(Code code, const std::string& where, std::string_view field, uint64_t value,
             const std::string& expected) {
  return Status(
      code, where + ": " + std::string(field) + " is " + ToText(value) + ", expected " + expected);
}

Status WrongHeader(Code code, std::string_view field, uint64_t value, const std::string& expected) {
  return Wrong(code, "frame header", field, value, expected);
}

Status WrongBody(const FrameInfo& info, const std::string& what) {
  return Status(Code::kMalformed, "frame body of LSN " + ToText(info.first_lsn) + " to " +
                                      ToText(info.last_lsn) + ": " + what);
}

// Magic, version and CRC: whether the other fields mean anything at all.
Status CheckHeaderIsOurs(const schema::FrameHeader& header) {
  if (header.magic() != kFrameMagic) {
    return WrongHeader(Code::kMalformed, "magic", header.magic(), ToText(kFrameMagic));
  }
  if (header.version() != kFrameVersion) {
    Code code = header.version() > kFrameVersion ? Code::kUnsupported : Code::kMalformed;
    return WrongHeader(code, "version", header.version(), ToText(kFrameVersion));
  }
  if (header.header_bytes() != limits::kFrameHeaderBytes) {
    return WrongHeader(Code::kMalformed, "header_bytes", header.header_bytes(),
                       ToText(limits::kFrameHeaderBytes));
  }
  uint8_t zeroed[limits::kFrameHeaderBytes];
  std::memcpy(zeroed, &header, sizeof(zeroed));
  std::memset(zeroed + kHeaderCrcAt, 0, sizeof(uint32_t));
  uint32_t crc = Crc32c(zeroed);
  if (header.header_crc() == crc) return Status::Ok();
  return WrongHeader(Code::kChecksum, "header_crc", header.header_crc(), ToText(crc));
}

Status CheckHeaderRange(const schema::FrameHeader& header) {
  if (header.site() == 0) return WrongHeader(Code::kMalformed, "site", 0, "1 to 65535");
  if (header.first_lsn() == 0) return WrongHeader(Code::kMalformed, "first_lsn", 0, "1 or more");
  if (header.last_lsn() > kLsnMax) {
    return WrongHeader(Code::kMalformed, "last_lsn", header.last_lsn(),
                       "at most " + ToText(kLsnMax));
  }
  if (header.first_lsn() > header.last_lsn()) {
    return WrongHeader(Code::kMalformed, "first_lsn", header.first_lsn(),
                       "at most last_lsn " + ToText(header.last_lsn()));
  }
  if (header.flags() != 0) return WrongHeader(Code::kMalformed, "flags", header.flags(), "0");
  if (header.reserved0() != 0 || header.reserved1() != 0) {
    return WrongHeader(Code::kMalformed, "reserved", header.reserved0() | header.reserved1(), "0");
  }
  return Status::Ok();
}

Status CheckHeaderSizes(const schema::FrameHeader& header) {
  if (header.codec() > static_cast<uint8_t>(Codec::MAX)) {
    return WrongHeader(Code::kUnsupported, "codec", header.codec(),
                       "none (0), lz4 (1) or zstd (2)");
  }
  if (header.raw_bytes() > limits::kFrameRawBytesMax) {
    return WrongHeader(Code::kTooLarge, "raw_bytes", header.raw_bytes(),
                       "at most " + ToText(limits::kFrameRawBytesMax));
  }
  bool is_raw = header.codec() == static_cast<uint8_t>(Codec::None);
  if (is_raw && header.stored_bytes() != header.raw_bytes()) {
    return WrongHeader(Code::kMalformed, "stored_bytes", header.stored_bytes(),
                       "raw_bytes " + ToText(header.raw_bytes()) + " as the codec is none");
  }
  if (!is_raw && header.stored_bytes() >= header.raw_bytes()) {
    return WrongHeader(Code::kMalformed, "stored_bytes", header.stored_bytes(),
                       "less than raw_bytes " + ToText(header.raw_bytes()) + " when compressed");
  }
  if (header.entry_count() > limits::kFrameEntriesMax) {
    return WrongHeader(Code::kTooLarge, "entry_count", header.entry_count(),
                       "at most " + ToText(limits::kFrameEntriesMax));
  }
  uint64_t range = header.last_lsn() - header.first_lsn() + 1;
  uint64_t count_max = std::min<uint64_t>(range, header.raw_bytes() / sizeof(EntryHeader));
  if (header.entry_count() > count_max) {
    return WrongHeader(Code::kMalformed, "entry_count", header.entry_count(),
                       "at most " + ToText(count_max) + " by the LSN range and raw_bytes");
  }
  return Status::Ok();
}

// Leaves the raw body, aligned, in *body: where it lies, copied, or decompressed.
Status LoadBody(const FrameHead& head, Bytes stored, FrameScratch* scratch, Bytes* body) {
  bool is_aligned = reinterpret_cast<uintptr_t>(stored.data()) % kBodyAlignment == 0;
  if (head.codec == Codec::None && is_aligned) {
    *body = stored;
    return Status::Ok();
  }
  scratch->raw.Resize(head.raw_bytes);
  *body = scratch->raw.bytes();
  return scratch->codec.Decompress(head.codec, stored, {scratch->raw.data(), scratch->raw.size()});
}

// FlatBuffers' verifier leaves the alignment of struct elements to us.
bool IsAligned(const void* elements) {
  return reinterpret_cast<uintptr_t>(elements) % kBodyAlignment == 0;
}

template <typename T>
bool TakeStructs(const flatbuffers::Vector<const T*>* vector, std::span<const T>* out) {
  if (vector == nullptr || vector->size() == 0) {
    *out = {};
    return true;
  }
  if (!IsAligned(vector->Data())) return false;
  *out = {reinterpret_cast<const T*>(vector->Data()), vector->size()};
  return true;
}

Status VerifyFlatBuffer(const FrameInfo& info, Bytes body, const schema::FrameBody** out) {
  flatbuffers::Verifier::Options options;
  options.max_depth = 2;
  options.max_tables = limits::kFrameSectionsMax + 1;
  flatbuffers::Verifier verifier(body.data(), body.size(), options);
  if (!schema::VerifyFrameBodyBuffer(verifier)) {
    return WrongBody(info, "it is no FrameBody of at most " + ToText(limits::kFrameSectionsMax) +
                               " sections whose offsets and lengths lie inside its " +
                               ToText(body.size()) + " bytes");
  }
  *out = schema::GetFrameBody(body.data());
  return Status::Ok();
}

Status CheckSeen(const FrameInfo& info, const SeenSection& section) {
  std::string where = "section from LSN " + ToText(section.from_lsn);
  if (section.seen.size() > limits::kOriginsMax) {
    return Status(Code::kTooLarge, where + ": " + ToText(section.seen.size()) +
                                       " origins, expected at most " + ToText(limits::kOriginsMax));
  }
  Origin previous;
  for (const schema::OriginLsn& seen : section.seen) {
    Origin origin{seen.site(), seen.incarnation()};
    if (origin.site == 0 || origin <= previous) {
      return WrongBody(info, where + ": origins are not ascending from site 1");
    }
    if (origin == info.origin) return WrongBody(info, where + ": it names the frame's own origin");
    if (seen.lsn() == 0 || seen.lsn() > kLsnMax) {
      return WrongBody(
          info, where + ": lsn is " + ToText(seen.lsn()) + ", expected 1 to " + ToText(kLsnMax));
    }
    if (seen.reserved0() != 0 || seen.reserved1() != 0) {
      return WrongBody(info, where + ": a reserved field is not 0");
    }
    previous = origin;
  }
  return Status::Ok();
}

Status TakeSections(const FrameInfo& info, const schema::FrameBody& body, size_t body_bytes,
                    std::vector<SeenSection>* out) {
  out->clear();
  if (body.seen() == nullptr || body.seen()->size() == 0) {
    return WrongBody(info, "it has no version vector section, expected at least one");
  }
  size_t seen_bytes = 0;
  for (const schema::VersionVectorSection* stored : *body.seen()) {
    SeenSection section{stored->from_lsn(), {}};
    if (!TakeStructs(stored->seen(), &section.seen)) {
      return WrongBody(info, "seen is not aligned to 8 bytes");
    }
    // Sections may not share their lists: what follows is then linear in the bytes received.
    seen_bytes += section.seen.size_bytes();
    if (seen_bytes > body_bytes) return WrongBody(info, "its sections overlap");
    Lsn least = out->empty() ? 0 : out->back().from_lsn + 1;
    Lsn greatest = out->empty() ? info.first_lsn : info.last_lsn;
    if (section.from_lsn < least || section.from_lsn > greatest) {
      return WrongBody(info, "from_lsn of section " + ToText(out->size()) + " is " +
                                 ToText(section.from_lsn) + ", expected " + ToText(least) + " to " +
                                 ToText(greatest));
    }
    CFS_RETURN_IF_ERROR(CheckSeen(info, section));
    out->push_back(section);
  }
  return Status::Ok();
}

Status CheckShards(const FrameInfo& info, std::span<const ShardRange> shards) {
  uint32_t least = 0;
  for (const ShardRange& range : shards) {
    if (range.shard() < least || range.shard() >= limits::kShardsMax) {
      return WrongBody(info, "shard is " + ToText(range.shard()) + ", expected " + ToText(least) +
                                 " to " + ToText(limits::kShardsMax - 1));
    }
    if (range.first_seq() > range.last_seq()) {
      return WrongBody(info, "first_seq of shard " + ToText(range.shard()) + " is " +
                                 ToText(range.first_seq()) + ", expected at most last_seq " +
                                 ToText(range.last_seq()));
    }
    if (range.reserved0() != 0 || range.reserved1() != 0) {
      return WrongBody(info, "a reserved field of shard " + ToText(range.shard()) + " is not 0");
    }
    least = range.shard() + 1u;
  }
  return Status::Ok();
}

Status WrongEntry(const EntryHeader& header, std::string_view field, uint64_t value,
                  const std::string& expected) {
  return Wrong(Code::kMalformed, "entry LSN " + ToText(header.lsn()), field, value, expected);
}

// What tells one entry's place from the one before it.
struct EntryPlace {
  Lsn lsn_least;
  Hlc hlc_least;
  size_t payload_offset;
};

Status CheckEntryPlace(const FrameView& view, const EntryHeader& header, const EntryPlace& place) {
  const FrameInfo& info = view.info;
  if (header.lsn() < place.lsn_least || header.lsn() > info.last_lsn) {
    return WrongEntry(header, "lsn", header.lsn(),
                      ToText(place.lsn_least) + " to " + ToText(info.last_lsn));
  }
  if (header.hlc() < place.hlc_least || header.hlc() > info.hlc_max) {
    return WrongEntry(header, "hlc", header.hlc(),
                      ToText(place.hlc_least) + " to " + ToText(info.hlc_max));
  }
  if (header.site() != info.origin.site) {
    return WrongEntry(header, "site", header.site(), ToText(info.origin.site));
  }
  if (header.shard() >= limits::kShardsMax) {
    return WrongEntry(header, "shard", header.shard(), "less than " + ToText(limits::kShardsMax));
  }
  if (header.payload_offset() != place.payload_offset) {
    return WrongEntry(header, "payload_offset", header.payload_offset(),
                      ToText(place.payload_offset) + ", where the payload before it ends");
  }
  size_t bytes_max =
      std::min(limits::kEntryPayloadBytesMax, view.payload.size() - place.payload_offset);
  if (header.payload_bytes() > bytes_max) {
    return WrongEntry(header, "payload_bytes", header.payload_bytes(),
                      "at most " + ToText(bytes_max));
  }
  return Status::Ok();
}

// CRC, then payload rules; counts what this build does not know.
Status CheckEntryContent(const EntryView& entry, uint32_t* unsupported_count) {
  uint32_t crc = EntryCrc(*entry.header, entry.payload);
  if (entry.header->crc() != crc) {
    return Wrong(Code::kChecksum, "entry LSN " + ToText(entry.header->lsn()), "crc",
                 entry.header->crc(), ToText(crc));
  }
  Status status = ValidatePayload(*entry.header, entry.payload);
  if (status.code() != Code::kUnsupported) return status;
  ++*unsupported_count;
  return Status::Ok();
}

Status CheckEntries(FrameView* view, Verify verify) {
  EntryPlace place{view->info.first_lsn, 0, 0};
  for (size_t i = 0; i < view->entries.size(); ++i) {
    const EntryHeader& header = view->entries[i];
    CFS_RETURN_IF_ERROR(CheckEntryPlace(*view, header, place));
    if (verify == Verify::kAll) {
      CFS_RETURN_IF_ERROR(CheckEntryContent(view->entry(i), &view->unsupported_count));
    }
    place = {header.lsn() + 1, header.hlc(), place.payload_offset + header.payload_bytes()};
  }
  if (place.payload_offset == view->payload.size()) return Status::Ok();
  return WrongBody(view->info, "payload has " + ToText(view->payload.size()) + " bytes, expected " +
                                   ToText(place.payload_offset) + " by the entries");
}

Status TakeBody(const FrameHead& head, Bytes bytes, Verify verify, FrameScratch* scratch,
                FrameView* view) {
  const schema::FrameBody* body = nullptr;
  CFS_RETURN_IF_ERROR(VerifyFlatBuffer(head.info, bytes, &body));
  view->body = bytes;
  view->payload = {body->payload()->data(), body->payload()->size()};
  if (!TakeStructs(body->entries(), &view->entries) ||
      !TakeStructs(body->shards(), &view->shards)) {
    return WrongBody(head.info, "entries or shards are not aligned to 8 bytes");
  }
  if (view->entries.size() != head.entry_count) {
    return WrongBody(head.info, "entries has " + ToText(view->entries.size()) +
                                    " elements, expected entry_count " + ToText(head.entry_count));
  }
  CFS_RETURN_IF_ERROR(TakeSections(head.info, *body, bytes.size(), &scratch->sections));
  view->sections = scratch->sections;
  CFS_RETURN_IF_ERROR(CheckShards(head.info, view->shards));
  return CheckEntries(view, verify);
}

}  // namespace

Result<FrameHead> PeekFrameHeader(Bytes prefix) {
  if (prefix.size() < limits::kFrameHeaderBytes) {
    return Status(Code::kInvalidArgument, "a frame header needs " +
                                              ToText(limits::kFrameHeaderBytes) +
                                              " bytes, there are " + ToText(prefix.size()));
  }
  schema::FrameHeader header;
  std::memcpy(static_cast<void*>(&header), prefix.data(), sizeof(header));
  CFS_RETURN_IF_ERROR(CheckHeaderIsOurs(header));
  CFS_RETURN_IF_ERROR(CheckHeaderRange(header));
  CFS_RETURN_IF_ERROR(CheckHeaderSizes(header));
  FrameHead head;
  head.info = {{header.cluster_hi(), header.cluster_lo()},
               {header.site(), header.incarnation()},
               header.epoch(),
               header.first_lsn(),
               header.last_lsn(),
               header.hlc_max(),
               header.trace_id_hi(),
               header.trace_id_lo(),
               header.span_id()};
  head.codec = static_cast<Codec>(header.codec());
  head.entry_count = header.entry_count();
  head.raw_bytes = header.raw_bytes();
  head.stored_bytes = header.stored_bytes();
  head.body_crc = header.body_crc();
  return head;
}

VersionVector SeenSection::ToVersionVector() const {
  VersionVector vector;
  for (const schema::OriginLsn& origin : seen) {
    vector.Raise({origin.site(), origin.incarnation()}, origin.lsn());
  }
  return vector;
}

size_t FrameView::SectionIndexOf(Lsn lsn) const {
  auto after = std::upper_bound(
      sections.begin(), sections.end(), lsn,
      [](Lsn value, const SeenSection& section) { return value < section.from_lsn; });
  return static_cast<size_t>(after - sections.begin()) - 1;
}

Result<FrameView> OpenFrame(Bytes frame, FrameScratch* scratch, Verify verify) {
  if (frame.size() < limits::kFrameHeaderBytes) {
    return Wrong(Code::kMalformed, "frame", "its length", frame.size(),
                 "at least the header's " + ToText(limits::kFrameHeaderBytes));
  }
  auto peeked = PeekFrameHeader(frame);
  if (!peeked.ok()) return peeked.status();
  const FrameHead& head = peeked.value();
  if (frame.size() != head.total_bytes()) {
    return Wrong(Code::kMalformed, "frame", "its length", frame.size(),
                 ToText(head.total_bytes()) + " by its header");
  }
  Bytes stored = frame.subspan(limits::kFrameHeaderBytes);
  if (verify == Verify::kAll) {
    uint32_t crc = Crc32c(stored);
    if (crc != head.body_crc) {
      return WrongHeader(Code::kChecksum, "body_crc", head.body_crc, ToText(crc));
    }
  }
  FrameView view;
  view.info = head.info;
  view.codec = head.codec;
  view.raw_bytes = head.raw_bytes;
  view.stored_bytes = head.stored_bytes;
  Bytes body;
  CFS_RETURN_IF_ERROR(LoadBody(head, stored, scratch, &body));
  CFS_RETURN_IF_ERROR(TakeBody(head, body, verify, scratch, &view));
  return view;
}

}  // namespace cfsrepl
