// The other direction of entry.cc: parts to payload bytes.
#include "base/entry.h"

namespace cfsrepl {
namespace {

template <typename T>
void Put(const T& value, std::vector<uint8_t>* out) {
  const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
  out->insert(out->end(), bytes, bytes + sizeof(value));
}

void PutBytes(Bytes bytes, std::vector<uint8_t>* out) {
  out->insert(out->end(), bytes.begin(), bytes.end());
}

void PutLinkId(const LinkId& link, std::vector<uint8_t>* out) {
  Put(schema::LinkId(link.origin.incarnation, link.lsn, link.origin.site, 0, 0), out);
}

template <typename T>
void PutLength(Bytes bytes, std::vector<uint8_t>* out) {
  Put(static_cast<T>(bytes.size()), out);
}

}  // namespace

void EncodePayload(Op op, const EntryPayload& parts, std::vector<uint8_t>* out) {
  switch (op) {
    case Op::None:
      return;
    case Op::Create:
    case Op::Mkdir:
    case Op::Symlink:
      Put(parts.attributes, out);
      Put(parts.parent, out);
      PutLength<uint16_t>(parts.name, out);
      if (op == Op::Symlink) PutLength<uint16_t>(parts.target, out);
      PutBytes(parts.name, out);
      if (op == Op::Symlink) PutBytes(parts.target, out);
      return;
    case Op::Link:
      Put(parts.parent, out);
      PutLength<uint16_t>(parts.name, out);
      PutBytes(parts.name, out);
      return;
    case Op::Unlink:
    case Op::Rmdir:
      Put(parts.parent, out);
      PutLinkId(parts.link, out);
      PutLength<uint16_t>(parts.name, out);
      PutBytes(parts.name, out);
      return;
    case Op::Rename:
      Put(parts.parent, out);
      Put(parts.new_parent, out);
      PutLinkId(parts.link, out);
      Put(parts.replaced_inode, out);
      PutLinkId(parts.replaced_link, out);
      PutLength<uint16_t>(parts.name, out);
      PutLength<uint16_t>(parts.new_name, out);
      PutBytes(parts.name, out);
      PutBytes(parts.new_name, out);
      return;
    case Op::Write:
    case Op::Truncate:
    case Op::Setattr:
      Put(parts.attributes, out);
      return;
    case Op::Setxattr:
    case Op::Removexattr:
      PutLength<uint16_t>(parts.key, out);
      if (op == Op::Setxattr) PutLength<uint32_t>(parts.value, out);
      PutBytes(parts.key, out);
      if (op == Op::Setxattr) PutBytes(parts.value, out);
      return;
    case Op::Conflict:
    case Op::Conflictack:
    case Op::Evict:
      return;  // conflict.h and eviction.h have theirs
  }
}

}  // namespace cfsrepl
