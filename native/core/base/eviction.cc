#include "base/eviction.h"

#include <string>

#include "base/bytes.h"

namespace cfsrepl {

static_assert(sizeof(schema::Evicted) == 16);

Result<EvictionEntry> DecodeEviction(const EntryHeader& header, Bytes payload) {
  ByteReader reader(payload);
  const auto stored = reader.Get<schema::Evicted>();
  if (!reader.finished()) {
    return MalformedEntry(header, "the payload has " + std::to_string(payload.size()) +
                                      " bytes, expected exactly " + std::to_string(sizeof(stored)));
  }
  if (header.inode() != kRootInode || header.flags() != 0) {
    return MalformedEntry(header, "inode is " + std::to_string(header.inode()) + ", flags are " +
                                      std::to_string(header.flags()) + ", expected 1 and 0");
  }
  if (stored.site() == 0) return MalformedEntry(header, "site is 0, expected 1 to 65535");
  if (stored.reserved0() != 0 || stored.reserved1() != 0) {
    return MalformedEntry(header, "a reserved field of the payload is not 0");
  }
  return EvictionEntry{stored.site(), stored.incarnation()};
}

void EncodeEviction(const EvictionEntry& eviction, std::vector<uint8_t>* out) {
  ByteWriter writer;
  writer.Put(schema::Evicted(eviction.incarnation, eviction.site, 0, 0));
  out->insert(out->end(), writer.bytes().begin(), writer.bytes().end());
}

}  // namespace cfsrepl
