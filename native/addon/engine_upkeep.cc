#include "addon/engine_handle.h"
#include "addon/functions.h"
#include "addon/values.h"
#include "addon/work.h"
#include "engine/engine.h"

namespace cfsrepl::addon {

// (engine)
Napi::Value EngineCheckpoint(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  auto run = [engine]() -> Result<Done> {
    CFS_RETURN_IF_ERROR(engine->Checkpoint());
    return Done();
  };
  return Work<Done>::Start(info.Env(), run, DeliverNothing);
}

// (engine, aggressive, auditOnly)
Napi::Value EngineCollect(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  auto run = [engine, aggressive = ToBool(info[1]), audit_only = ToBool(info[2])] {
    return engine->Collect(aggressive, audit_only);
  };
  auto deliver = [](Napi::Env env, CollectReport collected) -> Napi::Value {
    auto object = Napi::Object::New(env);
    object.Set("segments", FromCount(env, collected.segments));
    object.Set("bytes", FromCount(env, collected.bytes));
    object.Set("heldBy", collected.held_by);
    return object;
  };
  return Work<CollectReport>::Start(info.Env(), run, deliver);
}

// (engine, cursors)
Napi::Value EngineFindForks(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  using Cursors = std::vector<OriginCursor>;
  auto run = [engine, theirs = ToCursors(info[1])] { return engine->FindForks(theirs); };
  return Work<Cursors>::Start(info.Env(), run, FromCursors);
}

// (engine, site, incarnation)
Napi::Value EngineEvict(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  const auto site = static_cast<SiteId>(ToU32(info[1]));
  auto run = [engine, site, incarnation = ToU64(info[2])] {
    return engine->Evict(site, incarnation);
  };
  return Work<Lsn>::Start(info.Env(), run,
                          [](Napi::Env env, Lsn lsn) { return FromU64(env, lsn); });
}

// (engine)
Napi::Value EngineRetireIncarnation(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  auto run = [engine]() -> Result<Done> {
    CFS_RETURN_IF_ERROR(engine->RetireIncarnation());
    return Done();
  };
  return Work<Done>::Start(info.Env(), run, DeliverNothing);
}

}  // namespace cfsrepl::addon
