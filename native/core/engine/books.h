// Books: what is durable, as every thread may see it, and whom collection waits for.
//
// The engine thread publishes after each commit; everyone else reads. Thread safe.
#ifndef CFS_REPL_ENGINE_BOOKS_H_
#define CFS_REPL_ENGINE_BOOKS_H_

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "engine/engine.h"
#include "engine/log_index.h"
#include "engine/metadata.h"
#include "wal/log.h"

namespace cfsrepl {

// Of a peer whose cursor was written down while it counted.
inline constexpr uint64_t kNoIncarnation = UINT64_MAX;

class Books {
 public:
  // ---- recovery and the engine thread

  // A record at `ref` is durable; `after` is all that is held with it. own_lsn 0: no own entries.
  void Publish(const RecordRef& ref, const Metadata& after, Lsn own_lsn, Hlc own_hlc);
  // What a checkpoint says; the records from `end` on are published after it.
  void Begin(const Origin& own, const Metadata& checkpoint, Position end, uint64_t record_seq);
  // What recovery found, once it is done; `end` is where the next record goes.
  void EndRecovery(const Metadata& recovered, Position end, uint64_t record_seq);
  void set_index(LogIndex index);
  // What is gone may be forgotten from now on; the next checkpoint must say so.
  void SetForgotten(const VersionVector& forgotten);
  // A group was begun (its entries may be in the state) and has ended (they are durable, or the
  // engine stopped).
  void BeginGroup();
  void EndGroup();
  // The cursors that changed since the last call.
  std::vector<std::pair<SiteId, VersionVector>> TakeChangedCursors();

  // ---- anyone

  std::vector<OriginCursor> Held(bool with_shards) const;
  Lsn durable_lsn() const;
  uint64_t NextSeq(Shard shard) const;
  Engine::Backlog BacklogFrom(Lsn held_lsn) const;
  // Where to look for the HLC of an entry that is held.
  struct EntryPlace {
    Hlc hlc = 0;     // when it is known without looking
    Position start;  // else the log has it at or after this; default: it was collected
  };
  // Nothing when the entry is not held.
  std::optional<EntryPlace> PlaceOf(const Origin& origin, Lsn lsn) const;
  Hlc last_hlc() const;
  Epoch epoch() const;
  VersionVector forgotten() const;
  std::vector<Eviction> Evictions() const;

  // Nothing if what `peer` is in was closed: it may have said so before it knew.
  void RaisePeerCursor(const Origin& peer, const VersionVector& held);
  VersionVector PeerCursor(SiteId peer) const;
  void SetPeers(std::vector<SiteId> peers);

  // An evicted site whose losses are not on record yet: where to look for them, and the last of its
  // closed incarnations.
  struct Unheard {
    Origin closed;
    Position start;  // default: the log no longer reaches back to where the site was
  };
  std::optional<Unheard> UnheardOf(SiteId site) const;
  std::vector<SiteId> UnheardSites() const;
  // Nothing if the site was evicted once more meanwhile.
  void NoteRecorded(const Origin& closed);

  // Where a reader that has `held` of `site`'s origins (of all, when 0) starts; kTruncated when the
  // log no longer reaches back so far.
  Result<Position> StartFor(const VersionVector& held, SiteId site) const;

  // What a checkpoint that starts now must say.
  struct Mark {
    Metadata metadata;
    std::vector<uint8_t> index;
    Position end;
    uint64_t record_seq = 0;
  };
  Mark TakeMark() const;
  // Blocks until every group begun so far has ended.
  void WaitForGroups();

  // Below which no peer, and neither `checkpoint`, needs the log; *held_by says who holds the rest.
  Position CollectFloor(Position checkpoint, std::string* held_by) const;
  void Trim(Position oldest);

 private:
  void NoteEvictions(const Metadata& after);

  mutable std::mutex mutex_;
  std::condition_variable group_ended_;
  Origin own_;
  Metadata durable_;
  Position end_;
  uint64_t record_seq_ = 0;
  LogIndex index_;
  uint64_t groups_begun_ = 0;
  uint64_t groups_ended_ = 0;
  std::vector<SiteId> peers_;
  std::map<SiteId, VersionVector> peer_cursors_;
  std::map<SiteId, bool> cursor_changed_;
  std::map<SiteId, VersionVector> unheard_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_BOOKS_H_
