// ConflictRecorder: makes entries of what peers' entries take from this site's own changes.
//
// Only the site that made a change records its loss: it alone surely meets every change that wins
// over it while it is the register's value, so each loss is recorded once, and the record then
// replicates like any entry. docs/convergence.md, "Who records a conflict".
#ifndef CFS_REPL_ENGINE_CONFLICT_RECORDER_H_
#define CFS_REPL_ENGINE_CONFLICT_RECORDER_H_

#include <deque>
#include <vector>

#include "engine/id_maps.h"
#include "frame/frame.h"
#include "state/state.h"

namespace cfsrepl {

// A conflict that has no entry yet.
struct ConflictDraft {
  Inode inode = 0;
  std::vector<uint8_t> payload;
};

// Engine thread only.
class ConflictRecorder : public LossWatch {
 public:
  // Borrows all: the state that is merged into, the one whose paths are shown (the same but for
  // UnheardLosses), and the maps. `site` is whose losses are recorded.
  ConflictRecorder(const State* state, const State* shown, const CurrentIdMaps* id_maps,
                   SiteId site)
      : state_(state), shown_(shown), id_maps_(id_maps), site_(site) {}

  // What this node had seen of other origins when it wrote `from_lsn` and what follows.
  void NoteOwnSection(const Origin& own, Lsn from_lsn, const VersionVector& seen);

  // The entry that is about to be merged, and the section of its frame that it is in.
  void Begin(const Origin& origin, const EntryView& entry);
  void BeginSection(const SeenSection& section);

  void OnLoss(const Loss& loss) override;
  // As users of this site see it.
  bool IsSameOwner(const Attributes& incoming, uint32_t uid, uint32_t gid) const override;

  // Oldest first. Whoever takes them makes entries of them.
  bool empty() const { return pending_.empty(); }
  const ConflictDraft& front() const { return pending_.front(); }
  void PopFront();
  // Of the payloads that wait.
  size_t pending_bytes() const { return pending_bytes_; }

 protected:
  Op winner_op() const { return static_cast<Op>(entry_.header->op()); }
  const State* shown() const { return shown_; }

 private:
  struct OwnSection {
    Origin origin;
    Lsn from_lsn = 0;
    std::vector<schema::OriginLsn> seen;
  };

  EntryPayload InOwnIds(const Loss& loss) const;
  std::string PathOf(const Loss& loss) const;
  const std::vector<schema::OriginLsn>* SeenBy(const Stamp& stamp) const;

  const State* const state_;
  const State* const shown_;
  const CurrentIdMaps* const id_maps_;
  const SiteId site_;
  std::deque<OwnSection> own_sections_;  // the latest
  Origin origin_;
  EntryView entry_;
  std::vector<schema::OriginLsn> seen_;  // by the writer of entry_
  std::vector<uint8_t> loser_payload_;   // reused
  std::deque<ConflictDraft> pending_;
  size_t pending_bytes_ = 0;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_CONFLICT_RECORDER_H_
