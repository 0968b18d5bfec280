// An engine's beginning and end.
#include "addon/engine_handle.h"
#include "addon/functions.h"
#include "addon/values.h"
#include "addon/work.h"
#include "engine/engine.h"

namespace cfsrepl::addon {
namespace {

// What is not given keeps the engine's default.
template <typename T>
void ReadCount(Napi::Object options, const char* name, T* out) {
  Napi::Value value = options.Get(name);
  if (value.IsNumber()) *out = static_cast<T>(value.As<Napi::Number>().Int64Value());
}

EngineOptions ReadOptions(Napi::Object given) {
  EngineOptions options;
  options.data_dir = given.Get("dataDir").As<Napi::String>().Utf8Value();
  options.cluster = {ToU64(given.Get("clusterHi")), ToU64(given.Get("clusterLo"))};
  ReadCount(given, "site", &options.site);
  Napi::Value after = given.Get("incarnationAfter");
  if (after.IsBigInt()) options.incarnation_after = ToU64(after);
  ReadCount(given, "shardCount", &options.shard_count);
  Napi::Value backend = given.Get("ioBackend");
  if (backend.IsString()) options.io_backend = backend.As<Napi::String>().Utf8Value();
  ReadCount(given, "segmentBytes", &options.segment_bytes);
  ReadCount(given, "tailCacheBytes", &options.tail_cache_bytes);
  ReadCount(given, "sealCacheBytes", &options.seal_cache_bytes);
  ReadCount(given, "diskReserveBytes", &options.disk_reserve_bytes);
  ReadCount(given, "retentionBytes", &options.retention_bytes);
  ReadCount(given, "checkpointIntervalBytes", &options.checkpoint_interval_bytes);
  ReadCount(given, "ledgerBytes", &options.ledger_bytes_max);
  Napi::Value age = given.Get("ledgerDays");
  constexpr double kUsPerDay = 24.0 * 3600 * 1e6;
  if (age.IsNumber()) {
    options.ledger_age_us_max =
        static_cast<uint64_t>(age.As<Napi::Number>().DoubleValue() * kUsPerDay);
  }
  return options;
}

}  // namespace

// (options, onDurable, onProgress)
Napi::Value EngineOpen(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const EngineOptions options = ReadOptions(info[0].As<Napi::Object>());
  auto handle = EngineHandle::Make(env);
  handle->durable.SetListener(info[1]);
  handle->progress.SetListener(info[2]);
  const bool wants_progress = info[2].IsFunction();

  auto run = [handle, options, wants_progress]() -> Result<Done> {
    auto opened = Engine::Open(options, [&](const OpenProgress& progress) {
      if (wants_progress) handle->progress.Post(progress);
    });
    if (!opened.ok()) return opened.status();
    handle->Adopt(std::move(opened).value());
    return Done();
  };
  auto deliver = [handle](Napi::Env env, Done) { return handle->ToExternal(env); };
  auto always = [handle](Napi::Env env) {
    if (CanRunJavaScript(env)) handle->queue.Drain(env);  // the last progress comes before the end
    handle->progress.Drop();
    if (handle->engine() == nullptr) handle->Finish(env);
  };
  return Work<Done>::StartAlways(env, run, deliver, always);
}

// (dataDir, into)
Napi::Value SetAside(const Napi::CallbackInfo& info) {
  auto run = [data_dir = info[0].As<Napi::String>().Utf8Value(),
              into = info[1].As<Napi::String>().Utf8Value()]() -> Result<Done> {
    CFS_RETURN_IF_ERROR(cfsrepl::SetAside(data_dir, into));
    return Done();
  };
  return Work<Done>::Start(info.Env(), run, DeliverNothing);
}

// (engine, checkpoint). Never refused: what is closed already resolves.
Napi::Value EngineClose(const Napi::CallbackInfo& info) {
  auto handle = EngineHandle::Of(info[0]);
  handle->BeginClose();
  auto run = [handle, checkpoint = ToBool(info[1])]() -> Result<Done> {
    CFS_RETURN_IF_ERROR(handle->CloseEngine(checkpoint));
    return Done();
  };
  auto always = [handle](Napi::Env env) { handle->Finish(env); };
  return Work<Done>::StartAlways(info.Env(), run, DeliverNothing, always);
}

// (engine, listening)
Napi::Value EngineListen(const Napi::CallbackInfo& info) {
  EngineHandle::Of(info[0])->listening = ToBool(info[1]);
  return info.Env().Undefined();
}

}  // namespace cfsrepl::addon
