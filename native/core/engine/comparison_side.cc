#include "engine/comparison_side.h"

#include <mutex>
#include <shared_mutex>

#include "state/checkpoint.h"
#include "state/register_diff.h"

namespace cfsrepl {
namespace {

constexpr size_t kSlotsPerStep = 16384;  // looked at under one lock

template <typename Answer>
Result<std::vector<uint8_t>> Encoded(const Result<Answer>& answer) {
  if (!answer.ok()) return answer.status();
  return EncodeAnswer(answer.value());
}

}  // namespace

Result<std::vector<uint8_t>> ComparisonSide::Answer(Bytes bytes) {
  Result<Question> question = DecodeQuestion(bytes);
  if (!question.ok()) return question.status();
  switch (question->asked) {
    case Asked::kRoot:
      return Encoded(Root());
    case Asked::kLeaves:
      return Encoded(Leaves(question->nodes));
    case Asked::kInodes: {
      InodesAnswer answer;
      answer.next_slot = question->slot;
      answer.inodes = Inodes(question->leaves, &answer.next_slot, limits::kListedInodesMax);
      return EncodeAnswer(answer);
    }
    case Asked::kRegisters:
      break;
  }
  return Encoded(Registers(question->inodes));
}

// Everything, on the engine thread: nothing is merged meanwhile.
void ComparisonSide::Settle() {
  for (bool settled = false; !settled;) {
    std::unique_lock lock(replica_->mutex);
    settled = replica_->digest.Settle(kSettledPerStep);
  }
}

Result<RootAnswer> ComparisonSide::Root() {
  RootAnswer answer;
  const Status status = committer_->Look([&] {
    Settle();
    answer.held = replica_->metadata.held;
    answer.digest = replica_->digest.digest();
    answer.sums = replica_->digest.NodeSums();
  });
  if (!status.ok()) return status;
  return answer;
}

Result<LeavesAnswer> ComparisonSide::Leaves(const std::vector<uint8_t>& nodes) {
  LeavesAnswer answer;
  const Status status = committer_->Look([&] {
    Settle();
    for (uint8_t node : nodes) answer.sums.push_back(replica_->digest.LeafSums(node));
  });
  if (!status.ok()) return status;
  return answer;
}

std::vector<InodeHash> ComparisonSide::Inodes(const LeafSet& leaves, uint32_t* slot,
                                              size_t inodes_max) {
  std::vector<InodeHash> inodes;
  while (inodes.size() < inodes_max) {
    std::shared_lock lock(replica_->mutex);
    if (!replica_->digest.List(leaves, kSlotsPerStep, inodes_max, slot, &inodes)) continue;
    *slot = 0;
    break;
  }
  return inodes;
}

Result<RegistersAnswer> ComparisonSide::Registers(const std::vector<Inode>& inodes) {
  RegistersAnswer answer;
  const Status status = committer_->Look([&] {
    answer.held = replica_->metadata.held;
    for (Inode inode : inodes) {
      if (answer.chunks.size() >= limits::kCheckpointChunkBytesTarget) break;
      AddRegisters(inode, &answer);
    }
  });
  if (!status.ok()) return status;
  return answer;
}

void ComparisonSide::AddRegisters(Inode inode, RegistersAnswer* answer) const {
  const State& state = *replica_->state;
  uint8_t flags = IsLive(state, inode) ? kInodeLive : 0;
  Buffer chunks;
  const bool known = EncodeInodeChunks(state, inode, &chunks).ok();
  if (known && chunks.size() <= limits::kComparedRegisterBytesMax) {
    answer->chunks.insert(answer->chunks.end(), chunks.data(), chunks.data() + chunks.size());
  } else if (known) {
    flags |= kInodeTooLarge;
  }
  answer->flags.push_back(flags);
}

}  // namespace cfsrepl
