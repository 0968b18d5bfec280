// Checkpointer: writes the state to a file now and then, so that recovery replays little.
//
// The file is published (renamed, directory synced) only when the journal is durable past
// everything that may be in it; the newest two are kept.
#ifndef CFS_REPL_ENGINE_CHECKPOINTER_H_
#define CFS_REPL_ENGINE_CHECKPOINTER_H_

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "engine/books.h"
#include "engine/replica.h"
#include "io/file_system.h"
#include "state/checkpoint.h"
#include "wal/log.h"

namespace cfsrepl {

struct CheckpointInfo {
  uint64_t number = 0;  // of the file; 0: there is none
  uint64_t bytes = 0;
  int64_t unix_ms = 0;
  Position position;   // where replay starts
  VersionVector held;  // before that
};

class Checkpointer {
 public:
  // Borrows all but the strings; they outlive it.
  Checkpointer(FileSystem* file_system, std::string directory, const Uuid& cluster,
               const Uuid& volume, Replica* replica, Books* books, Log* log,
               const CheckpointInfo& newest)
      : fs_(file_system),
        directory_(std::move(directory)),
        cluster_(cluster),
        volume_(volume),
        replica_(replica),
        books_(books),
        log_(log),
        newest_(newest) {}

  // Writes one. Callers take turns. `committed` is asked before publishing whether everything
  // merged so far has become durable.
  Status Write(const std::function<Status()>& committed);

  CheckpointInfo newest() const;

 private:
  Status WriteFile(const std::string& path, const CheckpointHeader& header, uint64_t* bytes);
  Status RemoveOld();

  FileSystem* const fs_;
  const std::string directory_;
  const Uuid cluster_;
  const Uuid volume_;
  Replica* const replica_;
  Books* const books_;
  Log* const log_;
  std::mutex turn_;
  mutable std::mutex newest_mutex_;
  CheckpointInfo newest_;
};

// Finished checkpoint files, oldest first.
Result<std::vector<uint64_t>> ListCheckpoints(FileSystem* file_system,
                                              const std::string& directory);
std::string CheckpointPath(const std::string& directory, uint64_t number);
// Of an open file, which outlives it.
ReadSource ReadsOf(File* file);

// The engine's part of a checkpoint: metadata, then the log index.
std::vector<uint8_t> EncodeEngineMetadata(const Metadata& metadata, Bytes index);
struct EngineMetadata {
  Metadata metadata;
  LogIndex index;
};
Result<EngineMetadata> DecodeEngineMetadata(Bytes bytes);

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_CHECKPOINTER_H_
