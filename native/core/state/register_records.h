// The registers of an inode as they travel between States: in checkpoints, bootstrap and repair.
// Views borrow their bytes for the duration of the call.
#ifndef CFS_REPL_STATE_REGISTER_RECORDS_H_
#define CFS_REPL_STATE_REGISTER_RECORDS_H_

#include "base/entry.h"
#include "state/origin_table.h"

namespace cfsrepl {

// What becomes of a register that is written with the very stamp that comes. No two entries share
// one, so the values are the same unless one side is damaged: a repair then takes what comes.
enum class Ties { kKeep, kTake };

struct InodeRecordView {
  Inode inode = 0;

  // Existence: one register. Not written (birth zero): the inode is known by number only.
  PackedStamp birth;
  Kind kind = Kind::kNone;
  uint32_t rdev = 0;
  Bytes target;

  // Fields: one register each, in the order of Field's bits.
  PackedStamp stamps[kFieldCount];
  uint8_t asserts_links = 0;  // Field bits whose writer asserted the inode's links
  PackedStamp asserted;       // the greatest asserting stamp, if it may be none of theirs
  uint16_t mode = 0;          // permission bits
  uint32_t uid = 0, gid = 0;
  uint64_t size = 0, extent_ref = 0;
  int64_t atime_ns = 0;
  int64_t mtime_ns = 0;
  uint32_t file_flags = 0, project = 0;
};

struct LinkRecordView {
  PackedSource id;  // of the op that made the name
  PackedStamp stamp;
  bool removed = false;
  Inode parent = 0;
  Bytes name;
};

struct XattrRecordView {
  PackedStamp stamp;
  bool removed = false;
  Bytes key;
  Bytes value;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_REGISTER_RECORDS_H_
