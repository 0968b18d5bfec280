// Forgetting what is gone: docs/convergence.md, "Forgetting".
#ifndef CFS_REPL_STATE_TOMBSTONES_H_
#define CFS_REPL_STATE_TOMBSTONES_H_

#include <vector>

#include "base/types.h"
#include "state/origin_table.h"

namespace cfsrepl {

class Ledger;
class Store;

// Which registers may be forgotten, once nothing shows them: those that every site has seen, of
// which nothing can come any more that was written without knowledge of them. For one sweep.
class Forgettable {
 public:
  // What `horizon` covers, if it was written before `before`, and unless a conflict in the ledger,
  // which is borrowed, is about the inode. Origins that the table learns of later are not covered.
  Forgettable(const OriginTable& origins, const VersionVector& horizon, Hlc before,
              const Ledger& ledger);

  // A dead inode: no name of it shows, nothing names it as its directory, and all that was ever
  // written of it is covered.
  bool Covers(const Store& store, uint32_t slot) const;
  bool Covers(const PackedStamp& stamp) const {
    const OriginIndex origin = stamp.source.origin();
    return origin < horizon_.size() && stamp.source.lsn() <= horizon_[origin] &&
           stamp.hlc < before_;
  }

 private:
  std::vector<Lsn> horizon_;  // by index in the state's origins
  Hlc before_;
  const Ledger* ledger_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_TOMBSTONES_H_
