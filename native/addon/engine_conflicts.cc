// The ledger: each call on a worker thread.
#include "addon/engine_handle.h"
#include "addon/functions.h"
#include "addon/values.h"
#include "addon/work.h"
#include "engine/engine.h"

namespace cfsrepl::addon {
namespace {

LinkId ToLinkId(const Napi::CallbackInfo& info, size_t at) {
  return {{static_cast<SiteId>(ToU32(info[at])), ToU64(info[at + 1])}, ToU64(info[at + 2])};
}

Napi::Value FromConflict(Napi::Env env, RecordedConflict conflict) {
  auto object = Napi::Object::New(env);
  object.Set("hlc", FromU64(env, conflict.place.hlc));
  object.Set("site", conflict.place.id.origin.site);
  object.Set("incarnation", FromU64(env, conflict.place.id.origin.incarnation));
  object.Set("lsn", FromU64(env, conflict.place.id.lsn));
  object.Set("inode", FromU64(env, conflict.inode));
  object.Set("payload", FromVector(env, std::move(conflict.payload)));
  object.Set("settled", conflict.settled ? static_cast<uint32_t>(conflict.how) : 0u);
  object.Set("settledHlc", FromU64(env, conflict.settled_at.hlc));
  object.Set("settledSite", conflict.settled_at.origin.site);
  object.Set("arrival", FromCount(env, conflict.arrival));
  return object;
}

using Conflicts = std::vector<RecordedConflict>;

Napi::Value FromConflicts(Napi::Env env, Conflicts conflicts) {
  auto array = Napi::Array::New(env, conflicts.size());
  for (uint32_t i = 0; i < conflicts.size(); i++) {
    array.Set(i, FromConflict(env, std::move(conflicts[i])));
  }
  return array;
}

}  // namespace

// (engine, hlc, site, incarnation, lsn, max)
Napi::Value EngineConflicts(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  const ConflictPlace after{ToU64(info[1]), ToLinkId(info, 2)};
  auto run = [engine, after, max = ToU32(info[5])] { return engine->Conflicts(after, max); };
  return Work<Conflicts>::Start(info.Env(), run, FromConflicts);
}

// (engine, after, max)
Napi::Value EngineArrivedConflicts(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  const auto after = static_cast<uint64_t>(info[1].As<Napi::Number>().Int64Value());
  auto run = [engine, after, max = ToU32(info[2])] { return engine->ArrivedConflicts(after, max); };
  return Work<Conflicts>::Start(info.Env(), run, FromConflicts);
}

// (engine, site, incarnation, lsn)
Napi::Value EngineFindConflict(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  auto run = [engine, id = ToLinkId(info, 1)] { return engine->FindConflict(id); };
  return Work<RecordedConflict>::Start(info.Env(), run, FromConflict);
}

// (engine, site, incarnation, lsn, how)
Napi::Value EngineSettleConflict(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  const auto how = static_cast<Settled>(ToU32(info[4]));
  auto run = [engine, id = ToLinkId(info, 1), how] { return engine->SettleConflict(id, how); };
  return Work<Lsn>::Start(info.Env(), run,
                          [](Napi::Env env, Lsn lsn) { return FromU64(env, lsn); });
}

// (engine, frame, before)
Napi::Value EngineRecordUnsent(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  auto before = EngineHandle::Of(info[2])->engine();
  if (before == nullptr) return Throw(info.Env(), Status(Code::kClosed, "the engine is closed"));
  auto run = [engine, frame = ToBytes(info[1]), before] {
    return engine->RecordUnsent(frame, before.get());
  };
  return Work<uint64_t>::Start(info.Env(), run, FromCount, info[1]);
}

// (engine, site)
Napi::Value EngineRecordUnheard(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  auto run = [engine, site = static_cast<SiteId>(ToU32(info[1]))] {
    return engine->RecordUnheard(site);
  };
  return Work<uint64_t>::Start(info.Env(), run, FromCount);
}

}  // namespace cfsrepl::addon
