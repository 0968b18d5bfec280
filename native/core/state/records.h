// The registers as they lie in memory. Slots refer to the slabs of store.h; 0 is "none". A record
// of zeroes is one that was forgotten.
#ifndef CFS_REPL_STATE_RECORDS_H_
#define CFS_REPL_STATE_RECORDS_H_

#include "base/entry.h"
#include "state/origin_table.h"

namespace cfsrepl {

// Three cache lines. A zero stamp means that the register was never written.
struct InodeRecord {
  Inode inode;
  uint32_t first_link;    // of this inode's links, in no order
  uint32_t first_xattr;   // in no order
  uint32_t directory;     // DirectoryRecord; 0 until a link names this inode as its parent
  uint32_t special;       // existence register: rdev of a device, target blob of a symlink
  uint16_t mode;          // permission bits
  Kind kind;              // existence register: kNone until the create is known
  uint8_t asserts_links;  // Field bits whose writer asserted the links
  uint32_t shown_links : 24;
  uint32_t has_removed : 1;     // some link is or was removed: changes of asserting stamps matter
  uint32_t in_cycle : 1;        // a directory on a cycle that is cut somewhere
  uint32_t many_links : 1;      // its links are in Store's link index
  uint32_t asserted_apart : 1;  // Store keeps an asserting stamp that no field here holds
  uint32_t changed : 1;         // Store::changed has been told of this inode
  uint32_t uid;
  uint32_t gid;
  uint32_t file_flags;
  uint32_t project;
  PackedStamp birth;  // existence register

  PackedStamp stamps[kFieldCount];
  uint64_t size;
  uint64_t extent_ref;
  int64_t atime_ns;
  int64_t mtime_ns;
};
static_assert(sizeof(InodeRecord) == 192);

// LinkRecord.bits: the first is part of the register, the others say where the link is shown.
enum LinkBit : uint8_t {
  kLinkRemoved = 1u << 0,
  kLinkLive = 1u << 1,     // counts for its parent and takes part in naming
  kLinkShown = 1u << 2,    // has a visible name
  kLinkAliased = 1u << 3,  // which is not its register name
  kLinkExtra = 1u << 4,    // lost the name to a link with a greater stamp
  kLinkPending = 1u << 5,  // its parent is not (yet) a directory
  kLinkCut = 1u << 6,      // the cut of a cycle: shown in the root
};

// One cache line.
struct LinkRecord {
  PackedStamp stamp;
  PackedSource id;
  uint32_t child;
  uint32_t parent;
  uint32_t next;  // link of the same child
  uint8_t name_bytes;
  uint8_t bits;
  uint8_t name[26];  // as it is, or, when longer, a blob reference in the first four bytes

  bool Has(LinkBit bit) const { return (bits & bit) != 0; }
  void Set(LinkBit bit) { bits |= bit; }
  void Clear(LinkBit bit) { bits &= static_cast<uint8_t>(~bit); }
};
static_assert(sizeof(LinkRecord) == 64);

struct XattrRecord {
  PackedStamp stamp;
  uint32_t next;     // xattr of the same inode
  uint32_t key;      // blob
  uint32_t value;    // blob; 0 when removed
  uint32_t removed;  // 0 or 1
};
static_assert(sizeof(XattrRecord) == 32);

struct DirectoryRecord {
  uint32_t links;           // link records that name this directory, living or not
  uint32_t live_children;   // live links whose register names this directory
  uint32_t subdirectories;  // directories shown in this one
};

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_RECORDS_H_
