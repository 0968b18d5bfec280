#include "engine/question_head.h"

#include "engine/vector_codec.h"

namespace cfsrepl {

namespace {
constexpr uint8_t kVersion = 1;
}

void PutQuestionHead(uint8_t kind, ByteWriter* out) {
  out->Put<uint8_t>(kVersion);
  out->Put<uint8_t>(kind);
  out->Put<uint16_t>(0);
}

Status GetQuestionHead(ByteReader* in, const std::string& what, uint8_t* kind) {
  const auto version = in->Get<uint8_t>();
  *kind = in->Get<uint8_t>();
  const auto reserved = in->Get<uint16_t>();
  if (!in->ok()) return Status(Code::kMalformed, what + " ends within its head");
  if (version != kVersion) {
    return Status(Code::kUnsupported, what + " of version " + std::to_string(version) +
                                          ", expected " + std::to_string(kVersion));
  }
  if (reserved != 0) return Status(Code::kMalformed, what + ": reserved is not 0");
  return Status::Ok();
}

uint8_t PeekQuestionKind(Bytes bytes) {
  ByteReader in(bytes);
  uint8_t kind = 0;
  return GetQuestionHead(&in, "", &kind).ok() ? kind : 0;
}

Status GetAnsweredHeld(ByteReader* in, const std::string& what, VersionVector* held) {
  *held = GetVersionVector(in);
  if (!in->ok()) return Status(Code::kMalformed, what + " ends within its version vector");
  if (held->lsns().size() > limits::kOriginsMax) {
    return Status(Code::kTooLarge, what + ": a version vector of " +
                                       std::to_string(held->lsns().size()) + " origins, at most " +
                                       std::to_string(limits::kOriginsMax) + " are allowed");
  }
  return Status::Ok();
}

}  // namespace cfsrepl
