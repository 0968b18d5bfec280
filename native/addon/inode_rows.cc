#include "addon/inode_rows.h"

#include <string>

namespace cfsrepl::addon {
namespace {

void Put(const void* data, size_t bytes, std::vector<uint8_t>* page) {
  const auto* begin = static_cast<const uint8_t*>(data);
  page->insert(page->end(), begin, begin + bytes);
}

void PutCounted(const std::string& text, std::vector<uint8_t>* page) {
  const auto bytes = static_cast<uint32_t>(text.size());
  Put(&bytes, sizeof(bytes), page);
  Put(text.data(), bytes, page);
}

}  // namespace

void PackRow(const NamedInode& named, bool is_lookup, std::vector<uint8_t>* page) {
  const InodeInfo& info = named.info;
  InodeRow row = {};
  row.inode = info.inode;
  row.size = info.size;
  row.extent_ref = info.extent_ref;
  row.atime_ns = info.atime_ns;
  row.mtime_ns = info.mtime_ns;
  row.ctime_ns = info.ctime_ns;
  row.mode = info.mode;
  row.uid = info.uid;
  row.gid = info.gid;
  row.rdev = info.rdev;
  row.file_flags = info.file_flags;
  row.project = info.project;
  row.nlink = info.nlink;
  row.path_bytes = static_cast<uint32_t>(named.path.size());
  row.target_bytes = static_cast<uint32_t>(info.target.size());
  row.xattr_count = static_cast<uint32_t>(info.xattrs.size());
  row.path_count = static_cast<uint32_t>(info.paths.size());
  row.is_lookup = is_lookup ? 1 : 0;
  Put(&row, sizeof(row), page);
  Put(named.path.data(), named.path.size(), page);
  Put(info.target.data(), info.target.size(), page);
  for (const Xattr& xattr : info.xattrs) {
    PutCounted(xattr.key, page);
    PutCounted(xattr.value, page);
  }
  for (const std::string& path : info.paths) PutCounted(path, page);
}

}  // namespace cfsrepl::addon
