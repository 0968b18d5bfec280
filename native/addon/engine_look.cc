// Looking at the state: each on a worker thread, which also packs what it found.
#include "addon/engine_handle.h"
#include "addon/functions.h"
#include "addon/inode_rows.h"
#include "addon/values.h"
#include "addon/work.h"
#include "engine/engine.h"

namespace cfsrepl::addon {
namespace {

using Rows = std::vector<uint8_t>;

Result<Rows> PackLookup(Result<InodeInfo> found) {
  if (!found.ok()) return found.status();
  Rows rows;
  PackRow({"", std::move(found).value()}, true, &rows);
  return rows;
}

Result<Rows> PackPage(Result<std::vector<NamedInode>> found) {
  if (!found.ok()) return found.status();
  Rows rows;
  for (const NamedInode& named : found.value()) PackRow(named, false, &rows);
  return rows;
}

}  // namespace

// (engine, inode)
Napi::Value EngineLookup(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  auto run = [engine, inode = ToU64(info[1])] { return PackLookup(engine->Lookup(inode)); };
  return Work<Rows>::Start(info.Env(), run, FromVector);
}

// (engine, path)
Napi::Value EngineLookupPath(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  auto run = [engine, path = CopyBytes(info[1])] {
    return PackLookup(engine->LookupPath(ViewOf(path)));
  };
  return Work<Rows>::Start(info.Env(), run, FromVector);
}

// (engine, path, after, max)
Napi::Value EngineList(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  auto run = [engine, path = CopyBytes(info[1]), after = CopyBytes(info[2]), max = ToU32(info[3])] {
    return PackPage(engine->List(ViewOf(path), ViewOf(after), max));
  };
  return Work<Rows>::Start(info.Env(), run, FromVector);
}

// (engine, after, max, with our ids)
Napi::Value EngineDump(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  const Ids ids = ToBool(info[3]) ? Ids::kLocal : Ids::kAsWritten;
  auto run = [engine, after = CopyBytes(info[1]), max = ToU32(info[2]), ids] {
    return PackPage(engine->Dump(ViewOf(after), max, ids));
  };
  return Work<Rows>::Start(info.Env(), run, FromVector);
}

// (engine, rescan)
Napi::Value EngineDigest(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  auto run = [engine, rescan = ToBool(info[1])] { return engine->ComputeDigest(rescan); };
  auto deliver = [](Napi::Env env, Digest digest) -> Napi::Value {
    auto object = Napi::Object::New(env);
    object.Set("sum", FromU64(env, digest.sum));
    object.Set("inodes", FromU64(env, digest.inodes));
    object.Set("names", FromU64(env, digest.names));
    return object;
  };
  return Work<Digest>::Start(info.Env(), run, deliver);
}

}  // namespace cfsrepl::addon
