#include "engine/log_items.h"

#include "engine/vector_codec.h"

namespace cfsrepl {

std::vector<uint8_t> EncodePeerCursor(SiteId peer, const VersionVector& held) {
  ByteWriter out;
  out.Put<uint16_t>(peer);
  PutVersionVector(held, &out);
  return out.Take();
}

Result<PeerCursorItem> DecodePeerCursor(Bytes bytes) {
  ByteReader in(bytes);
  PeerCursorItem item;
  item.peer = in.Get<uint16_t>();
  item.held = GetVersionVector(&in);
  if (!in.finished()) {
    return Status(Code::kCorrupt, "peer cursor item of " + std::to_string(bytes.size()) +
                                      " bytes does not follow its format");
  }
  return item;
}

std::vector<uint8_t> EncodeRepair(const RepairItem& item) {
  ByteWriter out;
  out.Put<uint16_t>(item.peer);
  out.Put<uint16_t>(0);
  out.Put<uint32_t>(static_cast<uint32_t>(item.inodes.size()));
  out.Put<uint64_t>(item.hlc_max);
  for (Inode inode : item.inodes) out.Put<uint64_t>(inode);
  out.PutBytes(item.chunks);
  return out.Take();
}

Result<RepairItem> DecodeRepair(Bytes bytes) {
  ByteReader in(bytes);
  RepairItem item;
  item.peer = in.Get<uint16_t>();
  const auto reserved = in.Get<uint16_t>();
  const auto count = in.Get<uint32_t>();
  item.hlc_max = in.Get<uint64_t>();
  for (uint32_t i = 0; i < count && in.ok(); i++) item.inodes.push_back(in.Get<uint64_t>());
  item.chunks = in.GetBytes(in.remaining());
  if (!in.finished() || reserved != 0) {
    return Status(Code::kCorrupt, "repair item of " + std::to_string(bytes.size()) +
                                      " bytes does not follow its format");
  }
  return item;
}

}  // namespace cfsrepl
