// Whether two nodes hold the same journal under one name.
//
// A data directory that was put back to an older copy numbers its next entries as it numbered those
// that it lost, so (origin, LSN) names two entries. Their HLCs differ: one was stamped after the
// other. Within an origin the HLC grows with the LSN, so an entry that compaction left out is still
// between its neighbours.
#ifndef CFS_REPL_ENGINE_FORK_CHECK_H_
#define CFS_REPL_ENGINE_FORK_CHECK_H_

#include <limits>

#include "base/status.h"
#include "base/types.h"
#include "wal/log.h"

namespace cfsrepl {

// What the HLC of an entry can be; equal where the entry is there to be read.
struct HlcBounds {
  Hlc least = 0;
  Hlc most = std::numeric_limits<Hlc>::max();
};

// Looks for `origin`'s entry `lsn` from `start` on (LogIndex::StartOf). Any HLC can be that of an
// entry that was collected. Reads at most about an index stride of log.
Result<HlcBounds> BoundHlc(Log* log, Position start, const Origin& origin, Lsn lsn);

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_FORK_CHECK_H_
