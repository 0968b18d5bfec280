// Entries for tests of the state, made the way an engine makes them.
#ifndef CFS_REPL_TEST_STATE_ENTRIES_H_
#define CFS_REPL_TEST_STATE_ENTRIES_H_

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/entry.h"
#include "state/digest.h"
#include "state/state.h"

namespace cfsrepl {

struct TestEntry {
  Origin origin;
  EntryHeader header;
  std::vector<uint8_t> payload;

  Inode inode() const { return header.inode(); }
  LinkId link() const { return {origin, header.lsn()}; }  // of the name that it made
};

// What a rename replaces; none by default.
struct ReplacedName {
  Inode inode = 0;
  LinkId link;
};

// One journal: stamps what it makes with the next LSN and the clock it is given.
class Journal {
 public:
  explicit Journal(SiteId site, uint64_t incarnation = 0x1a) : origin_{site, incarnation} {}

  const Origin& origin() const { return origin_; }
  // Mints a number of this site.
  Inode Mint() { return (uint64_t{origin_.site} << 48) | ++minted_; }

  TestEntry Create(Hlc hlc, Inode inode, Inode parent, const std::string& name);
  TestEntry CreateAs(Hlc hlc, Inode inode, Inode parent, const std::string& name, uint32_t mode,
                     uint32_t rdev = 0);
  TestEntry Mkdir(Hlc hlc, Inode inode, Inode parent, const std::string& name);
  TestEntry Symlink(Hlc hlc, Inode inode, Inode parent, const std::string& name,
                    const std::string& target);
  TestEntry Link(Hlc hlc, Inode inode, Inode parent, const std::string& name);
  TestEntry Unlink(Hlc hlc, Inode inode, LinkId link, Inode parent, const std::string& name);
  TestEntry Rmdir(Hlc hlc, Inode inode, LinkId link, Inode parent, const std::string& name);
  TestEntry Rename(Hlc hlc, Inode inode, LinkId link, Inode parent, const std::string& name,
                   Inode new_parent, const std::string& new_name, ReplacedName replaced = {});
  // `asserts_links`: the writer knew of no removed link.
  TestEntry Chmod(Hlc hlc, Inode inode, uint32_t mode, bool asserts_links = true);
  TestEntry Chown(Hlc hlc, Inode inode, uint32_t uid, uint32_t gid, bool asserts_links = true);
  TestEntry Write(Hlc hlc, Inode inode, uint64_t size, int64_t mtime_ns, bool asserts_links = true);
  TestEntry Truncate(Hlc hlc, Inode inode, uint64_t size, bool asserts_links = true);
  TestEntry Setattr(Hlc hlc, Inode inode, const Attributes& attributes, bool asserts_links = true);
  TestEntry Setxattr(Hlc hlc, Inode inode, const std::string& key, const std::string& value,
                     bool asserts_links = true);
  TestEntry Removexattr(Hlc hlc, Inode inode, const std::string& key, bool asserts_links = true);

  TestEntry Make(Hlc hlc, Inode inode, Op op, const EntryPayload& parts,
                 bool asserts_links = false);

 private:
  const Origin origin_;
  Lsn lsn_ = 0;
  uint64_t minted_ = 0;
};

// Merges, and fails the test if that is refused.
void Merge(State* state, const TestEntry& entry);
void Merge(State* state, const std::vector<TestEntry>& entries);

// One line for each visible name in path order: "/a dir 0755 uid gid size mtime nlink [-> target]
// {xattrs}".
std::vector<std::string> DumpLines(const State& state);
// The paths alone.
std::vector<std::string> Paths(const State& state);
Inode InodeAt(const State& state, const std::string& path);  // 0 if there is none
InodeAttributes AttributesAt(const State& state, const std::string& path);
StateDigest DigestOf(const State& state);

}  // namespace cfsrepl

#endif  // CFS_REPL_TEST_STATE_ENTRIES_H_
