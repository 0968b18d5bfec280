// The batch of operations that an embedder hands to Engine::Append: how bindings/op-batch.ts and
// the engine talk inside one process. Never on disk or wire; both sides are built together.
//
// A batch is OpRecords one after another, each followed by its strings (name, new_name, value,
// without separators) and padded with zeroes to a multiple of 8 bytes.
//
// Which object, which name:
//   create mkdir symlink   parent+name or path; inode 0: the engine mints one
//   unlink rmdir           parent+name or path
//   link                   object (inode, parent+name or path) is the file; destination is the new
//                          name
//   rename                 parent+name or path; destination is the new name
//   all others             inode, parent+name or path
// "Destination" is new_parent+new_name, or new_name as a path with kOpDestinationIsPath.
//
// What only the engine itself appends:
//   conflict               inode; value is the payload (conflict.h). One that the ledger has
//                          changes nothing
//   conflictack            name is the schema::LinkId of the entry that recorded the conflict,
//                          attributes.mode a Settled (conflict.h)
//   evict                  name is the payload (eviction.h)
//
// Two values that share a register may be given apart: the other one is kKeep32 (uid, gid,
// file_flags, project) or kKeep64 (size, extent_ref) and keeps what the inode has; a new inode then
// starts with 0.
#ifndef CFS_REPL_ENGINE_OP_BATCH_H_
#define CFS_REPL_ENGINE_OP_BATCH_H_

#include "base/entry.h"

namespace cfsrepl {

enum OpFlag : uint8_t {
  kOpHasSeq = 1u << 0,             // seq is the source's own number in its shard
  kOpHasShard = 1u << 1,           // shard is the source's; else hash(inode) % shards
  kOpNameIsPath = 1u << 2,         // name is an absolute path
  kOpDestinationIsPath = 1u << 3,  // new_name is an absolute path
  kOpHasKindBits = 1u << 4,        // attributes.mode came with type bits; they must agree with op
  kOpFlagsAll = (1u << 5) - 1,
};

inline constexpr uint32_t kKeep32 = 0xffffffff;
inline constexpr uint64_t kKeep64 = ~uint64_t{0};

struct OpRecord {
  uint32_t record_bytes;  // this struct, its strings and padding
  uint8_t op;             // schema::Op
  uint8_t flags;          // OpFlag
  uint16_t shard;
  uint64_t seq;
  uint64_t inode;
  uint64_t parent;
  uint64_t new_parent;
  uint32_t name_bytes;
  uint32_t new_name_bytes;  // destination; for setxattr and removexattr the key
  uint32_t value_bytes;     // symlink target, xattr value
  uint32_t reserved;
  Attributes attributes;  // mask says which were given
};
static_assert(sizeof(OpRecord) == 120);

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_OP_BATCH_H_
