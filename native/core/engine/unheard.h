// UnheardLosses: what an evicted site lost to changes that it did not hear of.
//
// A loss is recorded by the site that made the loser, when the winner arrives there. An evicted
// site takes nothing any more, so the others do it for it: what it would have done is played in a
// state of its own, first the changes of its closed journals, then those of all others, in the
// order in which this node would have passed them on. docs/convergence.md, "Eviction".
#ifndef CFS_REPL_ENGINE_UNHEARD_H_
#define CFS_REPL_ENGINE_UNHEARD_H_

#include <deque>
#include <functional>
#include <unordered_set>

#include "engine/conflict_recorder.h"
#include "engine/replica.h"
#include "wal/log.h"

namespace cfsrepl {

class UnheardLosses {
 public:
  // Borrows all; `closed` is the last of the evicted site's incarnations. What that site had not
  // acknowledged is in the log from `start` on; its own changes may be anywhere.
  UnheardLosses(Replica* replica, Log* log, const Origin& closed, Position start)
      : replica_(replica), log_(log), closed_(closed), start_(start) {}

  // [slow] Reads the log twice. From any thread.
  Result<std::deque<ConflictDraft>> Find();

 private:
  // Leaves out what is not lost, as other names of the inode show here.
  class Recorder : public ConflictRecorder {
   public:
    using ConflictRecorder::ConflictRecorder;
    void OnLoss(const Loss& loss) override;
  };

  using OnFrame = std::function<Status(Bytes frame, const FrameInfo& info)>;
  Status ReadFrames(Position from, const OnFrame& on_frame);
  Status MergeClosed(Bytes frame);
  Status MergeOther(Bytes frame);
  bool IsClosed(const Origin& origin) const {
    return origin.site == closed_.site && origin.incarnation <= closed_.incarnation;
  }
  bool IsAboutLosers(const EntryView& entry) const;

  Replica* const replica_;
  Log* const log_;
  const Origin closed_;
  const Position start_;
  State played_;
  Recorder recorder_{&played_, replica_->state.get(), &replica_->id_maps, closed_.site};
  std::unordered_set<Inode> inodes_;  // that the closed journals changed
  FrameScratch scratch_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_UNHEARD_H_
