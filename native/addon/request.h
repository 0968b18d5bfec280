// A call that the engine completes on its own thread: the promise to settle, and the JavaScript
// memory that the engine reads until then.
#ifndef CFS_REPL_ADDON_REQUEST_H_
#define CFS_REPL_ADDON_REQUEST_H_

#include <memory>
#include <utility>

#include "addon/addon.h"
#include "addon/completion_queue.h"
#include "addon/engine_handle.h"

namespace cfsrepl::addon {

template <typename T>
class Request : public Completion {
 public:
  // JavaScript thread. `pin` and what it holds are not collected until the request is deleted.
  Request(Napi::Env env, std::shared_ptr<EngineHandle> handle, Napi::Value pin)
      : Completion(true), env_(env), handle_(std::move(handle)) {
    napi_create_reference(env, pin, 1, &pin_);
  }
  ~Request() override { napi_delete_reference(env_, pin_); }

  // JavaScript thread, when the engine has taken it. Returns the promise.
  Napi::Value Queued() {
    napi_value promise;
    napi_create_promise(env_, &deferred_, &promise);
    handle_->queue.Expect(env_);
    return Napi::Value(env_, promise);
  }

  // Engine thread.
  void Complete(T result) {
    result_ = std::move(result);
    // A caller who knows that something is durable may ask a feed for it before OnDurable has run.
    handle_->durable_generation.fetch_add(1);
    handle_->queue.Push(this);
  }

 protected:
  const T& result() const { return result_; }
  Napi::Value pinned(Napi::Env env) const {
    napi_value value;
    napi_get_reference_value(env, pin_, &value);
    return Napi::Value(env, value);
  }
  void Resolve(napi_value value) { napi_resolve_deferred(env_, deferred_, value); }
  void Reject(napi_value error) { napi_reject_deferred(env_, deferred_, error); }

 private:
  const napi_env env_;
  const std::shared_ptr<EngineHandle> handle_;
  napi_ref pin_ = nullptr;
  napi_deferred deferred_ = nullptr;
  T result_;
};

}  // namespace cfsrepl::addon

#endif  // CFS_REPL_ADDON_REQUEST_H_
