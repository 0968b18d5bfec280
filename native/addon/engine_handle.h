// What JavaScript holds of an Engine: an External over a shared_ptr of this.
//
// Lifetime. The handle outlives the engine thread: its queue's thread-safe function keeps it until
// the engine has been closed, be it by engineClose or because the environment ends. Jobs on worker
// threads take their own reference to the engine.
#ifndef CFS_REPL_ADDON_ENGINE_HANDLE_H_
#define CFS_REPL_ADDON_ENGINE_HANDLE_H_

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "addon/addon.h"
#include "addon/completion_queue.h"
#include "engine/engine.h"

namespace cfsrepl::addon {

class EngineHandle;

// Tells JavaScript that something happened, once for all that happened since it was last told.
class Notice : public Completion {
 public:
  explicit Notice(CompletionQueue* queue) : Completion(false), queue_(queue) {}

  void SetListener(Napi::Value listener);  // a function or undefined
  void Drop() { listener_.Reset(); }
  // Any thread.
  void Post();
  void Deliver(Napi::Env env) final;

 protected:
  virtual std::vector<napi_value> Arguments(Napi::Env) { return {}; }

 private:
  CompletionQueue* const queue_;
  std::atomic<bool> posted_{false};
  Napi::FunctionReference listener_;
};

class ProgressNotice final : public Notice {
 public:
  using Notice::Notice;
  void Post(const OpenProgress& progress);  // any thread

 private:
  std::vector<napi_value> Arguments(Napi::Env env) final;

  std::mutex mutex_;
  OpenProgress latest_;
};

// A feed, and what is needed to know without asking it that it has nothing.
struct FeedHandle {
  std::mutex mutex;            // held during Next
  std::unique_ptr<Feed> feed;  // null once closed
  std::weak_ptr<EngineHandle> engine;

  // JavaScript thread.
  bool busy = false;
  bool closed = false;

  // When it last had nothing: the durable generation before it was asked, and whether it was asked
  // for other sites' frames too.
  static constexpr uint64_t kNever = ~uint64_t{0};
  std::atomic<uint64_t> dry_generation{kNever};
  bool dry_forward = false;
};

class EngineHandle : public std::enable_shared_from_this<EngineHandle> {
 public:
  // JavaScript thread.
  static std::shared_ptr<EngineHandle> Make(Napi::Env env);
  static std::shared_ptr<EngineHandle> Of(Napi::Value external);
  Napi::Value ToExternal(Napi::Env env);

  // The engine for a call from JavaScript; null once closing has begun.
  std::shared_ptr<Engine> engine();
  // The same, or null after throwing kClosed.
  static std::shared_ptr<Engine> EngineOf(const Napi::CallbackInfo& info);

  // Worker thread, after Open: sets the engine and starts listening to it.
  void Adopt(std::shared_ptr<Engine> engine);

  // JavaScript thread: from now on engine() is null.
  void BeginClose() { closing_ = true; }
  // Worker thread, or the JavaScript thread as its environment ends: closes the engine, if there is
  // one, and lets go of it and of its feeds.
  Status CloseEngine(bool checkpoint);
  // JavaScript thread, after CloseEngine: delivers what is left and lets go of JavaScript's things.
  void Finish(Napi::Env env);

  // JavaScript thread.
  void Remember(const std::shared_ptr<FeedHandle>& feed);

  CompletionQueue queue;
  Notice durable{&queue};
  ProgressNotice progress{&queue};
  std::atomic<bool> listening{false};  // for durable
  // Grows before JavaScript can know of anything that became durable.
  std::atomic<uint64_t> durable_generation{0};

 private:
  static void OnEnvironmentEnd(void* self);

  std::mutex mutex_;
  std::shared_ptr<Engine> engine_;
  std::vector<std::weak_ptr<FeedHandle>> feeds_;

  // JavaScript thread.
  napi_env env_ = nullptr;
  bool closing_ = false;
  bool finished_ = false;
};

}  // namespace cfsrepl::addon

#endif  // CFS_REPL_ADDON_ENGINE_HANDLE_H_
