// A node's data directory and the file that says whose it is.
//
//   lock         held while open; a second opener is refused
//   identity     cluster, site, incarnation, volume (text; FORMAT.md, "Identity")
//   journal/     the log's segments
//   checkpoint/  checkpoints, newest two; a peer's that is to be adopted (adoption.h)
//
// A directory that was copied or restored may be older than what its peers have seen, so its
// numbers must not be used again: the identity remembers which directory inode it was written in,
// and one found elsewhere goes on as a new incarnation.
#ifndef CFS_REPL_ENGINE_DATA_DIR_H_
#define CFS_REPL_ENGINE_DATA_DIR_H_

#include <memory>
#include <string>

#include "base/status.h"
#include "base/types.h"
#include "io/file_system.h"

namespace cfsrepl {

// An incarnation's bits from here on are milliseconds since the Unix epoch.
inline constexpr int kIncarnationMsShift = 22;

// Where an incarnation starts to mint inode numbers: their counter parts are greater.
uint64_t InodesMintedBefore(uint64_t incarnation);

struct Identity {
  Uuid cluster;
  Origin origin;
  Uuid volume;
  uint32_t shard_count = 0;
  std::string home;  // device and inode of the directory it was written in; empty if unknown
};

class DataDir {
 public:
  // Makes or opens `path` for this cluster, site and shard count; one that is made has a later
  // incarnation than `wanted`. kLocked; kWrongCluster when it
  // belongs to another cluster or site; kInvalidArgument for another shard count; kCorrupt for an
  // identity that cannot be read; kIo.
  static Result<std::unique_ptr<DataDir>> Open(FileSystem* file_system, const std::string& path,
                                               const Identity& wanted);

  const Identity& identity() const { return identity_; }
  // Set when this opening minted a new incarnation for a directory that had one: says why.
  const std::string& reborn_because() const { return reborn_because_; }

  // Mints the next incarnation and makes it durable.
  Status MintIncarnation();
  // The same for the next opening only: this one keeps what identity() says.
  Status RetireIncarnation() const;

  std::string journal_path() const { return path_ + "/journal"; }
  std::string checkpoint_path() const { return path_ + "/checkpoint"; }

 private:
  DataDir(FileSystem* file_system, std::string path) : fs_(file_system), path_(std::move(path)) {}
  Result<bool> ReadIdentity(Identity* out);  // false: there is none
  Status WriteIdentity(const Identity& identity) const;

  FileSystem* const fs_;
  const std::string path_;
  std::unique_ptr<FileLock> lock_;
  Identity identity_;
  std::string reborn_because_;
};

// Moves what the directory at `path` has of a journal (identity, segments, checkpoints, and the
// files that say why nothing is accepted) into `into`, a directory below it that is made if need
// be. What is not there is passed over, so it may be called again after a crash. kLocked, kIo.
Status SetAsideJournal(FileSystem* file_system, const std::string& path, const std::string& into);

std::string FormatUuid(const Uuid& uuid);  // 8-4-4-4-12 hex

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_DATA_DIR_H_
