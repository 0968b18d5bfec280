// Which changes of the watched origins a merge takes something from: docs/convergence.md,
// "Conflicts". Looks only; whoever merges calls it before and after.
#ifndef CFS_REPL_STATE_LOSSES_H_
#define CFS_REPL_STATE_LOSSES_H_

#include "state/loss_watch.h"
#include "state/register_records.h"
#include "state/store.h"
#include "state/visible_tree.h"

namespace cfsrepl {

class LossFinder {
 public:
  LossFinder(const Store* store, const VisibleTree* tree, LossWatch* watch)
      : store_(store), tree_(tree), watch_(watch) {}

  // Before the fields in the mask of `incoming` are merged under `stamp`.
  void BeforeFields(uint32_t inode, const Attributes& incoming, const PackedStamp& stamp) const;
  // Before the existence register, if it is written, takes what a birth under a greater stamp says.
  void BeforeExistence(uint32_t inode, const EntryPayload& birth) const;
  // Before an xattr register that is written already takes the greater stamp of `incoming`.
  void BeforeXattr(uint32_t inode, const XattrRecord& xattr, const XattrRecordView& incoming) const;
  // Before the asserted register of an inode rises to `stamp`, if it does.
  void BeforeAssert(uint32_t inode, const PackedStamp& stamp) const;

  // Around a change of a link's register to `incoming`, which has the greater stamp.
  void BeforeLink(uint32_t link, const LinkRecordView& incoming);
  void AfterLink(uint32_t link) const;

 private:
  bool Unseen(const PackedStamp& stamp) const { return watch_->Unseen(stamp.source); }
  void LoseFields(uint32_t inode, uint32_t fields, Inode parent, Bytes name) const;
  void LoseLink(Lost lost, uint32_t link, Inode from_parent, Bytes from_name) const;
  void LoseXattr(uint32_t inode, const XattrRecord& xattr) const;
  // What changes of the inode are lost with its last name.
  void LoseChanges(uint32_t link) const;

  const Store* const store_;
  const VisibleTree* const tree_;
  LossWatch* const watch_;
  uint32_t named_before_ = 0;    // the link that shows where the link being merged wants to
  uint32_t held_up_before_ = 0;  // the link that its new parent lived through
};

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_LOSSES_H_
