// How results get from the engine thread to the JavaScript thread: a list that the engine thread
// pushes onto, and a thread-safe function that is called only when the list was empty, so that a
// thousand completions cost one wake-up.
#ifndef CFS_REPL_ADDON_COMPLETION_QUEUE_H_
#define CFS_REPL_ADDON_COMPLETION_QUEUE_H_

#include <atomic>
#include <memory>
#include <mutex>

#include "addon/addon.h"

namespace cfsrepl::addon {

// Something to do on the JavaScript thread. Made there, or part of its owner.
class Completion {
 public:
  explicit Completion(bool is_request) : is_request_(is_request) {}
  virtual ~Completion() = default;

  virtual void Deliver(Napi::Env env) = 0;

 private:
  friend class CompletionQueue;
  // A request is announced with Expect and deleted once delivered; what is not belongs to its owner
  // and may be pushed again from Deliver on.
  const bool is_request_;
  Completion* next_ = nullptr;
};

class CompletionQueue {
 public:
  // Both on the JavaScript thread. `keep_alive` owns the queue and is let go some time after Shut,
  // or after the environment has ended.
  void Open(Napi::Env env, std::shared_ptr<void> keep_alive);
  // Nothing may be pushed afterwards. Deletes requests that were never delivered.
  void Shut();

  // JavaScript thread. A request will be pushed: until it is delivered the event loop stays alive.
  void Expect(Napi::Env env);

  // Any thread.
  void Push(Completion* completion);

  // JavaScript thread. Delivers what was pushed, in that order.
  void Drain(Napi::Env env);

 private:
  static void OnCall(napi_env env, napi_value, void* context, void*);
  static void OnFinalize(napi_env, void* keep_alive, void* context);
  Completion* TakeAll();

  std::atomic<Completion*> newest_{nullptr};
  size_t expected_ = 0;

  std::mutex mutex_;  // of function_, which must not be called once it is gone
  napi_threadsafe_function function_ = nullptr;
};

}  // namespace cfsrepl::addon

#endif  // CFS_REPL_ADDON_COMPLETION_QUEUE_H_
