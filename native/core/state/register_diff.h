// The registers of one inode in two States, side by side.
#ifndef CFS_REPL_STATE_REGISTER_DIFF_H_
#define CFS_REPL_STATE_REGISTER_DIFF_H_

#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "state/state.h"

namespace cfsrepl {

// docs/convergence.md, "Registers". The fields are in the order of Field's bits.
enum class Register : uint8_t {
  kExistence,
  kMode,
  kOwner,
  kSize,
  kAtime,
  kMtime,
  kFlags,
  kAsserted,
  kXattr,
  kLink,
};
const char* RegisterName(Register which);

struct RegisterSide {
  Stamp stamp;  // zero: never written there
  bool removed = false;
  std::string text;  // the value, for people; cut at limits::kRegisterTextBytesMax
};

struct RegisterDifference {
  Register which = Register::kExistence;
  std::string key;  // of an xattr
  LinkId link;      // of a link
  RegisterSide ours, theirs;

  bool SameRegister(const RegisterDifference& other) const {
    return which == other.which && key == other.key && link == other.link;
  }
};

// Whether the inode has a visible name, or is the root.
bool IsLive(const State& state, Inode inode);

// The parents and register names of its links that are not removed.
std::vector<std::pair<Inode, std::string>> LinkNames(const State& state, Inode inode);

// All registers of the inode whose stamps or values differ, in the order of Register.
std::vector<RegisterDifference> CompareRegisters(const State& ours, const State& theirs,
                                                 Inode inode);

// Merges the registers that `chosen` names, as `from` has them, into `to`. kTooLarge as Intern.
Status CopyRegisters(const State& from, Inode inode, const std::vector<RegisterDifference>& chosen,
                     State* to);

}  // namespace cfsrepl

#endif  // CFS_REPL_STATE_REGISTER_DIFF_H_
