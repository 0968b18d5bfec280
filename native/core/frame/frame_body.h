// What both frame writers share: the lists a body carries beside its entries, and the body's bytes.
#ifndef CFS_REPL_FRAME_FRAME_BODY_H_
#define CFS_REPL_FRAME_FRAME_BODY_H_

#include <span>
#include <vector>

#include "base/buffer.h"
#include "base/entry.h"
#include "base/status.h"
#include "frame/frame.h"

namespace cfsrepl {

// The version vector sections of a frame being written.
class SectionList {
 public:
  void Clear();

  // Adds a section unless it says the same as the one before. `seen` is ascending by origin and does
  // not name the frame's own. A section that starts where the last one does replaces it. kTooLarge past
  // kFrameSectionsMax sections or kOriginsMax origins; kInvalidArgument if from_lsn goes back.
  Status Add(Lsn from_lsn, std::span<const schema::OriginLsn> seen);

  size_t size() const { return sections_.size(); }
  Lsn from_lsn(size_t index) const { return sections_[index].from_lsn; }
  std::span<const schema::OriginLsn> seen(size_t index) const;
  size_t body_bytes() const;                     // that the sections take in a body
  size_t body_bytes_with(size_t origins) const;  // the same with one more of so many origins

 private:
  struct Section {
    Lsn from_lsn;
    size_t begin;  // in origins_
    size_t count;
  };
  std::vector<Section> sections_;
  std::vector<schema::OriginLsn> origins_;
};

// The least and greatest source number of each shard that a frame being written covers.
class ShardRangeTable {
 public:
  void Clear();
  // `shard` is below kShardsMax.
  void Cover(Shard shard, uint64_t first_seq, uint64_t last_seq);

  size_t size() const { return used_.size(); }
  // Ascending by shard, into *out, which has room for size().
  void CopyTo(ShardRange* out) const;

 private:
  struct Range {
    uint64_t first_seq = 0;
    uint64_t last_seq = 0;
    bool used = false;
  };
  std::vector<Range> ranges_;  // by shard
  std::vector<Shard> used_;
};

// How long a body is, exactly. FORMAT.md, "Frame body", draws it.
// `sections_bytes` is SectionList::body_bytes().
size_t BodyBytes(size_t sections_bytes, size_t shard_count, size_t entry_count,
                 size_t payload_bytes);

// Where the caller puts the entries and the payload area of a body just laid out.
struct BodySlots {
  EntryHeader* entries;
  uint8_t* payload;
};

// Writes all of a body but its entries and payload to `body`, which has BodyBytes() bytes and is aligned
// to 8.
BodySlots LayOutBody(const SectionList& sections, const ShardRangeTable& shards, size_t entry_count,
                     size_t payload_bytes, uint8_t* body);

// Writes the 128 header bytes, both CRCs included, in front of `stored_bytes` stored body bytes that
// follow them at `frame`.
void WriteFrameHeader(const FrameHead& head, uint8_t* frame);

// The header of an entry as it lies in a frame: `header` with the given three fields.
EntryHeader PlaceEntry(const EntryHeader& header, uint32_t payload_offset, uint32_t payload_bytes,
                       uint32_t crc);

}  // namespace cfsrepl

#endif  // CFS_REPL_FRAME_FRAME_BODY_H_
