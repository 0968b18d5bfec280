// Lets calls in until it is shut, and shuts only when the last one inside has left.
#ifndef CFS_REPL_ENGINE_GATE_H_
#define CFS_REPL_ENGINE_GATE_H_

#include <condition_variable>
#include <mutex>

#include "base/status.h"

namespace cfsrepl {

// What a call gets that is not let in.
inline Status EngineClosed() { return Status(Code::kClosed, "the engine is closed"); }

class Gate {
 public:
  // Inside while it lives, if `inside()`.
  class Pass {
   public:
    explicit Pass(Gate* gate) : gate_(gate->Enter() ? gate : nullptr) {}
    ~Pass() {
      if (gate_ != nullptr) gate_->Leave();
    }
    Pass(const Pass&) = delete;
    Pass& operator=(const Pass&) = delete;
    bool inside() const { return gate_ != nullptr; }

   private:
    Gate* const gate_;
  };

  // Blocks until nobody is inside; nobody gets in afterwards.
  void Shut() {
    std::unique_lock lock(mutex_);
    shut_ = true;
    left_.wait(lock, [this] { return inside_ == 0; });
  }

 private:
  bool Enter() {
    std::lock_guard lock(mutex_);
    if (shut_) return false;
    inside_++;
    return true;
  }
  void Leave() {
    std::lock_guard lock(mutex_);
    if (--inside_ == 0) left_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable left_;
  int inside_ = 0;
  bool shut_ = false;
};

}  // namespace cfsrepl

#endif  // CFS_REPL_ENGINE_GATE_H_
