// Writing frames: the origin's raw groups, entry by entry, and sealed batches from several raw
// groups. FORMAT.md, "Frame", is the specification.
#ifndef CFS_REPL_FRAME_FRAME_WRITER_H_
#define CFS_REPL_FRAME_FRAME_WRITER_H_

#include <span>
#include <vector>

#include "base/buffer.h"
#include "base/entry.h"
#include "base/status.h"
#include "codec/codec.h"
#include "frame/frame.h"
#include "frame/frame_body.h"

namespace cfsrepl {

// Collects entries and writes them as one frame of codec none. For one origin; one thread at a
// time; reuse it, and it stops allocating.
//
//   writer.Begin(cluster, origin, epoch);
//   writer.AddSection(lsn, state.seen());                       // before the entries it holds for
//   while (writer.HasRoom(payload.size())) writer.Append(header, payload);
//   writer.Finish(&out);
class FrameWriter {
 public:
  // Forgets what was collected and starts a frame.
  void Begin(const Uuid& cluster, const Origin& origin, Epoch epoch);

  // W3C trace context of what follows; none unless given.
  void SetTrace(uint64_t trace_id_hi, uint64_t trace_id_lo, uint64_t span_id);

  // From `from_lsn` on, the origin had seen `seen` (what it says of the frame's own origin is left
  // out). A section that says the same as the one before it is dropped. Needed before the first
  // entry; from_lsn is not past the next entry. kTooLarge past kFrameSectionsMax sections.
  Status AddSection(Lsn from_lsn, const VersionVector& seen);

  // Whether an entry with so many payload bytes, and its section if it needs one of
  // `section_origins` origins, fits into the limits of a frame.
  bool HasRoom(size_t payload_bytes, size_t section_origins = 0) const;

  // Adds an entry, copying both. payload_offset, payload_bytes and crc of `header` are ignored and
  // made here; the rest is kept. LSNs follow each other, HLCs do not decrease, HasRoom was true.
  void Append(const EntryHeader& header, Bytes payload);

  size_t entry_count() const { return entries_.size(); }
  size_t raw_bytes() const;  // of the body as it stands, for cutting at kFrameRawBytesTarget

  // Writes the frame over *out. kInvalidArgument without an entry or a section. The writer keeps
  // what it collected until Begin.
  Status Finish(Buffer* out) const;

 private:
  FrameInfo info_;
  std::vector<EntryHeader> entries_;
  Buffer payload_;
  SectionList sections_;
  std::vector<schema::OriginLsn> seen_scratch_;
  ShardRangeTable shards_;
};

struct SealOptions {
  Codec codec = Codec::None;
  int level = 0;  // as CodecContext::Compress has it
};

struct SealResult {
  FrameInfo info;
  Codec codec = Codec::None;  // none when compression did not pay
  uint32_t entry_count = 0;
  uint32_t raw_bytes = 0;
  uint32_t stored_bytes = 0;
};

// Seals what compaction kept of several consecutive frames of one origin into one frame: range,
// HLC, sections and shard ranges are those of all entries, kept or not. Entries keep their CRCs.
// One thread at a time; reuse it, and it stops allocating.
class FrameSealer {
 public:
  // `frames` follow each other without a gap in LSN; `entries` are all their entries in order,
  // `kept` the ascending indices of those that stay (see Compactor). Writes the frame over *out;
  // payload bytes are copied once into the body and once more by the compressor. The trace context
  // and the epoch are the last frame's. kInvalidArgument for no frames, a gap, or frames of several
  // origins or clusters; kTooLarge when the survivors do not fit into one frame.
  Result<SealResult> Seal(std::span<const FrameView> frames, std::span<const EntryView> entries,
                          std::span<const uint32_t> kept, const SealOptions& options, Buffer* out);

 private:
  // Range, HLC, sections and shard ranges of them all.
  Status Gather(std::span<const FrameView> frames);
  void WriteBody(std::span<const EntryView> entries, std::span<const uint32_t> kept,
                 size_t payload_bytes, uint8_t* body) const;

  FrameInfo info_;
  SectionList sections_;
  ShardRangeTable shards_;
  Buffer raw_;
  CodecContext codec_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_FRAME_FRAME_WRITER_H_
