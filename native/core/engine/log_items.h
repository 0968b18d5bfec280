// What the engine puts into the log's records: the item kinds, and the small ones' encoding.
#ifndef CFS_REPL_ENGINE_LOG_ITEMS_H_
#define CFS_REPL_ENGINE_LOG_ITEMS_H_

#include <map>
#include <vector>

#include "base/status.h"
#include "base/types.h"

namespace cfsrepl {

// On disk; never renumber (FORMAT.md, "Items").
enum ItemKind : uint16_t {
  kItemLocalFrame = 1,   // a raw frame of this site's own entries
  kItemRemoteFrame = 2,  // a peer's frame, byte for byte as received
  kItemPeerCursor = 3,   // what a peer has made durable
};

// site u16, count u32, then count times {site u16, incarnation u64, lsn u64}.
std::vector<uint8_t> EncodePeerCursor(SiteId peer, const VersionVector& held);

struct PeerCursorItem {
  SiteId peer = 0;
  VersionVector held;
};
Result<PeerCursorItem> DecodePeerCursor(Bytes bytes);

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_LOG_ITEMS_H_
