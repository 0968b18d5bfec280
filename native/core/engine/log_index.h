// Where in the log a reader that holds a given version vector must start, and when entries were
// made. Sparse: a point every kIndexStrideBytes of log. Not thread safe; the engine guards it.
#ifndef CFS_REPL_ENGINE_LOG_INDEX_H_
#define CFS_REPL_ENGINE_LOG_INDEX_H_

#include <deque>
#include <vector>

#include "base/limits.h"
#include "base/status.h"
#include "base/types.h"
#include "wal/record.h"

namespace cfsrepl {

inline constexpr uint64_t kIndexStrideBytes = 1024 * 1024;

class LogIndex {
 public:
  // A record at `position`, before which the log covers `held_before`. Call for every record in
  // order.
  void Add(Position position, const VersionVector& held_before);

  // A group of this node's own entries from `first_lsn`, stamped from `hlc`.
  void AddOwnGroup(Lsn first_lsn, Hlc hlc);

  // The last indexed position before which everything of `site`'s origins (of all, when 0) that the
  // log covers is in `held`. A default Position when even the oldest point is not covered.
  Position StartFor(const VersionVector& held, SiteId site) const;

  // The last indexed position before which the log does not have `origin`'s entry `lsn`. A default
  // Position when even the oldest point is behind it.
  Position StartOf(const Origin& origin, Lsn lsn) const;

  // The stamp of the group that has `lsn`, or an earlier one's if that is all that is known; 0:
  // none.
  Hlc HlcOf(Lsn lsn) const;

  bool empty() const { return points_.empty(); }

  // For a checkpoint, which saves replay the reading of older segments.
  std::vector<uint8_t> Encode() const;
  static Result<LogIndex> Decode(Bytes bytes);

  // Forgets points in segments before `oldest`.
  void Trim(Position oldest);

 private:
  struct Point {
    Position position;
    VersionVector held_before;
  };
  struct OwnGroup {
    Lsn first_lsn;
    Hlc hlc;
  };
  std::deque<Point> points_;
  std::deque<OwnGroup> recent_;  // fine: the latest groups
  std::deque<OwnGroup> sparse_;  // coarse: one a stride, for readers far behind
  bool sparse_due_ = true;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_LOG_INDEX_H_
