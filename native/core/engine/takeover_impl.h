// The course of taking over a checkpoint: one begin, parts until the file is whole, then a look at
// all of it before it gets the name under which it is adopted.
#ifndef CFS_REPL_ENGINE_TAKEOVER_IMPL_H_
#define CFS_REPL_ENGINE_TAKEOVER_IMPL_H_

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "engine/books.h"
#include "engine/data_dir.h"
#include "engine/gate.h"
#include "engine/takeover.h"
#include "engine/takeover_wire.h"
#include "io/file_system.h"
#include "wal/log.h"

namespace cfsrepl {

// All take-overs of an engine write to the same file: one at a time, and only the newest.
struct TakeOverTurn {
  std::mutex mutex;
  std::atomic<uint64_t> newest{0};
};

// What a take-over needs of its engine, which outlives it.
struct TakeOverParts {
  FileSystem* file_system;
  const DataDir* directory;
  const Books* books;
  const Log* log;
  Gate* gate;
  TakeOverTurn* turn;
};

// kInvalidArgument unless a checkpoint may take the place of all that the engine has: it holds
// nothing but its present journal, from the beginning.
Status CheckMayTakeOver(const TakeOverParts& parts);

class TakeOverImpl final : public TakeOver {
 public:
  // `owner` keeps the parts alive; calls pass the gate.
  TakeOverImpl(SiteId peer, std::shared_ptr<void> owner, const TakeOverParts& parts);

  std::optional<std::vector<uint8_t>> Next() override;
  Status Take(Bytes answer) override;
  TakeOverStatus status() const override;

 private:
  enum class Phase { kBegin, kParts, kOver };

  Status TakeBegin(Bytes bytes);
  Status TakePart(Bytes bytes);
  void AskForPart();
  // The file is whole.
  Status Finish();
  Status Verify(File* file, VersionVector* held) const;
  Status Publish();

  const SiteId peer_;
  const std::shared_ptr<void> owner_;
  const TakeOverParts parts_;
  const uint64_t turn_;

  mutable std::mutex mutex_;
  Phase phase_ = Phase::kBegin;
  TakeOverQuestion question_;
  TakeOverStatus status_;
  std::unique_ptr<File> file_;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_TAKEOVER_IMPL_H_
