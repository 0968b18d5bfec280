// What every question to a peer, and every answer, begins with: docs/conduit-protocol.md,
// "Comparison".
#ifndef CFS_REPL_ENGINE_QUESTION_HEAD_H_
#define CFS_REPL_ENGINE_QUESTION_HEAD_H_

#include <string>

#include "base/bytes.h"
#include "base/status.h"
#include "base/types.h"

namespace cfsrepl {

void PutQuestionHead(uint8_t kind, ByteWriter* out);

// `what` begins the message. kMalformed; kUnsupported for another version.
Status GetQuestionHead(ByteReader* in, const std::string& what, uint8_t* kind);

// The kind that a head names; 0 if there is none.
uint8_t PeekQuestionKind(Bytes bytes);

// A version vector of a stranger's. kMalformed; kTooLarge for more than limits::kOriginsMax.
Status GetAnsweredHeld(ByteReader* in, const std::string& what, VersionVector* held);

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_QUESTION_HEAD_H_
