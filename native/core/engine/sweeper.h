// Sweeper: forgets what is gone, a little at a time, between the groups of the engine thread.
#ifndef CFS_REPL_ENGINE_SWEEPER_H_
#define CFS_REPL_ENGINE_SWEEPER_H_

#include <atomic>
#include <mutex>
#include <optional>

#include "engine/books.h"
#include "engine/replica.h"

namespace cfsrepl {

class Sweeper {
 public:
  // Borrows both.
  Sweeper(Replica* replica, Books* books) : replica_(replica), books_(books) {}

  // Any thread: the next sweep is for this. docs/convergence.md, "Forgetting", says what must be
  // true of it.
  void Ask(const VersionVector& horizon, Hlc before);

  // Engine thread: goes a step on. True if it did and there is more to do.
  bool Step();

  uint64_t forgotten() const { return forgotten_; }

 private:
  bool Begin();

  struct Wanted {
    VersionVector horizon;
    Hlc before = 0;
  };

  Replica* const replica_;
  Books* const books_;
  std::mutex mutex_;
  std::optional<Wanted> wanted_;
  std::atomic<bool> asked_{false};
  std::optional<Forgettable> sweep_;  // the one going on
  uint32_t slot_ = 0;                 // where it is
  std::atomic<uint64_t> forgotten_{0};
};

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_SWEEPER_H_
