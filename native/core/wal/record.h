// What the log stores and gives back: items, grouped into records, at positions.
#ifndef CFS_REPL_WAL_RECORD_H_
#define CFS_REPL_WAL_RECORD_H_

#include <compare>
#include <memory>
#include <vector>

#include "base/types.h"
#include "io/aligned_buffer.h"

namespace cfsrepl {

// A place in the log. Segments count from 1, so the default stands for "none" or "the oldest".
struct Position {
  uint64_t segment = 0;
  uint64_t offset = 0;  // bytes, a multiple of limits::kBlockBytes
  auto operator<=>(const Position&) const = default;
};

// One thing in a record. The log does not interpret kinds or bytes. Never owns its bytes.
struct Item {
  uint16_t kind = 0;
  Bytes bytes;
};

// Bytes that an item of `length` takes in a record's body.
inline constexpr size_t ItemBytes(size_t length) { return 8 + (length + 7) / 8 * 8; }

// Where an append went. `next` is where a reader goes on (see Log::Reader).
struct RecordRef {
  Position position;
  Position next;
  uint64_t seq = 0;  // contiguous from 1 over the life of the log
};

// One group commit as recovery shows it. Valid only during the callback.
struct RecordView {
  RecordRef ref;
  std::span<const Item> items;
};

// One group commit in memory of its own; items point into it. Immutable, so any thread may read it,
// and it outlives the log if need be.
class Record {
 public:
  // `memory` keeps alive what the items point into, `memory_bytes` of it.
  Record(RecordRef ref, std::shared_ptr<const void> memory, size_t memory_bytes,
         std::vector<Item> items)
      : ref_(ref),
        memory_(std::move(memory)),
        memory_bytes_(memory_bytes),
        items_(std::move(items)) {}

  const RecordRef& ref() const { return ref_; }
  std::span<const Item> items() const { return items_; }
  size_t memory_bytes() const {
    return sizeof(Record) + memory_bytes_ + items_.size() * sizeof(Item);
  }

 private:
  RecordRef ref_;
  std::shared_ptr<const void> memory_;
  size_t memory_bytes_;
  std::vector<Item> items_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_WAL_RECORD_H_
