#include "engine/takeover_wire.h"

#include <string>

#include "base/limits.h"
#include "engine/question_head.h"
#include "engine/vector_codec.h"

namespace cfsrepl {
namespace {

constexpr char kAQuestion[] = "taking over: a question";
constexpr char kAnAnswer[] = "taking over: an answer";

Status Malformed(const char* what, const std::string& why) {
  return Status(Code::kMalformed, what + why);
}

Status GetAnswerHead(ByteReader* in, TakeOverAsked expected) {
  uint8_t asked = 0;
  CFS_RETURN_IF_ERROR(GetQuestionHead(in, kAnAnswer, &asked));
  if (asked == static_cast<uint8_t>(expected)) return Status::Ok();
  return Malformed(kAnAnswer, " to a question of kind " + std::to_string(asked) + ", expected " +
                                  std::to_string(static_cast<uint8_t>(expected)));
}

Status CheckPartBytes(uint32_t bytes) {
  if (bytes == 0) return Malformed(kAQuestion, " for 0 bytes");
  if (bytes <= limits::kTakeOverPartBytesMax) return Status::Ok();
  return Status(Code::kTooLarge, std::string(kAQuestion) + " for " + std::to_string(bytes) +
                                     " bytes, at most " +
                                     std::to_string(limits::kTakeOverPartBytesMax) + " at once");
}

}  // namespace

bool IsTakeOverQuestion(Bytes bytes) {
  const auto kind = static_cast<TakeOverAsked>(PeekQuestionKind(bytes));
  return kind == TakeOverAsked::kBegin || kind == TakeOverAsked::kPart;
}

std::vector<uint8_t> EncodeQuestion(const TakeOverQuestion& question) {
  ByteWriter out;
  PutQuestionHead(static_cast<uint8_t>(question.asked), &out);
  if (question.asked == TakeOverAsked::kPart) {
    out.Put<uint64_t>(question.number);
    out.Put<uint64_t>(question.offset);
    out.Put<uint32_t>(question.bytes);
  }
  return out.Take();
}

Result<TakeOverQuestion> DecodeTakeOverQuestion(Bytes bytes) {
  if (bytes.size() > limits::kComparisonQuestionBytesMax) {
    return Status(Code::kTooLarge, std::string(kAQuestion) + " of " + std::to_string(bytes.size()) +
                                       " bytes, at most " +
                                       std::to_string(limits::kComparisonQuestionBytesMax));
  }
  ByteReader in(bytes);
  TakeOverQuestion question;
  uint8_t asked = 0;
  CFS_RETURN_IF_ERROR(GetQuestionHead(&in, kAQuestion, &asked));
  question.asked = static_cast<TakeOverAsked>(asked);
  switch (question.asked) {
    case TakeOverAsked::kBegin:
      break;
    case TakeOverAsked::kPart:
      question.number = in.Get<uint64_t>();
      question.offset = in.Get<uint64_t>();
      question.bytes = in.Get<uint32_t>();
      if (in.ok()) CFS_RETURN_IF_ERROR(CheckPartBytes(question.bytes));
      break;
    default:
      return Status(Code::kUnsupported, std::string(kAQuestion) + " of kind " +
                                            std::to_string(asked) +
                                            ", which this version does not know");
  }
  if (!in.finished()) return Malformed(kAQuestion, " is not as long as its parts");
  return question;
}

std::vector<uint8_t> EncodeAnswer(const BeginAnswer& answer) {
  ByteWriter out;
  PutQuestionHead(static_cast<uint8_t>(TakeOverAsked::kBegin), &out);
  out.Put<uint64_t>(answer.number);
  out.Put<uint64_t>(answer.file_bytes);
  PutVersionVector(answer.held, &out);
  return out.Take();
}

std::vector<uint8_t> EncodeAnswer(const PartAnswer& answer) {
  ByteWriter out;
  PutQuestionHead(static_cast<uint8_t>(TakeOverAsked::kPart), &out);
  out.Put<uint64_t>(answer.number);
  out.Put<uint64_t>(answer.offset);
  out.PutBytes(answer.bytes);
  return out.Take();
}

Status DecodeAnswer(Bytes bytes, const TakeOverQuestion&, BeginAnswer* answer) {
  ByteReader in(bytes);
  CFS_RETURN_IF_ERROR(GetAnswerHead(&in, TakeOverAsked::kBegin));
  answer->number = in.Get<uint64_t>();
  answer->file_bytes = in.Get<uint64_t>();
  CFS_RETURN_IF_ERROR(GetAnsweredHeld(&in, kAnAnswer, &answer->held));
  if (!in.finished()) return Malformed(kAnAnswer, " is not as long as its parts");
  if (answer->number == 0) return Malformed(kAnAnswer, " names checkpoint 0, expected 1 or more");
  return Status::Ok();
}

Status DecodeAnswer(Bytes bytes, const TakeOverQuestion& question, PartAnswer* answer) {
  ByteReader in(bytes);
  CFS_RETURN_IF_ERROR(GetAnswerHead(&in, TakeOverAsked::kPart));
  answer->number = in.Get<uint64_t>();
  answer->offset = in.Get<uint64_t>();
  if (!in.ok()) return Malformed(kAnAnswer, " ends before its bytes of the file");
  if (answer->number != question.number || answer->offset != question.offset) {
    return Malformed(kAnAnswer, " has checkpoint " + std::to_string(answer->number) + " from " +
                                    std::to_string(answer->offset) + " on, expected " +
                                    std::to_string(question.number) + " from " +
                                    std::to_string(question.offset) + " on");
  }
  answer->bytes = in.GetBytes(in.remaining());
  if (answer->bytes.size() > question.bytes) {
    return Malformed(kAnAnswer, " has " + std::to_string(answer->bytes.size()) +
                                    " bytes of the file, expected at most " +
                                    std::to_string(question.bytes));
  }
  return Status::Ok();
}

}  // namespace cfsrepl
