// The gate for a peer's control messages: docs/conduit-protocol.md, "Messages".
//
// JavaScript has no FlatBuffers verifier, so src/conduit has untrusted bytes checked here and reads
// them with the generated accessors afterwards.
#ifndef CFS_REPL_ENGINE_CONTROL_VERIFY_H_
#define CFS_REPL_ENGINE_CONTROL_VERIFY_H_

#include "base/status.h"
#include "base/types.h"

namespace cfsrepl {

// OK if `message` is one whole `Control` whose every offset, vector and string lies inside it and
// within the limits of base/limits.h. A kind of message that this build does not know is OK: it is
// skipped. kTooLarge or kMalformed otherwise, naming the field. Any thread; `message` is only read.
Status VerifyControl(Bytes message);

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_CONTROL_VERIFY_H_
