// The functions that addon.cc registers. bindings/native.ts says what each takes and gives.
#ifndef CFS_REPL_ADDON_FUNCTIONS_H_
#define CFS_REPL_ADDON_FUNCTIONS_H_

#include "addon/addon.h"

namespace cfsrepl::addon {

Napi::Value Initialize(const Napi::CallbackInfo& info);
Napi::Value Versions(const Napi::CallbackInfo& info);

Napi::Value OpenFrame(const Napi::CallbackInfo& info);
Napi::Value PeekFrame(const Napi::CallbackInfo& info);
Napi::Value VerifyControl(const Napi::CallbackInfo& info);

Napi::Value SetAside(const Napi::CallbackInfo& info);
Napi::Value EngineOpen(const Napi::CallbackInfo& info);
Napi::Value EngineListen(const Napi::CallbackInfo& info);
Napi::Value EngineAppend(const Napi::CallbackInfo& info);
Napi::Value EngineReceive(const Napi::CallbackInfo& info);
Napi::Value EngineHeld(const Napi::CallbackInfo& info);
Napi::Value EngineFindForks(const Napi::CallbackInfo& info);
Napi::Value EngineSetPeers(const Napi::CallbackInfo& info);
Napi::Value EngineForget(const Napi::CallbackInfo& info);
Napi::Value EngineSetPeerCursor(const Napi::CallbackInfo& info);
Napi::Value EnginePeerCursor(const Napi::CallbackInfo& info);
Napi::Value EngineBacklog(const Napi::CallbackInfo& info);
Napi::Value EngineOpenFeed(const Napi::CallbackInfo& info);
Napi::Value EngineSetIdMaps(const Napi::CallbackInfo& info);
Napi::Value EngineLocalOwner(const Napi::CallbackInfo& info);
Napi::Value EngineLookup(const Napi::CallbackInfo& info);
Napi::Value EngineLookupPath(const Napi::CallbackInfo& info);
Napi::Value EngineList(const Napi::CallbackInfo& info);
Napi::Value EngineDump(const Napi::CallbackInfo& info);
Napi::Value EngineDigest(const Napi::CallbackInfo& info);
Napi::Value EngineAnswer(const Napi::CallbackInfo& info);
Napi::Value EngineCompare(const Napi::CallbackInfo& info);
Napi::Value EngineTakeOver(const Napi::CallbackInfo& info);
Napi::Value EngineConflicts(const Napi::CallbackInfo& info);
Napi::Value EngineArrivedConflicts(const Napi::CallbackInfo& info);
Napi::Value EngineFindConflict(const Napi::CallbackInfo& info);
Napi::Value EngineSettleConflict(const Napi::CallbackInfo& info);
Napi::Value EngineRecordUnsent(const Napi::CallbackInfo& info);
Napi::Value EngineRecordUnheard(const Napi::CallbackInfo& info);
Napi::Value EngineEvict(const Napi::CallbackInfo& info);
Napi::Value EngineCheckpoint(const Napi::CallbackInfo& info);
Napi::Value EngineCollect(const Napi::CallbackInfo& info);
Napi::Value EngineStatus(const Napi::CallbackInfo& info);
Napi::Value EngineNextSeq(const Napi::CallbackInfo& info);
Napi::Value EngineRetireIncarnation(const Napi::CallbackInfo& info);
Napi::Value EngineClose(const Napi::CallbackInfo& info);

Napi::Value ComparisonStep(const Napi::CallbackInfo& info);
Napi::Value TakeOverStep(const Napi::CallbackInfo& info);

Napi::Value FeedNext(const Napi::CallbackInfo& info);
Napi::Value FeedClose(const Napi::CallbackInfo& info);

}  // namespace cfsrepl::addon

#endif  // CFS_REPL_ADDON_FUNCTIONS_H_
