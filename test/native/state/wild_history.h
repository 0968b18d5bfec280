// Random sets of entries, wilder than any that real sites produce.
#ifndef CFS_REPL_TEST_STATE_WILD_HISTORY_H_
#define CFS_REPL_TEST_STATE_WILD_HISTORY_H_

#include <iterator>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "state/entries.h"

namespace cfsrepl {

// Entries that no engine would admit together: few inodes, few names, few clocks, any link, any
// parent, numbers claimed twice under several kinds. What real sites can produce is a small part.
class WildHistory {
 public:
  explicit WildHistory(uint64_t seed) : random_(seed) {
    size_t count = 2 + Below(30);
    for (size_t i = 0; i < count; i++) entries_.push_back(Next());
  }

  const std::vector<TestEntry>& entries() const { return entries_; }
  std::set<Inode> inodes() const { return {1, 2, 3, 4, 5, 6, 7}; }
  std::mt19937_64& random() { return random_; }

 private:
  uint64_t Below(uint64_t bound) { return random_() % bound; }
  Inode AnyInode() { return 2 + Below(6); }
  Inode AnyParent(Inode inode) {
    Inode parent = 1 + Below(7);
    return parent == inode ? kRootInode : parent;
  }
  std::string AnyName() {
    static const char* const kNames[] = {"a", "a", "b", "a~1.1a.1", "a~1.1a.1~"};
    return kNames[Below(std::size(kNames))];
  }
  // Mostly one that was made, sometimes one whose making is never heard of. A link has one inode.
  std::pair<Inode, LinkId> AnyLink() {
    if (made_.empty() || Below(10) == 0) {
      Inode inode = AnyInode();
      return {inode, {{static_cast<SiteId>(1 + Below(3)), 0x1a}, 1000 + inode}};
    }
    return made_[Below(made_.size())];
  }

  TestEntry Next() {
    Journal& journal = journals_[Below(std::size(journals_))];
    Hlc hlc = 0x1000 * (1 + Below(12));
    Inode inode = AnyInode();
    switch (Below(14)) {
      case 0:
        return Made(journal.Create(hlc, inode, AnyParent(inode), AnyName()));
      case 1:
        return Made(journal.Symlink(hlc, inode, AnyParent(inode), AnyName(), "t"));
      case 2:
        return Made(journal.Link(hlc, inode, AnyParent(inode), AnyName()));
      case 3:
      case 4: {
        auto [child, link] = AnyLink();
        return journal.Unlink(hlc, child, link, AnyParent(child), AnyName());
      }
      case 5:
      case 6:
        return journal.Chmod(hlc, inode, Below(4096), Below(2) == 0);
      case 7:
        return Below(2) == 0
                   ? journal.Setxattr(hlc, inode, AnyName(), std::to_string(hlc), Below(2) == 0)
                   : journal.Removexattr(hlc, inode, AnyName(), Below(2) == 0);
      case 8:
      case 9: {
        auto [child, link] = AnyLink();
        ReplacedName replaced;
        if (Below(3) == 0) std::tie(replaced.inode, replaced.link) = AnyLink();
        return journal.Rename(hlc, child, link, AnyParent(child), "a", AnyParent(child), AnyName(),
                              replaced);
      }
      default:
        return Made(journal.Mkdir(hlc, inode, AnyParent(inode), AnyName()));
    }
  }

  TestEntry Made(TestEntry entry) {
    made_.push_back({entry.inode(), entry.link()});
    return entry;
  }

  std::mt19937_64 random_;
  Journal journals_[3] = {Journal(1), Journal(2), Journal(3)};
  std::vector<std::pair<Inode, LinkId>> made_;
  std::vector<TestEntry> entries_;
};

inline std::string Describe(const std::vector<TestEntry>& entries) {
  std::string text;
  for (const TestEntry& entry : entries) {
    EntryPayload parts = DecodePayload(entry.header, entry.payload).value();
    text += "  " + std::to_string(entry.origin.site) + "." + std::to_string(entry.header.lsn()) +
            " @" + std::to_string(entry.header.hlc() >> 12) + " " +
            std::string(OpName(static_cast<Op>(entry.header.op()))) + " inode " +
            std::to_string(entry.inode()) + " parent " + std::to_string(parts.parent) + " name " +
            AsString(parts.name) + " link " + std::to_string(parts.link.origin.site) + "." +
            std::to_string(parts.link.lsn) + " new " + std::to_string(parts.new_parent) + "/" +
            AsString(parts.new_name) + " replaced " + std::to_string(parts.replaced_inode) +
            " flags " + std::to_string(entry.header.flags()) + "\n";
  }
  return text;
}

}  // namespace cfsrepl

#endif  // CFS_REPL_TEST_STATE_WILD_HISTORY_H_
