#include "engine/comparison_wire.h"

#include <algorithm>
#include <string>

#include "base/limits.h"
#include "engine/question_head.h"
#include "engine/vector_codec.h"

namespace cfsrepl {
namespace {

constexpr size_t kLeafSetBytes = kDigestLeaves / 8;
constexpr char kAnAnswer[] = "comparison: an answer";

Status Malformed(const std::string& what) {
  return Status(Code::kMalformed, "comparison: " + what);
}

void PutHead(Asked asked, ByteWriter* out) { PutQuestionHead(static_cast<uint8_t>(asked), out); }

Status GetAnswerHead(ByteReader* in, Asked expected) {
  uint8_t asked = 0;
  CFS_RETURN_IF_ERROR(GetQuestionHead(in, kAnAnswer, &asked));
  if (asked == static_cast<uint8_t>(expected)) return Status::Ok();
  return Malformed("an answer to a question of kind " + std::to_string(asked) + ", expected " +
                   std::to_string(static_cast<uint8_t>(expected)));
}

Status Finish(const ByteReader& in) {
  return in.finished() ? Status::Ok() : Malformed("an answer is not as long as its parts");
}

void PutSums(const DigestSums& sums, ByteWriter* out) {
  for (uint64_t sum : sums) out->Put<uint64_t>(sum);
}

DigestSums GetSums(ByteReader* in) {
  DigestSums sums;
  for (uint64_t& sum : sums) sum = in->Get<uint64_t>();
  return sums;
}

void PutLeafSet(const LeafSet& leaves, ByteWriter* out) {
  for (size_t byte = 0; byte < kLeafSetBytes; byte++) {
    uint8_t bits = 0;
    for (size_t bit = 0; bit < 8; bit++)
      bits |= static_cast<uint8_t>(leaves[byte * 8 + bit] << bit);
    out->Put<uint8_t>(bits);
  }
}

LeafSet GetLeafSet(ByteReader* in) {
  LeafSet leaves;
  for (size_t byte = 0; byte < kLeafSetBytes; byte++) {
    const auto bits = in->Get<uint8_t>();
    for (size_t bit = 0; bit < 8; bit++) leaves[byte * 8 + bit] = (bits >> bit & 1) != 0;
  }
  return leaves;
}

Status GetNodes(ByteReader* in, std::vector<uint8_t>* nodes) {
  const auto count = in->Get<uint16_t>();
  if (count > kDigestFanOut) return Malformed("nodes: " + std::to_string(count) + " are asked for");
  const Bytes bytes = in->GetBytes(count);
  nodes->assign(bytes.begin(), bytes.end());
  if (std::adjacent_find(nodes->begin(), nodes->end(), std::greater_equal<>()) != nodes->end()) {
    return Malformed("nodes: expected them in ascending order");
  }
  return Status::Ok();
}

Status GetInodes(ByteReader* in, std::vector<Inode>* inodes) {
  const auto count = in->Get<uint16_t>();
  if (count > limits::kComparedInodesMax) {
    return Status(Code::kTooLarge, "comparison: the registers of " + std::to_string(count) +
                                       " inodes are asked for, at most " +
                                       std::to_string(limits::kComparedInodesMax) + " at once");
  }
  for (int i = 0; i < count; i++) inodes->push_back(in->Get<uint64_t>());
  return Status::Ok();
}

}  // namespace

std::vector<uint8_t> EncodeQuestion(const Question& question) {
  ByteWriter out;
  PutHead(question.asked, &out);
  switch (question.asked) {
    case Asked::kRoot:
      break;
    case Asked::kLeaves:
      out.Put<uint16_t>(static_cast<uint16_t>(question.nodes.size()));
      out.PutBytes(question.nodes);
      break;
    case Asked::kInodes:
      out.Put<uint32_t>(question.slot);
      PutLeafSet(question.leaves, &out);
      break;
    case Asked::kRegisters:
      out.Put<uint16_t>(static_cast<uint16_t>(question.inodes.size()));
      for (Inode inode : question.inodes) out.Put<uint64_t>(inode);
      break;
  }
  return out.Take();
}

Result<Question> DecodeQuestion(Bytes bytes) {
  if (bytes.size() > limits::kComparisonQuestionBytesMax) {
    return Status(Code::kTooLarge, "comparison: a question of " + std::to_string(bytes.size()) +
                                       " bytes, at most " +
                                       std::to_string(limits::kComparisonQuestionBytesMax));
  }
  ByteReader in(bytes);
  Question question;
  uint8_t asked = 0;
  CFS_RETURN_IF_ERROR(GetQuestionHead(&in, "comparison: a question", &asked));
  question.asked = static_cast<Asked>(asked);
  switch (question.asked) {
    case Asked::kRoot:
      break;
    case Asked::kLeaves:
      CFS_RETURN_IF_ERROR(GetNodes(&in, &question.nodes));
      break;
    case Asked::kInodes:
      question.slot = in.Get<uint32_t>();
      question.leaves = GetLeafSet(&in);
      if (question.slot == 0) return Malformed("a question for inodes from slot 0 on");
      break;
    case Asked::kRegisters:
      CFS_RETURN_IF_ERROR(GetInodes(&in, &question.inodes));
      break;
    default:
      return Status(Code::kUnsupported, "comparison: a question of kind " + std::to_string(asked) +
                                            ", which this version does not know");
  }
  if (!in.finished()) return Malformed("a question is not as long as its parts");
  return question;
}

std::vector<uint8_t> EncodeAnswer(const RootAnswer& answer) {
  ByteWriter out;
  PutHead(Asked::kRoot, &out);
  PutVersionVector(answer.held, &out);
  out.Put<uint64_t>(answer.digest.sum);
  out.Put<uint64_t>(answer.digest.inodes);
  out.Put<uint64_t>(answer.digest.names);
  PutSums(answer.sums, &out);
  return out.Take();
}

std::vector<uint8_t> EncodeAnswer(const LeavesAnswer& answer) {
  ByteWriter out;
  PutHead(Asked::kLeaves, &out);
  for (const DigestSums& sums : answer.sums) PutSums(sums, &out);
  return out.Take();
}

std::vector<uint8_t> EncodeAnswer(const InodesAnswer& answer) {
  ByteWriter out;
  PutHead(Asked::kInodes, &out);
  out.Put<uint32_t>(answer.next_slot);
  out.Put<uint32_t>(static_cast<uint32_t>(answer.inodes.size()));
  for (const InodeHash& listed : answer.inodes) out.Put(listed);
  return out.Take();
}

std::vector<uint8_t> EncodeAnswer(const RegistersAnswer& answer) {
  ByteWriter out;
  PutHead(Asked::kRegisters, &out);
  PutVersionVector(answer.held, &out);
  out.Put<uint16_t>(static_cast<uint16_t>(answer.flags.size()));
  out.PutBytes(answer.flags);
  out.PutBytes(answer.chunks);
  return out.Take();
}

Status DecodeAnswer(Bytes bytes, const Question&, RootAnswer* answer) {
  ByteReader in(bytes);
  CFS_RETURN_IF_ERROR(GetAnswerHead(&in, Asked::kRoot));
  CFS_RETURN_IF_ERROR(GetAnsweredHeld(&in, kAnAnswer, &answer->held));
  answer->digest.sum = in.Get<uint64_t>();
  answer->digest.inodes = in.Get<uint64_t>();
  answer->digest.names = in.Get<uint64_t>();
  answer->sums = GetSums(&in);
  return Finish(in);
}

Status DecodeAnswer(Bytes bytes, const Question& question, LeavesAnswer* answer) {
  ByteReader in(bytes);
  CFS_RETURN_IF_ERROR(GetAnswerHead(&in, Asked::kLeaves));
  answer->sums.clear();
  for (size_t i = 0; i < question.nodes.size(); i++) answer->sums.push_back(GetSums(&in));
  return Finish(in);
}

Status DecodeAnswer(Bytes bytes, const Question& question, InodesAnswer* answer) {
  ByteReader in(bytes);
  CFS_RETURN_IF_ERROR(GetAnswerHead(&in, Asked::kInodes));
  answer->next_slot = in.Get<uint32_t>();
  const auto count = in.Get<uint32_t>();
  if (in.remaining() != count * uint64_t{sizeof(InodeHash)}) {
    return Malformed("an answer of " + std::to_string(count) +
                     " inodes is not as long as they are");
  }
  answer->inodes.clear();
  for (uint32_t i = 0; i < count; i++) {
    answer->inodes.push_back(in.Get<InodeHash>());
    if (!question.leaves[LeafOf(answer->inodes.back().inode)]) {
      return Malformed("an answer lists inode " + std::to_string(answer->inodes.back().inode) +
                       ", which is not in the leaves that were asked for");
    }
  }
  // So that it comes to an end.
  if (answer->next_slot != 0 && (answer->next_slot <= question.slot || count == 0)) {
    return Malformed("an answer does not get on: asked from slot " + std::to_string(question.slot) +
                     " on, it goes on at " + std::to_string(answer->next_slot));
  }
  return Finish(in);
}

Status DecodeAnswer(Bytes bytes, const Question& question, RegistersAnswer* answer) {
  ByteReader in(bytes);
  CFS_RETURN_IF_ERROR(GetAnswerHead(&in, Asked::kRegisters));
  CFS_RETURN_IF_ERROR(GetAnsweredHeld(&in, kAnAnswer, &answer->held));
  const auto count = in.Get<uint16_t>();
  if (count > question.inodes.size() || (count == 0 && !question.inodes.empty())) {
    return Malformed("an answer with the registers of " + std::to_string(count) +
                     " inodes, expected 1 to " + std::to_string(question.inodes.size()));
  }
  const Bytes flags = in.GetBytes(count);
  const Bytes chunks = in.GetBytes(in.remaining());
  if (!in.finished()) return Malformed("an answer ends within its flags");
  answer->flags.assign(flags.begin(), flags.end());
  answer->chunks.assign(chunks.begin(), chunks.end());
  return Status::Ok();
}

}  // namespace cfsrepl
