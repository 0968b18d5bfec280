// The visible tree computed naively from a set of entries: what VisibleTree keeps current must
// equal this. Quadratic and worse, but short enough to be believed.
#ifndef CFS_REPL_TEST_STATE_REFERENCE_TREE_H_
#define CFS_REPL_TEST_STATE_REFERENCE_TREE_H_

#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "state/entries.h"

namespace cfsrepl {

// (parent, visible name, inode, link) of every visible name, reachable from the root or not.
using VisibleNames = std::set<std::tuple<Inode, std::string, Inode, LinkId>>;

VisibleNames ReferenceNames(const std::vector<TestEntry>& entries);
VisibleNames NamesOf(const State& state, const std::set<Inode>& inodes);

}  // namespace cfsrepl

#endif  // CFS_REPL_TEST_STATE_REFERENCE_TREE_H_
