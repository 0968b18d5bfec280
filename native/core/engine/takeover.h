// Taking over a peer's checkpoint: the part of engine.h that docs/conduit-protocol.md, "Taking over
// a checkpoint", specifies. Questions and answers are bytes that somebody else carries.
#ifndef CFS_REPL_ENGINE_TAKEOVER_H_
#define CFS_REPL_ENGINE_TAKEOVER_H_

#include <optional>
#include <vector>

#include "base/status.h"
#include "base/types.h"

namespace cfsrepl {

struct TakeOverStatus {
  bool done = false;
  uint64_t bytes_done = 0;
  uint64_t bytes_total = 0;  // of the file; 0: not known yet
  VersionVector held;        // by the checkpoint, once it is known
};

// Calls take turns; each may run on any thread. The newest one of an engine counts: one begun
// before it answers kClosed.
class TakeOver {
 public:
  virtual ~TakeOver() = default;
  // The question that the peer has not answered yet; nullopt when there is none any more.
  virtual std::optional<std::vector<uint8_t>> Next() = 0;
  // [slow] The peer's answer to it. After the last one the checkpoint is durable and verified, and
  // is adopted when the engine's directory is next opened.
  //   kMalformed, kTooLarge, kUnsupported   what is wrong with the answer; it may be asked again
  //   kDiskFull, kIo                        from the file system
  //   kCorrupt, kUnsupported                the file is not what it should be: it is gone, and the
  //                                         taking over has ended
  virtual Status Take(Bytes answer) = 0;
  virtual TakeOverStatus status() const = 0;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_TAKEOVER_H_
