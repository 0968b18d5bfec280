// Comparing this site's state with a peer's, and repairing this one: the part of engine.h that
// docs/conduit-protocol.md, "Comparison", specifies. Questions and answers are bytes that somebody
// else carries.
#ifndef CFS_REPL_ENGINE_COMPARISON_H_
#define CFS_REPL_ENGINE_COMPARISON_H_

#include <optional>
#include <string>
#include <vector>

#include "base/entry.h"
#include "base/status.h"
#include "base/types.h"

namespace cfsrepl {

struct ComparisonOptions {
  SiteId peer = 0;
  Inode inode = 0;      // only this one; 0: all
  bool repair = false;  // take the peer's registers where they are right, or as good as ours
};

// What becomes of a register that differs though both sites hold all entries that wrote it.
enum class Remedy : uint8_t {
  kTake,  // the peer's is greater, or the stamps are equal: a repair here takes it
  kGive,  // ours is greater: a repair at the peer takes it
};

struct RegisterReport {
  std::string which;  // docs/convergence.md, "Registers"
  std::string key;    // of an xattr
  LinkId link;        // of a link
  struct Side {
    Stamp stamp;  // zero: never written there
    std::string text;
  };
  Side here, there;
  Remedy remedy = Remedy::kTake;
  bool repaired = false;
};

// An inode that really differs.
struct InodeReport {
  Inode inode = 0;
  std::string path;  // empty if no name of it is known
  bool live_here = false;
  bool live_there = false;
  bool too_large = false;  // it has more registers than one answer may hold: not compared
  // None, and not too large: it shows differently because of what another inode has.
  std::vector<RegisterReport> registers;
};

struct ComparisonStatus {
  bool done = false;
  bool equal = false;  // if done
  uint64_t exchanges = 0;
  uint64_t inodes_here = 0, inodes_there = 0;
  uint64_t inodes_listed = 0;     // whose hashes the peer gave
  uint64_t inodes_compared = 0;   // whose registers were looked at
  uint64_t inodes_in_flight = 0;  // that differ by entries that one side does not hold yet
  uint64_t inodes_differing = 0;  // reported
  uint64_t registers_differing = 0;
  uint64_t registers_repaired = 0;
  VersionVector common;  // up to here both sites hold everything
};

// Calls take turns; each may run on any thread.
class Comparison {
 public:
  virtual ~Comparison() = default;
  // The next question for the peer; nullopt when all is known.
  virtual std::optional<std::vector<uint8_t>> Next() = 0;
  // [slow] The peer's answer to it. With `repair`, what it mends is durable when this returns.
  // kMalformed, kTooLarge, kChecksum and kUnsupported say what is wrong with the answer.
  virtual Status Take(Bytes answer) = 0;
  // Inodes found to differ since the last call.
  virtual std::vector<InodeReport> TakeReports() = 0;
  virtual const ComparisonStatus& status() const = 0;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_COMPARISON_H_
