#include "engine/takeover_side.h"

#include <algorithm>

namespace cfsrepl {

Result<std::vector<uint8_t>> TakeOverSide::Answer(Bytes bytes) {
  Result<TakeOverQuestion> question = DecodeTakeOverQuestion(bytes);
  if (!question.ok()) return question.status();
  return question->asked == TakeOverAsked::kBegin ? Begin() : Part(question.value());
}

Result<std::vector<uint8_t>> TakeOverSide::Begin() {
  const Result<CheckpointInfo> written = write_();
  if (!written.ok()) return written.status();
  return EncodeAnswer(BeginAnswer{written->number, written->bytes, written->held});
}

Result<std::vector<uint8_t>> TakeOverSide::Part(const TakeOverQuestion& question) {
  auto file = fs_->Open(CheckpointPath(directory_, question.number), OpenMode::kRead);
  if (file.status().code() == Code::kNotFound) {
    return Status(Code::kNotFound, "checkpoint " + std::to_string(question.number) +
                                       " is not here any more: newer ones have been written");
  }
  if (!file.ok()) return file.status();
  const Result<uint64_t> total = file.value()->SizeBytes();
  if (!total.ok()) return total.status();
  const uint64_t rest = total.value() - std::min(total.value(), question.offset);
  std::vector<uint8_t> bytes(std::min<uint64_t>(rest, question.bytes));
  const Result<size_t> read = file.value()->ReadAt(question.offset, bytes);
  if (!read.ok()) return read.status();
  return EncodeAnswer(
      PartAnswer{question.number, question.offset, Bytes(bytes).first(read.value())});
}

}  // namespace cfsrepl
