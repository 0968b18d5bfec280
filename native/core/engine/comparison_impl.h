// The course of a comparison. Sums lead to the leaves that differ, lists to the inodes, and their
// registers decide:
//
//   root -> leaves -> inodes -> registers -> registers again -> (the next leaves) -> root again
//
// Under writes the two sites never show the same moment, so a hash that differs proves nothing. A
// register does: each side's registers come with the version vector that they were taken under. If
// the greater stamp of the two is of an entry that the other side does not hold yet, it is in
// flight. If the other side does hold that entry, its register is wrong, or it was taken when a
// compacted frame had already carried both the entry and what made it superfluous. So whatever
// differs is looked at twice, and only what differs in the same way both times is reported: by then
// the side that wrote the entry has what superseded it, too.
#ifndef CFS_REPL_ENGINE_COMPARISON_IMPL_H_
#define CFS_REPL_ENGINE_COMPARISON_IMPL_H_

#include <deque>
#include <map>
#include <memory>
#include <mutex>

#include "engine/comparison.h"
#include "engine/comparison_side.h"
#include "engine/gate.h"
#include "state/register_diff.h"

namespace cfsrepl {

class ComparisonImpl final : public Comparison {
 public:
  // `owner` keeps the rest alive; calls pass `gate`.
  ComparisonImpl(const ComparisonOptions& options, std::shared_ptr<void> owner, Gate* gate,
                 Replica* replica, Committer* committer);

  std::optional<std::vector<uint8_t>> Next() override;
  Status Take(Bytes answer) override;
  std::vector<InodeReport> TakeReports() override;
  const ComparisonStatus& status() const override { return status_; }

 private:
  enum class Phase { kRoot, kLeaves, kInodes, kRegisters, kConfirm, kRootAgain, kDone };

  struct Judged {
    RegisterDifference difference;
    Remedy remedy = Remedy::kTake;
  };
  struct Suspect {
    InodeReport report;
    std::vector<Judged> registers;
  };

  void Begin(Phase phase);
  void NextLeaves();
  void NextInodes();
  void Finish(bool equal);

  Status TakeRoot(Bytes bytes);
  Status TakeLeaves(Bytes bytes);
  Status TakeInodes(Bytes bytes);
  Status TakeRegisters(Bytes bytes);
  Status CompareLists();

  // On the engine thread; gives the item of a repair, if one is made.
  Result<std::vector<uint8_t>> Judge(const RegistersAnswer& answer, const State& theirs);
  void JudgeInode(Inode inode, uint8_t flags, const VersionVector& held, const State& theirs);
  std::optional<Suspect> Examine(Inode inode, uint8_t flags, const VersionVector& held,
                                 const State& theirs, bool* in_flight) const;
  void Confirm(const Suspect& first, Suspect now, const State& theirs);
  std::string PathOf(Inode inode, const State& theirs) const;
  void Report(Suspect suspect);
  void ReportHidden();

  const ComparisonOptions options_;
  const std::shared_ptr<void> owner_;
  Gate* const gate_;
  Replica* const replica_;
  ComparisonSide side_;
  Committer* const committer_;

  std::mutex mutex_;
  Phase phase_ = Phase::kRoot;
  Question question_;
  ComparisonStatus status_;
  std::vector<InodeReport> reports_;

  bool same_held_ = false;       // at the root
  std::deque<uint16_t> leaves_;  // that differ and were not asked for yet
  std::vector<InodeHash> listed_;
  std::deque<Inode> inodes_;           // that differ and were not compared yet
  std::map<Inode, Suspect> suspects_;  // that differed at the first look
  std::vector<Inode> hidden_;          // whose hashes differ and registers do not; the first ones

  // Of the mending in progress.
  std::unique_ptr<State> mended_;
  std::vector<Inode> mended_inodes_;
  Hlc mended_hlc_max_ = 0;
  std::vector<Suspect> confirmed_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_COMPARISON_IMPL_H_
