// Sees what a merge takes away from changes that its writer had not seen.
#ifndef CFS_REPL_STATE_LOSS_WATCH_H_
#define CFS_REPL_STATE_LOSS_WATCH_H_

#include <vector>

#include "base/conflict.h"
#include "state/origin_table.h"

namespace cfsrepl {

// A change that lost to the entry being merged. Views hold for the call only.
struct Loss {
  Lost lost = Lost::kFields;
  Inode inode = 0;  // the loser's
  PackedStamp stamp;
  Op op = Op::None;  // with `parts`: what would make the change again
  bool asserts_links = false;
  EntryPayload parts;
  Inode parent = 0;  // where the name in question is, or was; 0: look the inode up
  Bytes name;
};

// For the entries of one section of a frame, which all have the same causal past. Only the site
// that wrote a change records its loss, so a watch looks at the stamps of some origins and passes
// over all others: one comparison a register.
class LossWatch {
 public:
  virtual ~LossWatch() = default;
  virtual void OnLoss(const Loss& loss) = 0;
  // Whether the entry being merged gives an inode the owner that it has already, by a change of
  // ours: ids of two sites may differ and mean one user, or the reverse.
  virtual bool IsSameOwner(const Attributes& incoming, uint32_t uid, uint32_t gid) const {
    return incoming.uid() == uid && incoming.gid() == gid;
  }

  // The changes up to seen(origin) are what the writer had seen. kLsnMax: not ours to record.
  // By index in the state's origins; those that it learns of later pass.
  void SetSeen(std::vector<Lsn> seen) { seen_ = std::move(seen); }
  bool Unseen(PackedSource source) const {
    return source.origin() < seen_.size() && source.lsn() > seen_[source.origin()];
  }

 private:
  std::vector<Lsn> seen_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_LOSS_WATCH_H_
