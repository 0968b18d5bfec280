// TakeOverSide: what a site says to a peer that takes over its checkpoint.
#ifndef CFS_REPL_ENGINE_TAKEOVER_SIDE_H_
#define CFS_REPL_ENGINE_TAKEOVER_SIDE_H_

#include <functional>
#include <string>
#include <vector>

#include "engine/checkpointer.h"
#include "engine/takeover_wire.h"
#include "io/file_system.h"

namespace cfsrepl {

// Slow: it writes a checkpoint, or reads of one. Borrows both.
class TakeOverSide {
 public:
  // Writes a checkpoint, and gives the newest.
  using WriteCheckpoint = std::function<Result<CheckpointInfo>()>;

  TakeOverSide(FileSystem* file_system, std::string directory, WriteCheckpoint write)
      : fs_(file_system), directory_(std::move(directory)), write_(std::move(write)) {}

  // Decodes a question and encodes the answer. kNotFound for a part of a file that is gone.
  Result<std::vector<uint8_t>> Answer(Bytes question);

 private:
  Result<std::vector<uint8_t>> Begin();
  Result<std::vector<uint8_t>> Part(const TakeOverQuestion& question);

  FileSystem* const fs_;
  const std::string directory_;
  const WriteCheckpoint write_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_TAKEOVER_SIDE_H_
