// ComparisonSide: what one site says in a comparison, to a peer or to itself.
#ifndef CFS_REPL_ENGINE_COMPARISON_SIDE_H_
#define CFS_REPL_ENGINE_COMPARISON_SIDE_H_

#include "engine/committer.h"
#include "engine/comparison_wire.h"

namespace cfsrepl {

// Every method is slow: it waits for the engine thread, or looks through all inodes. Borrows both.
class ComparisonSide {
 public:
  ComparisonSide(Replica* replica, Committer* committer)
      : replica_(replica), committer_(committer) {}

  // Decodes a question and encodes the answer.
  Result<std::vector<uint8_t>> Answer(Bytes question);

  Result<RootAnswer> Root();
  Result<LeavesAnswer> Leaves(const std::vector<uint8_t>& nodes);
  // From *slot on, at most `inodes_max`; *slot is 0 at the end.
  std::vector<InodeHash> Inodes(const LeafSet& leaves, uint32_t* slot, size_t inodes_max);
  Result<RegistersAnswer> Registers(const std::vector<Inode>& inodes);

 private:
  void Settle();
  void AddRegisters(Inode inode, RegistersAnswer* answer) const;

  Replica* const replica_;
  Committer* const committer_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_COMPARISON_SIDE_H_
