// Conflicts that are made elsewhere than in a merge, as a batch to append (op_batch.h).
#ifndef CFS_REPL_ENGINE_CONFLICT_BATCH_H_
#define CFS_REPL_ENGINE_CONFLICT_BATCH_H_

#include <vector>

#include "base/types.h"
#include "engine/op_batch.h"

namespace cfsrepl {

class ConflictBatch {
 public:
  // `payload` is what EncodeConflict makes; `inode` is what the winner changed.
  void Add(Inode inode, Bytes payload) {
    OpRecord record{};
    record.record_bytes = static_cast<uint32_t>((sizeof(record) + payload.size() + 7) / 8 * 8);
    record.op = static_cast<uint8_t>(Op::Conflict);
    record.inode = inode;
    record.value_bytes = static_cast<uint32_t>(payload.size());
    const auto* head = reinterpret_cast<const uint8_t*>(&record);
    const size_t end = bytes_.size() + record.record_bytes;
    bytes_.insert(bytes_.end(), head, head + sizeof(record));
    bytes_.insert(bytes_.end(), payload.begin(), payload.end());
    bytes_.resize(end);
  }
  Bytes bytes() const { return bytes_; }
  void Clear() { bytes_.clear(); }

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_CONFLICT_BATCH_H_
