// VisibleTree: which links live, and the tree they make. A pure function of the registers, kept
// current: whoever changes a register brackets the change with the calls below.
//
// 1. A link lives by its own right if its child's kind is known and it is not removed, or the
//    child's asserted register (store.h) is greater than the removal.
// 2. A directory lives through one link, its candidate: the greatest that lives by its own right;
//    if there is none, the greatest removed one, which then lives while the directory has a live
//    child (rmdir against create inside keeps the directory). Read as a least fixed point:
//    directories that hold up only each other are gone.
// 3. Candidates that live give each directory one parent. Where that makes a cycle (concurrent
//    renames), the greatest link of the cycle is the cut: it shows in the root, under an alias if
//    the root has its name.
// 4. NameIndex gives the live links their visible names.
//
// "Greatest" is Store::CompareLinks throughout.
#ifndef CFS_REPL_STATE_VISIBLE_TREE_H_
#define CFS_REPL_STATE_VISIBLE_TREE_H_

#include <vector>

#include "state/name_index.h"

namespace cfsrepl {

class VisibleTree {
 public:
  explicit VisibleTree(Store* store) : store_(store), names_(store) {}

  // Around any change of a link's register.
  void BeforeLinkChange(uint32_t link);
  void AfterLinkChange(uint32_t link);

  // Around a change of an inode's kind.
  void BeforeKindChange(uint32_t inode);
  void AfterKindChange(uint32_t inode);

  // After the greatest asserting stamp of an inode with removed links may have changed.
  void AfterAssertChange(uint32_t inode);

  const NameIndex& names() const { return names_; }

  // The link that a directory lives through; 0 if it does not.
  uint32_t LiveLink(uint32_t directory) const;
  // The same of one that lives only by its children; 0 of any other.
  uint32_t HeldUpLink(uint32_t directory) const;
  // Where the cycle that a directory is on was cut; 0 if it is on none.
  uint32_t CutOf(uint32_t directory) const;

 private:
  struct Candidate {
    uint32_t link = 0;
    bool own_right = false;
  };

  bool IsDirectory(uint32_t inode) const { return store_->inodes[inode].kind == Kind::kDirectory; }
  bool LivesByOwnRight(uint32_t link) const;
  Candidate CandidateOf(uint32_t directory) const;
  uint32_t LiveChildren(uint32_t directory) const;

  void RefreshChild(uint32_t inode);
  void RefreshDirectory(uint32_t directory);
  void Settle();  // until no directory's liveness is in doubt

  void Attach(uint32_t link);
  void Detach(uint32_t link);
  void Doubt(uint32_t directory);

  // Looks for the cycle that `link`, about to be placed, closes, and cuts it.
  void CutCycle(uint32_t link);
  void DissolveCycle(uint32_t directory);
  // False if the members of its cycle hold up only each other.
  bool CycleIsHeldUp(uint32_t directory) const;

  Store* const store_;
  NameIndex names_;
  std::vector<uint32_t> doubtful_;  // directories whose children changed and that may live by them
  std::vector<uint32_t> moved_;     // placed links while their parent changes kind
};

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_VISIBLE_TREE_H_
