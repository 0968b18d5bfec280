#include <algorithm>

#include "base/limits.h"
#include "checksum/crc32c.h"
#include "state/checkpoint.h"
#include "state/checkpoint_format.h"
#include "state/chunk_builder.h"

namespace cfsrepl {

using namespace checkpoint_format;  // NOLINT: the layouts are named all over this file

namespace {

constexpr size_t kCopiedPieceBytes = 1024 * 1024;
static_assert(kCheckpointBytesMin == sizeof(FileHeader) + sizeof(Footer));

Result<FileHeader> ToFileHeader(const CheckpointHeader& from) {
  if (from.engine_metadata.size() > limits::kCheckpointMetadataBytesMax) {
    return Status(Code::kTooLarge,
                  "checkpoint: the engine's metadata has " +
                      std::to_string(from.engine_metadata.size()) + " bytes, at most " +
                      std::to_string(limits::kCheckpointMetadataBytesMax) + " are allowed");
  }
  FileHeader header{};
  header.magic = kFileMagic;
  header.version = kVersion;
  header.metadata_bytes = static_cast<uint32_t>(from.engine_metadata.size());
  header.cluster = from.cluster;
  header.volume = from.volume;
  header.segment = from.segment;
  header.offset = from.offset;
  header.record_seq = from.record_seq;
  header.crc =
      Crc32cExtend(Crc32c(BytesOf(header, offsetof(FileHeader, crc))), from.engine_metadata);
  return header;
}

Status Cut(uint64_t offset) {
  return Status(Code::kCorrupt, "checkpoint: the file ends at offset " + std::to_string(offset));
}

// Exactly out.size() bytes.
Status ReadAll(const ReadSource& read, uint64_t offset, std::span<uint8_t> out) {
  while (!out.empty()) {
    Result<size_t> got = read(offset, out);
    if (!got.ok()) return got.status();
    if (got.value() == 0) return Cut(offset);
    offset += got.value();
    out = out.subspan(got.value());
  }
  return Status::Ok();
}

Result<Footer> ReadFooterAt(const ReadSource& read, uint64_t offset) {
  Footer footer;
  CFS_RETURN_IF_ERROR(
      ReadAll(read, offset, std::span(reinterpret_cast<uint8_t*>(&footer), sizeof(footer))));
  if (footer.magic != kFooterMagic ||
      footer.crc != Crc32c(BytesOf(footer, offsetof(Footer, crc))) ||
      footer.file_bytes != offset + sizeof(footer)) {
    return Status(Code::kCorrupt,
                  "checkpoint: no footer of this file at offset " + std::to_string(offset));
  }
  return footer;
}

}  // namespace

CheckpointWriter::CheckpointWriter(const State* state, CheckpointHeader header, AppendSink append)
    : state_(state),
      header_(std::move(header)),
      append_(std::move(append)),
      filling_(std::make_unique<ChunkBuilder>(&state->store())) {}

CheckpointWriter::~CheckpointWriter() = default;

Status CheckpointWriter::Start() {
  Result<FileHeader> header = ToFileHeader(header_);
  if (!header.ok()) return header.status();
  CFS_RETURN_IF_ERROR(Append(BytesOf(header.value())));
  return Append(header_.engine_metadata);
}

bool CheckpointWriter::Step(size_t max_inodes) {
  auto rotate = [this] {
    full_.push_back(std::move(filling_));
    filling_ = std::make_unique<ChunkBuilder>(&state_->store());
    return filling_.get();
  };
  // Once past the inodes, what comes after the checkpoint's place in the log is in the log.
  if (in_ledger_) return StepLedger(max_inodes);
  const uint32_t end = state_->store().inodes.end();
  for (size_t count = 0; count < max_inodes && next_slot_ < end; count++) {
    const uint32_t slot = next_slot_++;
    if (state_->store().inodes[slot].inode == 0) continue;  // free
    ChunkBuilder::AddInode(filling_.get(), slot, rotate);
    inodes_++;
  }
  return next_slot_ >= end && StepLedger(max_inodes);
}

// Up to `max_records` more. The entries of a record are its conflict and its acknowledgement.
bool CheckpointWriter::StepLedger(size_t max_records) {
  const Ledger& ledger = state_->ledger();
  if (!in_ledger_) {
    if (filling_->record_count() > 0) full_.push_back(std::move(filling_));
    filling_ = std::make_unique<ChunkBuilder>(&state_->store(), kLedgerChunk);
    in_ledger_ = true;
  }
  auto record = ledger.After(ledger_place_);
  for (size_t count = 0; count < max_records && record != ledger.end(); count++, ++record) {
    ledger_place_ = record->first;
    const LinkId& id = ledger_place_.id;
    filling_->AddLedgerEntry({ledger_place_.hlc, id.origin, id.lsn}, Op::Conflict,
                             record->second.inode, record->second.payload);
    if (record->second.settled) {
      std::vector<uint8_t> ack;
      EncodeConflictAck({id, record->second.how}, &ack);
      filling_->AddLedgerEntry(record->second.settled_at, Op::Conflictack, kRootInode, ack);
    }
    if (!filling_->full()) continue;
    full_.push_back(std::move(filling_));
    filling_ = std::make_unique<ChunkBuilder>(&state_->store(), kLedgerChunk);
  }
  return record == ledger.end();
}

Status CheckpointWriter::Flush() {
  for (const auto& chunk : full_) {
    chunk->Seal();
    uint32_t crc = chunk->crc();
    chunks_crc_ = Crc32cExtend(chunks_crc_, BytesOf(crc));
    chunks_++;
    records_ += chunk->record_count();
    CFS_RETURN_IF_ERROR(Append(chunk->bytes()));
  }
  full_.clear();
  return Status::Ok();
}

Status CheckpointWriter::Finish() {
  if (filling_->record_count() > 0) full_.push_back(std::move(filling_));
  CFS_RETURN_IF_ERROR(Flush());
  Footer footer{};
  footer.magic = kFooterMagic;
  footer.chunk_count = chunks_;
  footer.record_count = records_;
  footer.file_bytes = bytes_written_ + sizeof(footer);
  footer.chunks_crc = chunks_crc_;
  footer.crc = Crc32c(BytesOf(footer, offsetof(Footer, crc)));
  return Append(BytesOf(footer));
}

Status CheckpointWriter::Append(Bytes bytes) {
  bytes_written_ += bytes.size();
  return append_(bytes);
}

Status RewriteCheckpoint(const ReadSource& read, uint64_t file_bytes,
                         const CheckpointHeader& header,
                         const CheckpointWriter::AppendSink& append) {
  Result<CheckpointHeader> old = ReadCheckpointHeader(read);
  if (!old.ok()) return old.status();
  uint64_t at = sizeof(FileHeader) + old->engine_metadata.size();
  if (file_bytes < at + sizeof(Footer)) return Cut(file_bytes);
  const uint64_t end = file_bytes - sizeof(Footer);
  Result<Footer> footer = ReadFooterAt(read, end);
  if (!footer.ok()) return footer.status();
  Result<FileHeader> fixed = ToFileHeader(header);
  if (!fixed.ok()) return fixed.status();

  CFS_RETURN_IF_ERROR(append(BytesOf(fixed.value())));
  CFS_RETURN_IF_ERROR(append(header.engine_metadata));
  footer->file_bytes = file_bytes - at + sizeof(FileHeader) + header.engine_metadata.size();
  std::vector<uint8_t> piece(std::min<uint64_t>(kCopiedPieceBytes, end - at));
  for (; at < end; at += piece.size()) {
    piece.resize(std::min<uint64_t>(piece.size(), end - at));
    CFS_RETURN_IF_ERROR(ReadAll(read, at, piece));
    CFS_RETURN_IF_ERROR(append(piece));
  }
  footer->crc = Crc32c(BytesOf(footer.value(), offsetof(Footer, crc)));
  return append(BytesOf(footer.value()));
}

Status EncodeInodeChunks(const State& state, Inode inode, Buffer* out) {
  uint32_t slot = state.store().FindInode(inode);
  if (slot == 0) {
    return Status(Code::kNotFound, "inode " + std::to_string(inode) + " is not known");
  }
  auto builder = std::make_unique<ChunkBuilder>(&state.store());
  auto seal = [&] {
    if (builder->record_count() == 0) return;
    builder->Seal();
    out->Append(builder->bytes());
  };
  ChunkBuilder::AddInode(builder.get(), slot, [&] {
    seal();
    builder = std::make_unique<ChunkBuilder>(&state.store());
    return builder.get();
  });
  seal();
  return Status::Ok();
}

}  // namespace cfsrepl
