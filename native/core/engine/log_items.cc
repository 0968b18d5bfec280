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

}  // namespace cfsrepl
