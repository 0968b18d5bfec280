#include "addon/completion_queue.h"

#include <utility>

namespace cfsrepl::addon {

void CompletionQueue::Open(Napi::Env env, std::shared_ptr<void> keep_alive) {
  auto* kept = new std::shared_ptr<void>(std::move(keep_alive));
  napi_create_threadsafe_function(env, nullptr, nullptr, Napi::String::New(env, "cfsrepl"), 0, 1,
                                  kept, OnFinalize, this, OnCall, &function_);
  napi_unref_threadsafe_function(env, function_);
}

void CompletionQueue::Shut() {
  napi_threadsafe_function function;
  {
    std::lock_guard lock(mutex_);
    function = std::exchange(function_, nullptr);
  }
  if (function != nullptr) napi_release_threadsafe_function(function, napi_tsfn_abort);
  for (Completion* completion = TakeAll(); completion != nullptr;) {
    Completion* next = completion->next_;
    if (completion->is_request_) delete completion;
    completion = next;
  }
}

void CompletionQueue::Expect(Napi::Env env) {
  if (expected_++ == 0) napi_ref_threadsafe_function(env, function_);
}

void CompletionQueue::Push(Completion* completion) {
  Completion* newest = newest_.load(std::memory_order_relaxed);
  do {
    completion->next_ = newest;
  } while (!newest_.compare_exchange_weak(newest, completion, std::memory_order_release,
                                          std::memory_order_relaxed));
  // Pushed onto something: whoever pushed that has called, and the call has not run yet.
  if (newest != nullptr) return;
  std::lock_guard lock(mutex_);
  if (function_ != nullptr)
    napi_call_threadsafe_function(function_, nullptr, napi_tsfn_nonblocking);
}

Completion* CompletionQueue::TakeAll() {
  Completion* newest_first = newest_.exchange(nullptr, std::memory_order_acquire);
  Completion* oldest_first = nullptr;
  while (newest_first != nullptr) {
    Completion* next = newest_first->next_;
    newest_first->next_ = oldest_first;
    oldest_first = newest_first;
    newest_first = next;
  }
  return oldest_first;
}

void CompletionQueue::Drain(Napi::Env env) {
  for (Completion* completion = TakeAll(); completion != nullptr;) {
    Napi::HandleScope scope(env);
    Completion* next = completion->next_;  // an owner's may be pushed again once Deliver has begun
    const bool is_request = completion->is_request_;
    completion->Deliver(env);
    if (is_request) {
      delete completion;
      if (--expected_ == 0 && function_ != nullptr) napi_unref_threadsafe_function(env, function_);
    }
    completion = next;
    if (env.IsExceptionPending()) {
      // A listener threw: the process handles it as any exception that nothing caught.
      napi_fatal_exception(env, env.GetAndClearPendingException().Value());
    }
  }
}

void CompletionQueue::OnCall(napi_env raw_env, napi_value, void* context, void*) {
  if (raw_env == nullptr) return;
  Napi::Env env(raw_env);
  // In an environment that is ending, what is left is deleted by Shut.
  if (CanRunJavaScript(env)) static_cast<CompletionQueue*>(context)->Drain(env);
}

void CompletionQueue::OnFinalize(napi_env, void* keep_alive, void* context) {
  auto* queue = static_cast<CompletionQueue*>(context);
  {
    std::lock_guard lock(queue->mutex_);
    queue->function_ = nullptr;
  }
  delete static_cast<std::shared_ptr<void>*>(keep_alive);
}

}  // namespace cfsrepl::addon
