#include <algorithm>
#include <shared_mutex>
#include <string>
#include <tuple>

#include "engine/comparison_impl.h"
#include "engine/log_items.h"
#include "state/checkpoint.h"

namespace cfsrepl {
namespace {

// Of inodes that show differently though their registers are equal: enough to see what is wrong.
constexpr size_t kHiddenKept = 100;

VersionVector Common(const VersionVector& a, const VersionVector& b) {
  VersionVector common;
  for (const auto& [origin, lsn] : a.lsns()) {
    const Lsn both = std::min(lsn, b.Get(origin));
    if (both > 0) common.Raise(origin, both);
  }
  return common;
}

bool Covers(const VersionVector& held, const Stamp& stamp) {
  return held.Covers(stamp.origin, stamp.lsn);
}

}  // namespace

ComparisonImpl::ComparisonImpl(const ComparisonOptions& options, std::shared_ptr<void> owner,
                               Gate* gate, Replica* replica, Committer* committer)
    : options_(options),
      owner_(std::move(owner)),
      gate_(gate),
      replica_(replica),
      side_(replica, committer),
      committer_(committer) {
  if (options.inode != 0) {
    inodes_.push_back(options.inode);
    NextInodes();
  }
}

std::optional<std::vector<uint8_t>> ComparisonImpl::Next() {
  std::lock_guard lock(mutex_);
  if (phase_ == Phase::kDone) return std::nullopt;
  return EncodeQuestion(question_);
}

std::vector<InodeReport> ComparisonImpl::TakeReports() {
  std::lock_guard lock(mutex_);
  return std::exchange(reports_, {});
}

Status ComparisonImpl::Take(Bytes answer) {
  std::lock_guard lock(mutex_);
  Gate::Pass pass(gate_);
  if (!pass.inside()) return Status(Code::kClosed, "the engine is closed");
  if (answer.size() > limits::kComparisonAnswerBytesMax) {
    return Status(Code::kTooLarge, "comparison: an answer of " + std::to_string(answer.size()) +
                                       " bytes, at most " +
                                       std::to_string(limits::kComparisonAnswerBytesMax));
  }
  status_.exchanges++;
  switch (phase_) {
    case Phase::kRoot:
    case Phase::kRootAgain:
      return TakeRoot(answer);
    case Phase::kLeaves:
      return TakeLeaves(answer);
    case Phase::kInodes:
      return TakeInodes(answer);
    case Phase::kRegisters:
    case Phase::kConfirm:
      return TakeRegisters(answer);
    case Phase::kDone:
      break;
  }
  return Status(Code::kInvalidArgument, "the comparison is over: it asked for nothing");
}

void ComparisonImpl::Begin(Phase phase) {
  phase_ = phase;
  question_ = Question();
}

void ComparisonImpl::Finish(bool equal) {
  Begin(Phase::kDone);
  status_.done = true;
  status_.equal = equal;
}

Status ComparisonImpl::TakeRoot(Bytes bytes) {
  RootAnswer theirs;
  CFS_RETURN_IF_ERROR(DecodeAnswer(bytes, question_, &theirs));
  Result<RootAnswer> ours = side_.Root();
  if (!ours.ok()) return ours.status();
  const bool same_held = ours->held == theirs.held;
  const bool equal = ours->digest == theirs.digest;
  if (phase_ == Phase::kRootAgain) {
    // With everything held by both, nothing explains what shows differently.
    if (!equal && same_held && same_held_) ReportHidden();
    Finish(status_.inodes_differing == 0);
    return Status::Ok();
  }
  same_held_ = same_held;
  status_.common = Common(ours->held, theirs.held);
  status_.inodes_here = ours->digest.inodes;
  status_.inodes_there = theirs.digest.inodes;
  Begin(Phase::kLeaves);
  question_.asked = Asked::kLeaves;
  for (size_t node = 0; node < kDigestFanOut; node++) {
    if (ours->sums[node] != theirs.sums[node]) {
      question_.nodes.push_back(static_cast<uint8_t>(node));
    }
  }
  if (equal || question_.nodes.empty()) Finish(equal);
  return Status::Ok();
}

Status ComparisonImpl::TakeLeaves(Bytes bytes) {
  LeavesAnswer theirs;
  CFS_RETURN_IF_ERROR(DecodeAnswer(bytes, question_, &theirs));
  Result<LeavesAnswer> ours = side_.Leaves(question_.nodes);
  if (!ours.ok()) return ours.status();
  for (size_t i = 0; i < question_.nodes.size(); i++) {
    for (size_t leaf = 0; leaf < kDigestFanOut; leaf++) {
      if (ours->sums[i][leaf] == theirs.sums[i][leaf]) continue;
      leaves_.push_back(static_cast<uint16_t>(question_.nodes[i] * kDigestFanOut + leaf));
    }
  }
  NextLeaves();
  return Status::Ok();
}

// So many leaves at a time that their lists stay within bounds.
void ComparisonImpl::NextLeaves() {
  if (leaves_.empty()) {
    // The last word, where nothing was found that would explain why the digests differed.
    if (status_.inodes_differing == 0 && same_held_ && !hidden_.empty()) {
      Begin(Phase::kRootAgain);
    } else {
      Finish(status_.inodes_differing == 0);
    }
    return;
  }
  Begin(Phase::kInodes);
  question_.asked = Asked::kInodes;
  const uint64_t inodes = std::max(status_.inodes_here, status_.inodes_there);
  size_t count = std::max<uint64_t>(1, limits::kListedAtOnceMax / (inodes / kDigestLeaves + 1));
  for (; count > 0 && !leaves_.empty(); count--) {
    question_.leaves.set(leaves_.front());
    leaves_.pop_front();
  }
  listed_.clear();
}

Status ComparisonImpl::TakeInodes(Bytes bytes) {
  InodesAnswer theirs;
  CFS_RETURN_IF_ERROR(DecodeAnswer(bytes, question_, &theirs));
  listed_.insert(listed_.end(), theirs.inodes.begin(), theirs.inodes.end());
  status_.inodes_listed += theirs.inodes.size();
  // Twice what its digest said, for those that are made meanwhile.
  if (status_.inodes_listed > 2 * status_.inodes_there + limits::kListedAtOnceMax) {
    return Status(Code::kTooLarge, "comparison: " + std::to_string(status_.inodes_listed) +
                                       " inodes were listed by a site that said it has " +
                                       std::to_string(status_.inodes_there));
  }
  question_.slot = theirs.next_slot;
  return theirs.next_slot == 0 ? CompareLists() : Status::Ok();
}

Status ComparisonImpl::CompareLists() {
  uint32_t slot = 1;
  std::vector<InodeHash> ours = side_.Inodes(question_.leaves, &slot, SIZE_MAX);
  auto by_inode = [](const InodeHash& a, const InodeHash& b) {
    return std::tie(a.inode, a.hash) < std::tie(b.inode, b.hash);
  };
  std::sort(ours.begin(), ours.end(), by_inode);
  std::sort(listed_.begin(), listed_.end(), by_inode);
  std::vector<InodeHash> differing;
  std::set_symmetric_difference(ours.begin(), ours.end(), listed_.begin(), listed_.end(),
                                std::back_inserter(differing), by_inode);
  listed_.clear();
  for (const InodeHash& inode : differing) {
    if (inodes_.empty() || inodes_.back() != inode.inode) inodes_.push_back(inode.inode);
  }
  NextInodes();
  return Status::Ok();
}

// First the suspects again, then the next that differ.
void ComparisonImpl::NextInodes() {
  if (!suspects_.empty()) {
    Begin(Phase::kConfirm);
    for (const auto& [inode, suspect] : suspects_) question_.inodes.push_back(inode);
  } else if (!inodes_.empty()) {
    Begin(Phase::kRegisters);
    const size_t count = std::min(inodes_.size(), limits::kComparedInodesMax);
    question_.inodes.assign(inodes_.begin(), inodes_.begin() + static_cast<ptrdiff_t>(count));
  } else {
    NextLeaves();
    return;
  }
  question_.asked = Asked::kRegisters;
}

Status ComparisonImpl::TakeRegisters(Bytes bytes) {
  RegistersAnswer answer;
  CFS_RETURN_IF_ERROR(DecodeAnswer(bytes, question_, &answer));
  // Apart from our state: whatever the peer says, it is only looked at.
  State theirs;
  CFS_RETURN_IF_ERROR(MergeChunks(answer.chunks, &theirs));
  if (theirs.ledger().count() > 0) {
    return Status(Code::kMalformed, "comparison: an answer brings conflicts, expected registers");
  }
  const bool mends = options_.repair && phase_ == Phase::kConfirm;
  std::vector<uint8_t> item;
  const auto judge = [&]() -> Result<std::vector<uint8_t>> { return Judge(answer, theirs); };
  Status status;
  if (mends) {
    status = committer_->Mend(judge);
  } else {
    Status judged;
    status = committer_->Look([&] { judged = judge().status(); });
    if (status.ok()) status = judged;
  }
  if (!status.ok()) return status;
  for (Suspect& suspect : confirmed_) Report(std::move(suspect));
  confirmed_.clear();
  NextInodes();
  return Status::Ok();
}

Result<std::vector<uint8_t>> ComparisonImpl::Judge(const RegistersAnswer& answer,
                                                   const State& theirs) {
  mended_ = std::make_unique<State>();
  mended_inodes_.clear();
  mended_hlc_max_ = 0;
  confirmed_.clear();
  if (options_.inode != 0) status_.common = Common(replica_->metadata.held, answer.held);
  for (size_t i = 0; i < answer.flags.size(); i++) {
    JudgeInode(question_.inodes[i], answer.flags[i], answer.held, theirs);
  }
  if (mended_inodes_.empty()) return std::vector<uint8_t>();
  Buffer chunks;
  for (Inode inode : mended_inodes_) {
    CFS_RETURN_IF_ERROR(EncodeInodeChunks(*mended_, inode, &chunks));
  }
  return EncodeRepair({options_.peer, mended_hlc_max_, mended_inodes_, chunks.bytes()});
}

void ComparisonImpl::JudgeInode(Inode inode, uint8_t flags, const VersionVector& held,
                                const State& theirs) {
  bool in_flight = false;
  std::optional<Suspect> suspect = Examine(inode, flags, held, theirs, &in_flight);
  if (phase_ == Phase::kConfirm) {
    const auto first = suspects_.find(inode);
    if (suspect.has_value()) Confirm(first->second, std::move(*suspect), theirs);
    suspects_.erase(first);
    return;
  }
  status_.inodes_compared++;
  if (in_flight) status_.inodes_in_flight++;
  inodes_.pop_front();
  if (suspect.has_value()) {
    suspects_.emplace(inode, std::move(*suspect));
  } else if (!in_flight && hidden_.size() < kHiddenKept) {
    hidden_.push_back(inode);
  }
}

// What is wrong with an inode by this one look; nothing if all that differs is in flight.
std::optional<ComparisonImpl::Suspect> ComparisonImpl::Examine(Inode inode, uint8_t flags,
                                                               const VersionVector& held,
                                                               const State& theirs,
                                                               bool* in_flight) const {
  Suspect suspect;
  InodeReport& report = suspect.report;
  report.inode = inode;
  report.live_here = IsLive(*replica_->state, inode);
  report.live_there = (flags & kInodeLive) != 0;
  // Tombstones: each site forgets them in its own time.
  if (!report.live_here && !report.live_there) return std::nullopt;
  if ((flags & kInodeTooLarge) != 0) {
    report.too_large = true;
    report.path = PathOf(inode, theirs);
    return suspect;
  }
  for (RegisterDifference& difference : CompareRegisters(*replica_->state, theirs, inode)) {
    const RegisterSide& ours = difference.ours;
    const RegisterSide& other = difference.theirs;
    const bool we_have_it = ours.stamp > other.stamp;
    const RegisterSide& greater = we_have_it ? ours : other;
    const RegisterSide& lesser = we_have_it ? other : ours;
    if (ours.stamp != other.stamp) {
      if (!Covers(we_have_it ? held : replica_->metadata.held, greater.stamp)) {
        *in_flight = true;
        continue;
      }
      // A tombstone, which the other side has forgotten.
      if (greater.removed && lesser.stamp == Stamp()) continue;
    }
    suspect.registers.push_back(
        {std::move(difference), we_have_it ? Remedy::kGive : Remedy::kTake});
  }
  if (suspect.registers.empty()) return std::nullopt;
  report.path = PathOf(inode, theirs);
  return suspect;
}

// Keeps of the second look what the first had as well.
void ComparisonImpl::Confirm(const Suspect& first, Suspect now, const State& theirs) {
  std::erase_if(now.registers, [&](const Judged& judged) {
    return std::none_of(first.registers.begin(), first.registers.end(), [&](const Judged& before) {
      return before.difference.SameRegister(judged.difference) &&
             before.difference.ours.stamp == judged.difference.ours.stamp &&
             before.difference.theirs.stamp == judged.difference.theirs.stamp;
    });
  });
  if (now.registers.empty() && !now.report.too_large) return;
  if (options_.repair) {
    std::vector<RegisterDifference> taken;
    for (const Judged& judged : now.registers) {
      if (judged.remedy != Remedy::kTake) continue;
      taken.push_back(judged.difference);
      mended_hlc_max_ = std::max(mended_hlc_max_, judged.difference.theirs.stamp.hlc);
    }
    // It has as many origins as the answer, which fitted a state.
    if (!taken.empty() && CopyRegisters(theirs, now.report.inode, taken, mended_.get()).ok()) {
      mended_inodes_.push_back(now.report.inode);
    }
  }
  confirmed_.push_back(std::move(now));
}

// Where it shows here, or else where a link that the peer has would show.
std::string ComparisonImpl::PathOf(Inode inode, const State& theirs) const {
  const State& state = *replica_->state;
  Result<std::string> path = state.PathOf(inode);
  if (path.ok()) return path.value();
  for (const auto& [parent, name] : LinkNames(theirs, inode)) {
    Result<std::string> above = state.PathOf(parent);
    if (!above.ok()) continue;
    return (parent == kRootInode ? "" : above.value()) + "/" + name;
  }
  return "";
}

void ComparisonImpl::Report(Suspect suspect) {
  InodeReport& report = suspect.report;
  for (Judged& judged : suspect.registers) {
    RegisterDifference& difference = judged.difference;
    const bool repaired = options_.repair && judged.remedy == Remedy::kTake;
    report.registers.push_back({RegisterName(difference.which),
                                std::move(difference.key),
                                difference.link,
                                {difference.ours.stamp, std::move(difference.ours.text)},
                                {difference.theirs.stamp, std::move(difference.theirs.text)},
                                judged.remedy,
                                repaired});
    status_.registers_differing++;
    if (repaired) status_.registers_repaired++;
  }
  status_.inodes_differing++;
  reports_.push_back(std::move(report));
}

void ComparisonImpl::ReportHidden() {
  for (Inode inode : hidden_) {
    Suspect suspect;
    suspect.report.inode = inode;
    std::shared_lock lock(replica_->mutex);
    Result<std::string> path = replica_->state->PathOf(inode);
    if (path.ok()) suspect.report.path = std::move(path).value();
    lock.unlock();
    Report(std::move(suspect));
  }
}

}  // namespace cfsrepl
