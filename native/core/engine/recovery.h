// Recovery: from a data directory to a replica, its books and a log that is ready to append.
#ifndef CFS_REPL_ENGINE_RECOVERY_H_
#define CFS_REPL_ENGINE_RECOVERY_H_

#include <functional>
#include <memory>

#include "engine/books.h"
#include "engine/checkpointer.h"
#include "engine/data_dir.h"
#include "engine/engine.h"
#include "engine/replica.h"
#include "io/file_system.h"
#include "wal/log.h"

namespace cfsrepl {

struct Recovered {
  std::unique_ptr<DataDir> directory;
  std::unique_ptr<Replica> replica;
  std::unique_ptr<Books> books;
  std::unique_ptr<Log> log;
  CheckpointInfo checkpoint;
  uint64_t entries = 0;     // replayed
  uint64_t torn_bytes = 0;  // an unacknowledged tail that was cut
  uint64_t duration_ns = 0;
};

// Opens `options.data_dir`, loads the newest whole checkpoint, replays the journal behind it. A
// damaged checkpoint is passed over for an older one if the journal still reaches back to that, or
// to the beginning. Errors as Engine::Open.
Result<Recovered> Recover(const EngineOptions& options, FileSystem* file_system,
                          const std::function<void(const OpenProgress&)>& progress);

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_RECOVERY_H_
