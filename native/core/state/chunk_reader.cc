#include "state/chunk_reader.h"

#include <string>

#include "base/bytes.h"
#include "base/limits.h"
#include "checksum/crc32c.h"
#include "state/checkpoint_format.h"

namespace cfsrepl {
namespace {

using namespace checkpoint_format;  // NOLINT: the layouts are named all over this file

Status Malformed(const std::string& what) { return Status(Code::kMalformed, "chunk: " + what); }

bool IsKind(uint8_t kind) {
  switch (static_cast<Kind>(kind)) {
    case Kind::kFifo:
    case Kind::kCharDevice:
    case Kind::kDirectory:
    case Kind::kBlockDevice:
    case Kind::kFile:
    case Kind::kSymlink:
    case Kind::kSocket:
      return true;
    case Kind::kNone:
      return false;
  }
  return false;
}

// One inode record, read front to back. With a State it merges as it reads; without, it only
// checks.
class RecordReader {
 public:
  RecordReader(Bytes record, const std::vector<OriginIndex>& origins, State* state, Ties ties)
      : reader_(record), origins_(origins), state_(state), ties_(ties) {}

  // What is wrong, or ok.
  Status Read() {
    header_ = reader_.Get<RecordHeader>();
    if (const char* wrong = WrongInHeader()) return Malformed(wrong);
    Bytes stamps = reader_.GetBytes(header_.stamp_count * sizeof(PackedStamp));
    if (!reader_.ok()) return Malformed("an inode record ends within its stamps");
    stamps_ = stamps;
    if (const char* wrong = WrongInStamps()) return Malformed(wrong);
    CFS_RETURN_IF_ERROR(ReadInode());
    for (int i = 0; i < header_.link_count; i++) CFS_RETURN_IF_ERROR(ReadLink());
    for (int i = 0; i < header_.xattr_count; i++) CFS_RETURN_IF_ERROR(ReadXattr());
    return reader_.finished() ? Status::Ok()
                              : Malformed("an inode record is longer than its parts");
  }

 private:
  const char* WrongInHeader() const {
    if (!reader_.ok()) return "an inode record ends within its header";
    if (header_.inode == 0) return "inode is 0";
    if (header_.mode > 07777) return "mode has more than permission bits";
    if ((header_.asserts_links & ~kFieldsAll) != 0) return "asserts_links has an unknown bit";
    if (header_.stamp_count == 0) return "stamp_count is 0";
    if ((header_.reserved[0] | header_.reserved[1]) != 0) {
      return "a reserved field of an inode record is not 0";
    }
    if (header_.birth >= header_.stamp_count) return "birth is past the record's stamps";
    if (header_.asserted >= header_.stamp_count) return "asserted is past the record's stamps";
    for (uint16_t field : header_.fields) {
      if (field >= header_.stamp_count) return "a field's stamp is past the record's stamps";
    }
    if (header_.birth != 0 && !IsKind(header_.kind)) return "kind is none that exists";
    bool is_symlink = header_.birth != 0 && static_cast<Kind>(header_.kind) == Kind::kSymlink;
    if (is_symlink != (header_.target_bytes > 0) ||
        header_.target_bytes > limits::kSymlinkTargetBytesMax) {
      return "target_bytes does not fit the kind";
    }
    return nullptr;
  }

  const char* WrongInStamps() const {
    if (RawStamp(0).written()) return "stamp 0 is not zero";
    for (int i = 1; i < header_.stamp_count; i++) {
      if (!IsSource(RawStamp(i).source)) return "a stamp has no origin, an unknown one or no LSN";
    }
    return nullptr;
  }

  bool IsSource(PackedSource source) const {
    return source.origin() != 0 && source.origin() < origins_.size() && source.lsn() != 0;
  }

  PackedStamp RawStamp(size_t number) const {
    PackedStamp stamp;
    std::memcpy(&stamp, stamps_.data() + number * sizeof(stamp), sizeof(stamp));
    return stamp;
  }
  PackedSource Local(PackedSource source) const {
    return PackedSource::Of(origins_[source.origin()], source.lsn());
  }
  PackedStamp StampAt(size_t number) const {
    PackedStamp stamp = RawStamp(number);
    return {stamp.hlc, Local(stamp.source)};
  }

  Status ReadInode() {
    InodeRecordView view;
    view.inode = header_.inode;
    view.target = reader_.GetBytes(header_.target_bytes);
    if (!reader_.ok()) return Malformed("an inode record ends within its target");
    if (state_ == nullptr) return Status::Ok();
    view.birth = StampAt(header_.birth);
    view.kind = static_cast<Kind>(header_.kind);
    view.rdev = header_.rdev;
    for (int i = 0; i < kFieldCount; i++) view.stamps[i] = StampAt(header_.fields[i]);
    view.asserts_links = header_.asserts_links;
    view.asserted = StampAt(header_.asserted);
    view.mode = header_.mode;
    view.uid = header_.uid;
    view.gid = header_.gid;
    view.size = header_.size;
    view.extent_ref = header_.extent_ref;
    view.atime_ns = header_.atime_ns;
    view.mtime_ns = header_.mtime_ns;
    view.file_flags = header_.file_flags;
    view.project = header_.project;
    return state_->MergeInodeRecord(view, ties_);
  }

  Status ReadLink() {
    auto link = reader_.Get<LinkHeader>();
    Bytes name = reader_.GetBytes(link.name_bytes);
    if (!reader_.ok()) return Malformed("an inode record ends within its links");
    PackedSource id{link.id};
    if (state_ == nullptr) {
      if (!IsSource(id)) return Malformed("a link's id has no origin, an unknown one or no LSN");
      if (link.stamp == 0 || link.stamp >= header_.stamp_count) return Malformed("a link's stamp");
      if (link.removed > 1) return Malformed("a link's removed is neither 0 nor 1");
      if (link.parent == 0 || link.parent == header_.inode) return Malformed("a link's parent");
      Status status = ValidateName(name);
      return status.ok() ? status : Malformed(status.message());
    }
    return state_->MergeLinkRecord(
        header_.inode, {Local(id), StampAt(link.stamp), link.removed != 0, link.parent, name},
        ties_);
  }

  Status ReadXattr() {
    auto xattr = reader_.Get<XattrHeader>();
    Bytes key = reader_.GetBytes(xattr.key_bytes);
    Bytes value = reader_.GetBytes(xattr.value_bytes);
    if (!reader_.ok()) return Malformed("an inode record ends within its xattrs");
    if (state_ == nullptr) {
      if (xattr.stamp == 0 || xattr.stamp >= header_.stamp_count) {
        return Malformed("an xattr's stamp");
      }
      if (xattr.removed > 1) return Malformed("an xattr's removed is neither 0 nor 1");
      if (key.empty()) return Malformed("an xattr's key is empty");
      size_t value_bytes_max = xattr.removed != 0 ? 0 : limits::kXattrValueBytesMax;
      if (value.size() > value_bytes_max) return Malformed("an xattr's value is too long");
      return Status::Ok();
    }
    return state_->MergeXattrRecord(header_.inode,
                                    {StampAt(xattr.stamp), xattr.removed != 0, key, value}, ties_);
  }

  ByteReader reader_;
  const std::vector<OriginIndex>& origins_;
  State* const state_;
  const Ties ties_;
  RecordHeader header_{};
  Bytes stamps_;
};

// As RecordReader, for an entry of the ledger.
Status ReadLedgerRecord(Bytes record, const std::vector<OriginIndex>& origins, State* state) {
  ByteReader reader(record);
  const auto stored = reader.Get<LedgerHeader>();
  const Bytes payload = reader.GetBytes(reader.remaining());
  if (stored.reserved != 0) return Malformed("a reserved field of a ledger record is not 0");
  if (stored.origin == 0 || stored.origin >= origins.size() || stored.lsn == 0 ||
      stored.lsn > kLsnMax) {
    return Malformed("a ledger record has no origin, an unknown one or no LSN");
  }
  const Op op = static_cast<Op>(stored.op);
  if (op != Op::Conflict && op != Op::Conflictack) return Malformed("op of a ledger record");
  const EntryHeader header(stored.lsn, stored.hlc, stored.inode, 0, 0,
                           static_cast<uint32_t>(payload.size()), 0, 0, 0, stored.op,
                           kEntrySchemaVersion, 0, 0, 0);
  const Status status = ValidatePayload(header, payload);
  if (!status.ok()) return Malformed(status.message());
  return state == nullptr ? status : state->Merge(header, payload, origins[stored.origin]);
}

// Reads `count` records, which must fill `records`.
Status ReadRecords(uint32_t kind, Bytes records, uint32_t count,
                   const std::vector<OriginIndex>& origins, State* state, Ties ties) {
  const size_t least_bytes = kind == kLedgerChunk ? sizeof(LedgerHeader) : sizeof(RecordHeader);
  const uint8_t* const start = records.data();
  for (uint32_t i = 0; i < count; i++) {
    uint32_t record_bytes = 0;
    if (records.size() < sizeof(record_bytes)) return Malformed("fewer records than record_count");
    std::memcpy(&record_bytes, records.data(), sizeof(record_bytes));
    if (record_bytes > records.size() || record_bytes > limits::kCheckpointRecordBytesMax ||
        record_bytes < least_bytes) {
      return Malformed("record_bytes is " + std::to_string(record_bytes) + ", out of range");
    }
    const Bytes record = records.first(record_bytes);
    Status status = kind == kLedgerChunk ? ReadLedgerRecord(record, origins, state)
                                         : RecordReader(record, origins, state, ties).Read();
    if (!status.ok()) {
      return Status(status.code(), status.message() + " (record at offset " +
                                       std::to_string(records.data() - start) + ")");
    }
    records = records.subspan(record_bytes);
  }
  return records.empty() ? Status::Ok() : Malformed("bytes between records and origins");
}

// Puts the State's indices for the chunk's origins into *indices.
Status InternOrigins(Bytes table, State* state, std::vector<OriginIndex>* indices) {
  ByteReader reader(table);
  for (size_t i = 0; i < table.size() / sizeof(ChunkOrigin); i++) {
    auto stored = reader.Get<ChunkOrigin>();
    if ((stored.reserved[0] | stored.reserved[1] | stored.reserved[2]) != 0) {
      return Malformed("a reserved field of an origin is not 0");
    }
    Origin origin{stored.site, stored.incarnation};
    if ((i == 0) != (origin == Origin{})) return Malformed("origin 0, and only it, must be none");
    Result<OriginIndex> index = state->Intern(origin);
    if (!index.ok()) return index.status();
    indices->push_back(index.value());
  }
  return Status::Ok();
}

}  // namespace

Result<size_t> ChunkBytes(Bytes start) {
  ChunkHeader header;
  if (start.size() < sizeof(header)) return Malformed("it ends within its header");
  std::memcpy(&header, start.data(), sizeof(header));
  if (header.magic != kChunkMagic) return Malformed("the magic is wrong");
  if (header.version > kVersion) {
    return Status(Code::kUnsupported, "chunk of version " + std::to_string(header.version) +
                                          ", this build knows up to " + std::to_string(kVersion));
  }
  size_t bytes = sizeof(header) + size_t{header.records_bytes} +
                 size_t{header.origin_count} * sizeof(ChunkOrigin);
  if (bytes > limits::kCheckpointChunkBytesMax || header.kind > kLedgerChunk ||
      header.origin_count == 0) {
    return Malformed("the header's lengths are out of range");
  }
  return bytes;
}

Result<ChunkSummary> MergeChunk(Bytes chunk, State* state, Ties ties) {
  ChunkHeader header;
  std::memcpy(&header, chunk.data(), sizeof(header));
  Bytes body = chunk.subspan(sizeof(header));
  uint32_t crc = Crc32cExtend(Crc32c(chunk.first(offsetof(ChunkHeader, crc))), body);
  if (crc != header.crc) return Status(Code::kChecksum, "chunk: the checksum does not match");
  Bytes records = body.first(header.records_bytes);
  std::vector<OriginIndex> origins;
  CFS_RETURN_IF_ERROR(InternOrigins(body.subspan(header.records_bytes), state, &origins));
  CFS_RETURN_IF_ERROR(
      ReadRecords(header.kind, records, header.record_count, origins, nullptr, ties));
  CFS_RETURN_IF_ERROR(ReadRecords(header.kind, records, header.record_count, origins, state, ties));
  return ChunkSummary{header.record_count, header.crc};
}

}  // namespace cfsrepl
