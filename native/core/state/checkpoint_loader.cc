#include <algorithm>

#include "base/limits.h"
#include "checksum/crc32c.h"
#include "state/checkpoint.h"
#include "state/checkpoint_format.h"
#include "state/chunk_reader.h"

namespace cfsrepl {
namespace {

using namespace checkpoint_format;  // NOLINT: the layouts are named all over this file

Status Corrupt(uint64_t offset, const std::string& what) {
  return Status(Code::kCorrupt, "checkpoint at offset " + std::to_string(offset) + ": " + what);
}

// Reads forward through a file.
class FileReader {
 public:
  explicit FileReader(const ReadSource& read) : read_(read) {}

  uint64_t offset() const { return offset_; }

  // Exactly `bytes` more, appended to *out, or kCorrupt.
  Status Read(size_t bytes, Buffer* out) {
    size_t start = out->size();
    Result<size_t> got = Fill(std::span<uint8_t>(out->Extend(bytes), bytes));
    if (!got.ok()) return got.status();
    if (got.value() == bytes) return Status::Ok();
    out->Resize(start + got.value());
    return Corrupt(offset_, "the file ends, " + std::to_string(bytes - got.value()) +
                                " bytes short of what its lengths say");
  }

  template <typename T>
  Status ReadStruct(T* out) {
    scratch_.Clear();
    CFS_RETURN_IF_ERROR(Read(sizeof(T), &scratch_));
    std::memcpy(static_cast<void*>(out), scratch_.data(), sizeof(T));
    return Status::Ok();
  }

  Status ExpectEnd() {
    uint8_t byte;
    Result<size_t> got = Fill(std::span<uint8_t>(&byte, 1));
    if (!got.ok()) return got.status();
    return got.value() == 0 ? Status::Ok() : Corrupt(offset_, "bytes follow the footer");
  }

 private:
  Result<size_t> Fill(std::span<uint8_t> out) {
    size_t filled = 0;
    while (filled < out.size()) {
      Result<size_t> got = read_(offset_, out.subspan(filled));
      if (!got.ok()) return got.status();
      if (got.value() == 0) break;
      filled += got.value();
      offset_ += got.value();
    }
    return filled;
  }

  const ReadSource& read_;
  uint64_t offset_ = 0;
  Buffer scratch_;
};

Result<CheckpointHeader> ReadHeader(FileReader* file) {
  FileHeader header;
  CFS_RETURN_IF_ERROR(file->ReadStruct(&header));
  if (header.magic != kFileMagic) return Corrupt(0, "no checkpoint: the magic is wrong");
  if (header.version > kVersion) {
    return Status(Code::kUnsupported, "checkpoint of version " + std::to_string(header.version) +
                                          ", this build knows up to " + std::to_string(kVersion));
  }
  if (header.metadata_bytes > limits::kCheckpointMetadataBytesMax) {
    return Corrupt(12, "metadata_bytes is " + std::to_string(header.metadata_bytes) +
                           ", expected at most " +
                           std::to_string(limits::kCheckpointMetadataBytesMax));
  }
  Buffer metadata;  // grows with what the file really has
  while (metadata.size() < header.metadata_bytes) {
    size_t piece = std::min<size_t>(header.metadata_bytes - metadata.size(), 1 << 20);
    CFS_RETURN_IF_ERROR(file->Read(piece, &metadata));
  }
  uint32_t crc = Crc32cExtend(Crc32c(BytesOf(header, offsetof(FileHeader, crc))), metadata.bytes());
  if (crc != header.crc) return Corrupt(0, "the header's checksum does not match");
  return CheckpointHeader{header.cluster,    header.volume,
                          header.segment,    header.offset,
                          header.record_seq, {metadata.data(), metadata.data() + metadata.size()}};
}

// What the footer must agree with.
struct Totals {
  uint64_t chunks = 0;
  uint64_t records = 0;
  uint32_t chunks_crc = 0;
};

Status ReadFooter(FileReader* file, uint64_t magic, const Totals& totals) {
  uint64_t start = file->offset() - sizeof(magic);
  Footer footer;
  footer.magic = magic;
  Buffer rest;
  CFS_RETURN_IF_ERROR(file->Read(sizeof(Footer) - sizeof(magic), &rest));
  std::memcpy(reinterpret_cast<uint8_t*>(&footer) + sizeof(magic), rest.data(), rest.size());
  if (footer.crc != Crc32c(BytesOf(footer, offsetof(Footer, crc)))) {
    return Corrupt(start, "the footer's checksum does not match");
  }
  if (footer.chunk_count != totals.chunks || footer.record_count != totals.records ||
      footer.chunks_crc != totals.chunks_crc || footer.file_bytes != file->offset()) {
    return Corrupt(start, "the footer disagrees with the chunks before it");
  }
  return file->ExpectEnd();
}

// The rest of a chunk whose first 8 bytes have been read.
Status ReadChunk(FileReader* file, uint64_t first, Buffer* chunk) {
  chunk->Clear();
  chunk->Append(BytesOf(first));
  CFS_RETURN_IF_ERROR(file->Read(sizeof(ChunkHeader) - sizeof(first), chunk));
  Result<size_t> total = ChunkBytes(chunk->bytes());
  if (!total.ok()) return total.status();
  return file->Read(total.value() - sizeof(ChunkHeader), chunk);
}

Status AtOffset(uint64_t offset, const Status& status) {
  bool ours = status.code() == Code::kMalformed || status.code() == Code::kChecksum;
  return ours ? Corrupt(offset, status.message()) : status;
}

}  // namespace

Result<CheckpointHeader> ReadCheckpointHeader(const ReadSource& read) {
  FileReader file(read);
  return ReadHeader(&file);
}

Result<CheckpointHeader> LoadCheckpoint(const ReadSource& read, State* state,
                                        const std::function<void(uint64_t bytes)>& progress) {
  FileReader file(read);
  Result<CheckpointHeader> header = ReadHeader(&file);
  if (!header.ok()) return header;
  Totals totals;
  Buffer chunk;
  for (;;) {
    uint64_t start = file.offset();
    uint64_t first = 0;
    CFS_RETURN_IF_ERROR(file.ReadStruct(&first));
    if (first == kFooterMagic) {
      CFS_RETURN_IF_ERROR(ReadFooter(&file, first, totals));
      return header;
    }
    if (Status status = ReadChunk(&file, first, &chunk); !status.ok()) {
      return AtOffset(start, status);
    }
    Result<ChunkSummary> merged = MergeChunk(chunk.bytes(), state);
    if (!merged.ok()) return AtOffset(start, merged.status());
    totals.chunks++;
    totals.records += merged->record_count;
    totals.chunks_crc = Crc32cExtend(totals.chunks_crc, BytesOf(merged->crc));
    if (progress) progress(file.offset());
  }
}

Status MergeChunks(Bytes chunks, State* state, Ties ties) {
  while (!chunks.empty()) {
    Result<size_t> bytes = ChunkBytes(chunks);
    if (!bytes.ok()) return bytes.status();
    if (bytes.value() > chunks.size()) {
      return Status(Code::kMalformed, "chunk: " + std::to_string(chunks.size()) +
                                          " bytes are there, expected " +
                                          std::to_string(bytes.value()));
    }
    Result<ChunkSummary> merged = MergeChunk(chunks.first(bytes.value()), state, ties);
    if (!merged.ok()) return merged.status();
    chunks = chunks.subspan(bytes.value());
  }
  return Status::Ok();
}

}  // namespace cfsrepl
