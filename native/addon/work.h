// A call that runs on a libuv worker thread and then settles a promise.
#ifndef CFS_REPL_ADDON_WORK_H_
#define CFS_REPL_ADDON_WORK_H_

#include <functional>
#include <memory>
#include <utility>

#include "addon/addon.h"
#include "base/limits.h"

namespace cfsrepl::addon {

struct Done {};  // a Work's result when there is nothing to tell

template <typename T>
class Work {
 public:
  // On the worker thread, once. What it captures is destroyed there too: it may hold the last
  // reference to an engine, whose end takes long.
  using Run = std::function<Result<T>()>;
  // On the JavaScript thread: what the promise resolves with.
  using Deliver = std::function<Napi::Value(Napi::Env, T)>;
  // On the JavaScript thread before the promise settles, whether it resolves, rejects or, in an
  // environment that is ending, can do neither.
  using Always = std::function<void(Napi::Env)>;

  // Returns the promise, or throws kQueueFull. Until it settles `pin`, if any, is not collected.
  static Napi::Value Start(Napi::Env env, Run run, Deliver deliver,
                           Napi::Value pin = Napi::Value()) {
    if (DataOf(env).jobs >= limits::kAddonJobsMax) {
      return Throw(env, Status(Code::kQueueFull, std::to_string(DataOf(env).jobs) +
                                                     " calls wait for a worker thread, at most " +
                                                     std::to_string(limits::kAddonJobsMax) +
                                                     "; wait for earlier ones"));
    }
    return StartAlways(env, std::move(run), std::move(deliver), nullptr, pin);
  }

  // The same without the bound, for what must not be refused.
  static Napi::Value StartAlways(Napi::Env env, Run run, Deliver deliver, Always always,
                                 Napi::Value pin = Napi::Value()) {
    auto work = std::unique_ptr<Work>(new Work());
    work->run_ = std::move(run);
    work->deliver_ = std::move(deliver);
    work->always_ = std::move(always);
    if (!pin.IsEmpty()) work->pin_ = Napi::Persistent(pin.As<Napi::Object>());
    napi_value promise;
    napi_create_promise(env, &work->deferred_, &promise);
    napi_create_async_work(env, nullptr, Napi::String::New(env, "cfsrepl"), Execute, Complete,
                           work.get(), &work->work_);
    napi_queue_async_work(env, work->work_);
    DataOf(env).jobs++;
    work.release();  // Complete deletes it
    return Napi::Value(env, promise);
  }

 private:
  Work() : result_(Status(Code::kClosed, "the call did not run")) {}

  static void Execute(napi_env, void* data) {
    auto* work = static_cast<Work*>(data);
    work->result_ = work->run_();
    work->run_ = nullptr;
  }

  static void Complete(napi_env raw_env, napi_status, void* data) {
    std::unique_ptr<Work> work(static_cast<Work*>(data));
    Napi::Env env(raw_env);
    DataOf(env).jobs--;
    napi_delete_async_work(env, work->work_);
    if (work->always_) work->always_(env);
    if (!CanRunJavaScript(env)) return;
    if (work->result_.ok()) {
      napi_resolve_deferred(env, work->deferred_,
                            work->deliver_(env, std::move(work->result_).value()));
    } else {
      napi_reject_deferred(env, work->deferred_, MakeError(env, work->result_.status()));
    }
  }

  Run run_;
  Deliver deliver_;
  Always always_;
  Napi::ObjectReference pin_;
  Result<T> result_;
  napi_deferred deferred_ = nullptr;
  napi_async_work work_ = nullptr;
};

inline Napi::Value DeliverNothing(Napi::Env env, Done) { return env.Undefined(); }

}  // namespace cfsrepl::addon

#endif  // CFS_REPL_ADDON_WORK_H_
