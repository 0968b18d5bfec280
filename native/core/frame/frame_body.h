// What both frame writers share: the lists a body carries beside its entries, and the body's bytes.
#ifndef CFS_REPL_FRAME_FRAME_BODY_H_
#define CFS_REPL_FRAME_FRAME_BODY_H_

#include <cstring>
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

  // Adds a section unless it says the same as the one before. `seen` is ascending by origin and
  // does not name the frame's own. A section that starts where the last one does replaces it.
  // kTooLarge past kFrameSectionsMax sections or kOriginsMax origins; kInvalidArgument if from_lsn
  // goes back.
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

// Writes all of a body but its entries and payload to `body`, which has BodyBytes() bytes and is
// aligned to 8.
BodySlots LayOutBody(const SectionList& sections, const ShardRangeTable& shards, size_t entry_count,
                     size_t payload_bytes, uint8_t* body);

// Writes the 128 header bytes, both CRCs included, in front of `stored_bytes` stored body bytes
// that follow them at `frame`.
void WriteFrameHeader(const FrameHead& head, uint8_t* frame);

// Sets one of the fields whose places base/entry.h names. In place, because a header that is put
// together from single fields is slow to copy: the copy's wide loads wait for the narrow stores.
inline void SetHeaderField(EntryHeader* header, size_t at, uint32_t value) {
  std::memcpy(reinterpret_cast<uint8_t*>(header) + at, &value, sizeof(value));
}

}  // namespace cfsrepl

#endif  // CFS_REPL_FRAME_FRAME_BODY_H_
