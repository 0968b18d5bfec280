// What is held here and by peers. None of these waits for a disk.
#include "addon/engine_handle.h"
#include "addon/functions.h"
#include "addon/values.h"
#include "engine/engine.h"

namespace cfsrepl::addon {

// (engine, withShards)
Napi::Value EngineHeld(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  return FromCursors(info.Env(), engine->Held(ToBool(info[1])));
}

// (engine, sites)
Napi::Value EngineSetPeers(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  auto sites = info[1].As<Napi::Uint16Array>();
  engine->SetPeers(std::vector<SiteId>(sites.Data(), sites.Data() + sites.ElementLength()));
  return info.Env().Undefined();
}

// (engine, horizon, before)
Napi::Value EngineForget(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  engine->Forget(ToCursors(info[1]), ToU64(info[2]));
  return info.Env().Undefined();
}

// (engine, site, incarnation, cursors)
Napi::Value EngineSetPeerCursor(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  engine->SetPeerCursor({static_cast<SiteId>(ToU32(info[1])), ToU64(info[2])}, ToCursors(info[3]));
  return info.Env().Undefined();
}

// (engine, site)
Napi::Value EnginePeerCursor(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  return FromCursors(info.Env(), engine->PeerCursor(static_cast<SiteId>(ToU32(info[1]))));
}

// (engine, heldLsn)
Napi::Value EngineBacklog(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  const Engine::Backlog backlog = engine->BacklogFrom(ToU64(info[1]));
  auto object = Napi::Object::New(env);
  object.Set("entries", FromU64(env, backlog.entries));
  object.Set("oldestUnixUs", FromU64(env, backlog.oldest_unix_us));
  return object;
}

// (engine, shard)
Napi::Value EngineNextSeq(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  return FromU64(info.Env(), engine->NextSeq(static_cast<Shard>(ToU32(info[1]))));
}

}  // namespace cfsrepl::addon
