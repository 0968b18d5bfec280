// What lookups find, packed on a worker thread into one piece of memory that bindings/inode-rows.ts
// reads. Never on disk or wire; both sides are built together.
//
// A page is rows one after another. A row is an InodeRow and then, without alignment: path, target,
// each xattr as counted key and counted value, each path as counted bytes. "Counted" is a u32
// length in front.
#ifndef CFS_REPL_ADDON_INODE_ROWS_H_
#define CFS_REPL_ADDON_INODE_ROWS_H_

#include <cstdint>
#include <vector>

#include "engine/engine.h"

namespace cfsrepl::addon {

struct InodeRow {
  uint64_t inode;
  uint64_t size;
  uint64_t extent_ref;
  int64_t atime_ns;
  int64_t mtime_ns;
  int64_t ctime_ns;
  uint32_t mode;
  uint32_t uid;
  uint32_t gid;
  uint32_t rdev;
  uint32_t file_flags;
  uint32_t project;
  uint32_t nlink;
  uint32_t path_bytes;
  uint32_t target_bytes;
  uint32_t xattr_count;
  uint32_t path_count;
  uint32_t is_lookup;  // 1: the paths are meant, even if there are none
};
static_assert(sizeof(InodeRow) == 96);

void PackRow(const NamedInode& named, bool is_lookup, std::vector<uint8_t>* page);

}  // namespace cfsrepl::addon

#endif  // CFS_REPL_ADDON_INODE_ROWS_H_
