#include "addon/engine_handle.h"

#include <algorithm>
#include <utility>

#include "addon/values.h"

namespace cfsrepl::addon {

void Notice::SetListener(Napi::Value listener) {
  if (listener.IsFunction()) listener_ = Napi::Persistent(listener.As<Napi::Function>());
}

void Notice::Post() {
  if (!posted_.exchange(true)) queue_->Push(this);
}

void Notice::Deliver(Napi::Env env) {
  posted_.store(false);
  if (!listener_.IsEmpty()) listener_.Call(env.Undefined(), Arguments(env));
}

void ProgressNotice::Post(const OpenProgress& progress) {
  {
    std::lock_guard lock(mutex_);
    latest_ = progress;
  }
  Notice::Post();
}

std::vector<napi_value> ProgressNotice::Arguments(Napi::Env env) {
  OpenProgress latest;
  {
    std::lock_guard lock(mutex_);
    latest = latest_;
  }
  auto object = Napi::Object::New(env);
  object.Set("phase", latest.phase);
  object.Set("doneBytes", FromCount(env, latest.done_bytes));
  object.Set("totalBytes", FromCount(env, latest.total_bytes));
  return {object};
}

std::shared_ptr<EngineHandle> EngineHandle::Make(Napi::Env env) {
  auto handle = std::make_shared<EngineHandle>();
  handle->env_ = env;
  handle->queue.Open(env, handle);
  // After the queue's own hook, so that it runs before it: the engine can still complete then.
  napi_add_env_cleanup_hook(env, OnEnvironmentEnd, handle.get());
  return handle;
}

std::shared_ptr<EngineHandle> EngineHandle::Of(Napi::Value external) {
  return *external.As<Napi::External<std::shared_ptr<EngineHandle>>>().Data();
}

Napi::Value EngineHandle::ToExternal(Napi::Env env) {
  using Shared = std::shared_ptr<EngineHandle>;
  return Napi::External<Shared>::New(env, new Shared(shared_from_this()),
                                     [](Napi::Env, Shared* shared) { delete shared; });
}

std::shared_ptr<Engine> EngineHandle::engine() {
  if (closing_) return nullptr;
  std::lock_guard lock(mutex_);
  return engine_;
}

std::shared_ptr<Engine> EngineHandle::EngineOf(const Napi::CallbackInfo& info) {
  auto engine = Of(info[0])->engine();
  if (engine == nullptr) Throw(info.Env(), Status(Code::kClosed, "the engine is closed"));
  return engine;
}

void EngineHandle::Adopt(std::shared_ptr<Engine> engine) {
  engine->OnDurable([this] {
    durable_generation.fetch_add(1);
    if (listening.load(std::memory_order_relaxed)) durable.Post();
  });
  std::lock_guard lock(mutex_);
  engine_ = std::move(engine);
}

Status EngineHandle::CloseEngine(bool checkpoint) {
  std::shared_ptr<Engine> engine;
  std::vector<std::weak_ptr<FeedHandle>> feeds;
  {
    std::lock_guard lock(mutex_);
    engine = std::move(engine_);
    feeds = std::move(feeds_);
  }
  if (engine == nullptr) return Status::Ok();
  Status status = engine->Close(checkpoint);
  for (const auto& weak : feeds) {
    auto feed = weak.lock();
    if (feed == nullptr) continue;
    std::lock_guard lock(feed->mutex);
    feed->feed.reset();
  }
  return status;
}

void EngineHandle::Finish(Napi::Env env) {
  if (std::exchange(finished_, true)) return;
  closing_ = true;
  napi_remove_env_cleanup_hook(env, OnEnvironmentEnd, this);
  if (CanRunJavaScript(env)) queue.Drain(env);
  queue.Shut();
  durable.Drop();
  progress.Drop();
}

void EngineHandle::OnEnvironmentEnd(void* data) {
  auto* handle = static_cast<EngineHandle*>(data);
  (void)handle->CloseEngine(false);
  handle->finished_ = true;
  handle->closing_ = true;
  handle->queue.Shut();
  handle->durable.Drop();
  handle->progress.Drop();
}

void EngineHandle::Remember(const std::shared_ptr<FeedHandle>& feed) {
  std::lock_guard lock(mutex_);
  std::erase_if(feeds_, [](const auto& weak) { return weak.expired(); });
  feeds_.push_back(feed);
}

}  // namespace cfsrepl::addon
