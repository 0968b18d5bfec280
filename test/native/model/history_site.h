// A site without threads, disk or network: the engine's own admission, clock, frames, compaction,
// merge and checkpoints, in the order that a history gives.
#ifndef CFS_REPL_TEST_MODEL_HISTORY_SITE_H_
#define CFS_REPL_TEST_MODEL_HISTORY_SITE_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/admission.h"
#include "engine/replica.h"
#include "frame/compact.h"
#include "frame/frame.h"
#include "frame/frame_writer.h"
#include "state/checkpoint.h"

namespace cfsrepl {

// What one history after the other uses again, because making it anew takes longer than they do.
struct HistoryTools {
  Compactor compactor;
  FrameSealer sealer;
  FrameScratch scratch;
  std::vector<std::unique_ptr<FrameScratch>> scratches;
};

class HistorySite {
 public:
  HistorySite(SiteId id, HistoryTools* tools);

  const State& state() const { return *replica_->state; }
  const Origin& origin() const { return origin_; }
  // Own entries that have left the site or may leave it, in frames of codec none.
  const std::vector<Buffer>& frames() const { return frames_; }

  const VersionVector& held() const { return replica_->metadata.held; }

  // One op of a batch (op_batch.h): admitted, stamped and merged as Committer does.
  Result<Admission::Outcome> Append(Bytes batch, int64_t clock_us);
  void Cut();

  // Frames `first` up to, not including, `end`, compacted and sealed as one.
  Buffer Seal(size_t first, size_t end, ShortLived short_lived);
  // Verifies, merges and remembers it.
  void Receive(Bytes frame);

  // `reports`: what each site held at one moment. Forgets what is gone by it, if it can and no
  // checkpoint is being written.
  void Forget(const std::vector<VersionVector>& reports);

  void BeginCheckpoint();
  void StepCheckpoint(size_t max_inodes);
  // Finishes it, forgets everything, loads it, and merges again what came since it was begun.
  void EndCheckpoint();

 private:
  void AppendDraft(const Draft& draft, Hlc wall);
  void Start(std::unique_ptr<Replica> replica);

  const Origin origin_;
  HistoryTools* const tools_;
  std::unique_ptr<Replica> replica_;
  std::unique_ptr<Admission> admission_;
  std::vector<uint64_t>* seqs_ = nullptr;
  OriginIndex origin_index_ = 0;
  Lsn next_lsn_ = 0;
  FrameWriter writer_;
  bool seen_changed_ = true;
  std::vector<Buffer> frames_;
  std::vector<Buffer> log_;  // frames since the checkpoint was begun, own and others'
  std::unique_ptr<CheckpointWriter> checkpoint_;
  Buffer checkpoint_file_;
};

// Ends the process with a message: the runner's own doing, or a check that should have held.
void Require(const Status& status, const char* what);

}  // namespace cfsrepl

#endif  // CFS_REPL_TEST_MODEL_HISTORY_SITE_H_
