// Questions and answers of a comparison, or about a checkpoint, that follow no rule: refused, or
// read so that writing them again gives the same bytes; and registers of whatever value can be
// compared. Input: a byte for what the rest is: 0 a question, else an answer to a question of that
// kind.
#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <vector>

#include "engine/comparison_wire.h"
#include "engine/takeover_wire.h"
#include "state/checkpoint.h"
#include "state/register_diff.h"

namespace cfsrepl {
namespace {

constexpr Inode kAsked[] = {1, 2, 3, (uint64_t{1} << 48) + 1};

void Require(bool holds) {
  if (!holds) abort();
}

Question AskedFor(Asked asked) {
  Question question;
  question.asked = asked;
  question.nodes = {0, 7, 255};
  question.leaves.set();
  question.inodes.assign(std::begin(kAsked), std::end(kAsked));
  return question;
}

TakeOverQuestion AskedFor(TakeOverAsked asked) {
  return {.asked = asked, .number = 7, .offset = 4096, .bytes = 64};
}

template <typename Answer, typename Kind>
Answer Read(Kind asked, Bytes bytes) {
  Answer answer;
  const Status status = DecodeAnswer(bytes, AskedFor(asked), &answer);
  if (!status.ok()) return Answer();
  const std::vector<uint8_t> written = EncodeAnswer(answer);
  Answer again;
  Require(DecodeAnswer(written, AskedFor(asked), &again).ok());
  Require(EncodeAnswer(again) == written);
  return answer;
}

template <typename Question>
void RequireSame(const Result<Question>& question, Bytes bytes) {
  if (!question.ok()) return;
  Require(std::ranges::equal(EncodeQuestion(question.value()), bytes));
}

void Compare(const RegistersAnswer& answer) {
  State theirs, ours;
  if (!MergeChunks(answer.chunks, &theirs).ok()) return;
  for (Inode inode : kAsked) {
    const auto differences = CompareRegisters(ours, theirs, inode);
    Require(CopyRegisters(theirs, inode, differences, &ours).ok());
    Require(CompareRegisters(theirs, theirs, inode).empty());
    for (const auto& left : CompareRegisters(ours, theirs, inode)) {
      Require(left.which == Register::kExistence || left.which == Register::kAsserted ||
              left.which == Register::kLink);  // the root has neither a birth nor a name
      Require(inode == kRootInode);
    }
  }
}

void Fuzz(uint8_t what, Bytes bytes) {
  switch (static_cast<Asked>(what)) {
    case Asked::kRoot:
      (void)Read<RootAnswer>(Asked::kRoot, bytes);
      return;
    case Asked::kLeaves:
      (void)Read<LeavesAnswer>(Asked::kLeaves, bytes);
      return;
    case Asked::kInodes:
      (void)Read<InodesAnswer>(Asked::kInodes, bytes);
      return;
    case Asked::kRegisters:
      Compare(Read<RegistersAnswer>(Asked::kRegisters, bytes));
      return;
  }
  switch (static_cast<TakeOverAsked>(what)) {
    case TakeOverAsked::kBegin:
      (void)Read<BeginAnswer>(TakeOverAsked::kBegin, bytes);
      return;
    case TakeOverAsked::kPart:
      (void)Read<PartAnswer>(TakeOverAsked::kPart, bytes);
      return;
  }
  RequireSame(DecodeQuestion(bytes), bytes);
  RequireSame(DecodeTakeOverQuestion(bytes), bytes);
}

}  // namespace
}  // namespace cfsrepl

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size >= 1) cfsrepl::Fuzz(data[0], {data + 1, size - 1});
  return 0;
}
