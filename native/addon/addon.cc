// Registration: the same names in the same order as bindings/native.ts.
#include "addon/addon.h"

#include "addon/functions.h"

namespace cfsrepl::addon {
namespace {

struct Row {
  const char* name;
  Napi::Value (*function)(const Napi::CallbackInfo&);
};

constexpr Row kFunctions[] = {
    {"initialize", Initialize},
    {"versions", Versions},
    {"openFrame", OpenFrame},
    {"peekFrame", PeekFrame},
    {"verifyControl", VerifyControl},
    {"setAside", SetAside},
    {"engineOpen", EngineOpen},
    {"engineListen", EngineListen},
    {"engineAppend", EngineAppend},
    {"engineReceive", EngineReceive},
    {"engineHeld", EngineHeld},
    {"engineFindForks", EngineFindForks},
    {"engineSetPeers", EngineSetPeers},
    {"engineForget", EngineForget},
    {"engineSetPeerCursor", EngineSetPeerCursor},
    {"enginePeerCursor", EnginePeerCursor},
    {"engineBacklog", EngineBacklog},
    {"engineOpenFeed", EngineOpenFeed},
    {"engineSetIdMaps", EngineSetIdMaps},
    {"engineLocalOwner", EngineLocalOwner},
    {"engineLookup", EngineLookup},
    {"engineLookupPath", EngineLookupPath},
    {"engineList", EngineList},
    {"engineDump", EngineDump},
    {"engineDigest", EngineDigest},
    {"engineAnswer", EngineAnswer},
    {"engineCompare", EngineCompare},
    {"engineTakeOver", EngineTakeOver},
    {"engineConflicts", EngineConflicts},
    {"engineArrivedConflicts", EngineArrivedConflicts},
    {"engineFindConflict", EngineFindConflict},
    {"engineSettleConflict", EngineSettleConflict},
    {"engineRecordUnsent", EngineRecordUnsent},
    {"engineRecordUnheard", EngineRecordUnheard},
    {"engineEvict", EngineEvict},
    {"engineCheckpoint", EngineCheckpoint},
    {"engineCollect", EngineCollect},
    {"engineStatus", EngineStatus},
    {"engineNextSeq", EngineNextSeq},
    {"engineRetireIncarnation", EngineRetireIncarnation},
    {"engineClose", EngineClose},
    {"comparisonStep", ComparisonStep},
    {"takeOverStep", TakeOverStep},
    {"feedNext", FeedNext},
    {"feedClose", FeedClose},
};

Napi::Object Register(Napi::Env env, Napi::Object exports) {
  env.SetInstanceData(new AddonData());
  for (const Row& row : kFunctions) {
    exports.Set(row.name, Napi::Function::New(env, row.function, row.name));
  }
  return exports;
}

}  // namespace
}  // namespace cfsrepl::addon

using cfsrepl::addon::Register;
NODE_API_MODULE(cfs_repl, Register)
