// Reading frames: the only place where bytes from a peer or a disk become entries.
// FORMAT.md, "Frame", is the specification; the checks run in the order it lists them.
#ifndef CFS_REPL_FRAME_FRAME_H_
#define CFS_REPL_FRAME_FRAME_H_

#include <span>
#include <vector>

#include "base/buffer.h"
#include "base/entry.h"
#include "base/limits.h"
#include "base/status.h"
#include "base/types.h"
#include "codec/codec.h"
#include "schema/generated/frame_generated.h"

namespace cfsrepl {

using ShardRange = schema::ShardRange;  // shard(), first_seq(), last_seq(); both ends included

inline constexpr uint32_t kFrameMagic = 0x46534643;  // the bytes "CFSF"
inline constexpr uint16_t kFrameVersion = 1;

// What a frame says about all its entries. The range is what the frame covers: compaction may have
// dropped entries anywhere in it, both ends included.
struct FrameInfo {
  Uuid cluster;
  Origin origin;
  Epoch epoch = 0;
  Lsn first_lsn = 0;
  Lsn last_lsn = 0;
  Hlc hlc_max = 0;           // no entry of the range has a greater HLC
  uint64_t trace_id_hi = 0;  // W3C trace context; all zero when not traced
  uint64_t trace_id_lo = 0;
  uint64_t span_id = 0;
};

// The fixed header, checked.
struct FrameHead {
  FrameInfo info;
  Codec codec = Codec::None;
  uint32_t entry_count = 0;
  uint32_t raw_bytes = 0;     // the body as a FlatBuffer
  uint32_t stored_bytes = 0;  // the body as it follows the header
  uint32_t body_crc = 0;

  size_t total_bytes() const { return limits::kFrameHeaderBytes + stored_bytes; }
};

// Checks the first kFrameHeaderBytes of a frame (magic, version, header CRC, then every limit and
// relation) and says how long the whole is, before memory is spent on it. kInvalidArgument if
// `prefix` is shorter than a header.
Result<FrameHead> PeekFrameHeader(Bytes prefix);

// What the origin had seen of other origins when it wrote from_lsn and what follows, up to the next
// section. Ascending by (site, incarnation); never names the frame's own origin. Points into the
// frame.
struct SeenSection {
  Lsn from_lsn = 0;
  std::span<const schema::OriginLsn> seen;

  VersionVector ToVersionVector() const;
};

// A verified frame. Points into the bytes given to OpenFrame and into the scratch: both must stay
// as they are while the view or anything taken from it is in use. Copying copies no entries.
struct FrameView {
  FrameInfo info;
  Codec codec = Codec::None;
  uint32_t raw_bytes = 0;
  uint32_t stored_bytes = 0;
  uint32_t unsupported_count = 0;  // entries of a newer schema or op (Verify::kAll only)
  std::span<const EntryHeader> entries;
  Bytes payload;
  Bytes body;                             // the FlatBuffer itself, raw_bytes long
  std::span<const SeenSection> sections;  // at least one; sections[0].from_lsn <= info.first_lsn
  std::span<const ShardRange> shards;     // ascending by shard

  EntryView entry(size_t index) const {
    const EntryHeader& header = entries[index];
    return {&header, payload.subspan(header.payload_offset(), header.payload_bytes())};
  }
  // The index in `sections` of the section that holds for `lsn`, which is in the frame's range.
  size_t SectionIndexOf(Lsn lsn) const;
};

// Memory that OpenFrame needs and that its view points into. Reuse it for the next frame when the
// view is done with. One thread at a time.
struct FrameScratch {
  Buffer raw;
  std::vector<SeenSection> sections;
  CodecContext codec;
};

enum class Verify {
  kAll,        // bytes from a peer or a disk
  kStructure,  // bytes this process verified or wrote itself: leaves out CRCs and payload rules,
               // but still never reads outside the frame
};

// Verifies one whole frame (not a byte more or less) and returns a view of its entries, having
// checked every entry's CRC and payload rules too. A body that is not compressed is used where it
// lies if `frame` is aligned to 8 bytes, else copied to the scratch.
//   kMalformed, kTooLarge   the bytes break a rule of FORMAT.md; the message names field, value and
//   rule kChecksum               header, body or an entry does not match its CRC; an entry is named
//   by LSN kUnsupported            a newer frame version, or an unknown codec
// Cluster, epoch, and whether the range follows what this node holds are the caller's to judge.
Result<FrameView> OpenFrame(Bytes frame, FrameScratch* scratch, Verify verify = Verify::kAll);

}  // namespace cfsrepl

#endif  // CFS_REPL_FRAME_FRAME_H_
