// The bytes of questions and answers about a checkpoint: docs/conduit-protocol.md, "Taking over a
// checkpoint". Nothing is allocated on a stranger's word.
#ifndef CFS_REPL_ENGINE_TAKEOVER_WIRE_H_
#define CFS_REPL_ENGINE_TAKEOVER_WIRE_H_

#include <vector>

#include "base/status.h"
#include "base/types.h"

namespace cfsrepl {

// Kinds of questions, beside those of a comparison.
enum class TakeOverAsked : uint8_t {
  kBegin = 5,  // write a checkpoint; which one it is, and what it holds
  kPart = 6,   // bytes of its file
};

struct TakeOverQuestion {
  TakeOverAsked asked = TakeOverAsked::kBegin;
  // Of kPart.
  uint64_t number = 0;
  uint64_t offset = 0;
  uint32_t bytes = 0;  // 1 to limits::kTakeOverPartBytesMax
};

bool IsTakeOverQuestion(Bytes bytes);
std::vector<uint8_t> EncodeQuestion(const TakeOverQuestion& question);
// kMalformed, kTooLarge, kUnsupported.
Result<TakeOverQuestion> DecodeTakeOverQuestion(Bytes bytes);

struct BeginAnswer {
  uint64_t number = 0;
  uint64_t file_bytes = 0;
  VersionVector held;
};

struct PartAnswer {
  uint64_t number = 0;
  uint64_t offset = 0;
  Bytes bytes;  // in what was decoded
};

std::vector<uint8_t> EncodeAnswer(const BeginAnswer& answer);
std::vector<uint8_t> EncodeAnswer(const PartAnswer& answer);

// kMalformed unless the bytes are an answer to `question`, down to the last one; kTooLarge,
// kUnsupported.
Status DecodeAnswer(Bytes bytes, const TakeOverQuestion& question, BeginAnswer* answer);
Status DecodeAnswer(Bytes bytes, const TakeOverQuestion& question, PartAnswer* answer);

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_TAKEOVER_WIRE_H_
