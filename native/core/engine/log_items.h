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
  kItemRepair = 4,       // registers taken over from a peer, though no entry brings them
};

// site u16, count u32, then count times {site u16, incarnation u64, lsn u64}.
std::vector<uint8_t> EncodePeerCursor(SiteId peer, const VersionVector& held);

struct PeerCursorItem {
  SiteId peer = 0;
  VersionVector held;
};
Result<PeerCursorItem> DecodePeerCursor(Bytes bytes);

// Registers that a repair takes: site u16, reserved u16, count u32, hlc_max u64, count inodes u64,
// then chunks as in a checkpoint.
struct RepairItem {
  SiteId peer = 0;            // whose registers they are
  Hlc hlc_max = 0;            // of their stamps
  std::vector<Inode> inodes;  // whose they are, at most limits::kComparedInodesMax
  Bytes chunks;
};
std::vector<uint8_t> EncodeRepair(const RepairItem& item);
// The chunks are borrowed from `bytes`, and not looked into.
Result<RepairItem> DecodeRepair(Bytes bytes);

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_LOG_ITEMS_H_
