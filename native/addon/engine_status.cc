#include "addon/engine_handle.h"
#include "addon/functions.h"
#include "addon/values.h"
#include "engine/engine.h"

namespace cfsrepl::addon {
namespace {

void SetIdentity(Napi::Env env, const cfsrepl::EngineStatus& status, Napi::Object object) {
  if (!status.stopped.ok()) {
    object.Set("stoppedCode", std::string(CodeName(status.stopped.code())));
    object.Set("stoppedMessage", status.stopped.message());
  }
  object.Set("diskFull", status.disk_full);
  object.Set("ioBackend", status.io_backend);
  auto origin = Napi::Object::New(env);
  origin.Set("site", status.origin.site);
  origin.Set("incarnation", FromU64(env, status.origin.incarnation));
  object.Set("origin", origin);
  object.Set("epoch", FromU64(env, status.epoch));
  object.Set("lastLsn", FromU64(env, status.last_lsn));
  object.Set("durableLsn", FromU64(env, status.durable_lsn));
  object.Set("lastHlc", FromU64(env, status.last_hlc));
  object.Set("held", FromCursors(env, status.held));
  object.Set("forgottenHorizon", FromCursors(env, status.forgotten_horizon));
}

Napi::Value FromEvictions(Napi::Env env, const std::vector<Eviction>& evictions) {
  auto array = Napi::Array::New(env, evictions.size());
  for (uint32_t i = 0; i < evictions.size(); i++) {
    const Eviction& eviction = evictions[i];
    auto by = Napi::Object::New(env);
    by.Set("hlc", FromU64(env, eviction.by.hlc));
    by.Set("site", eviction.by.origin.site);
    by.Set("incarnation", FromU64(env, eviction.by.origin.incarnation));
    by.Set("lsn", FromU64(env, eviction.by.lsn));
    auto object = Napi::Object::New(env);
    object.Set("site", eviction.site);
    object.Set("incarnation", FromU64(env, eviction.incarnation));
    object.Set("by", by);
    array.Set(i, object);
  }
  return array;
}

struct Count {
  const char* name;
  uint64_t cfsrepl::EngineStatus::*member;
};

constexpr Count kCounts[] = {
    {"inodes", &cfsrepl::EngineStatus::inodes},
    {"liveInodes", &cfsrepl::EngineStatus::live_inodes},
    {"names", &cfsrepl::EngineStatus::names},
    {"stateBytes", &cfsrepl::EngineStatus::state_bytes},
    {"forgotten", &cfsrepl::EngineStatus::forgotten},
    {"journalBytes", &cfsrepl::EngineStatus::journal_bytes},
    {"journalSegments", &cfsrepl::EngineStatus::journal_segments},
    {"journalOldestSegment", &cfsrepl::EngineStatus::journal_oldest_segment},
    {"journalPositionSegment", &cfsrepl::EngineStatus::journal_position_segment},
    {"journalPositionOffset", &cfsrepl::EngineStatus::journal_position_offset},
    {"checkpointSeq", &cfsrepl::EngineStatus::checkpoint_seq},
    {"checkpointBytes", &cfsrepl::EngineStatus::checkpoint_bytes},
    {"entriesAppended", &cfsrepl::EngineStatus::entries_appended},
    {"entriesMerged", &cfsrepl::EngineStatus::entries_merged},
    {"entriesDuplicate", &cfsrepl::EngineStatus::entries_duplicate},
    {"entriesUnknown", &cfsrepl::EngineStatus::entries_unknown},
    {"appendsRefused", &cfsrepl::EngineStatus::appends_refused},
    {"framesReceived", &cfsrepl::EngineStatus::frames_received},
    {"framesRefused", &cfsrepl::EngineStatus::frames_refused},
    {"framesDuplicate", &cfsrepl::EngineStatus::frames_duplicate},
    {"framesSealed", &cfsrepl::EngineStatus::frames_sealed},
    {"sealCacheHits", &cfsrepl::EngineStatus::seal_cache_hits},
    {"sealedEntriesIn", &cfsrepl::EngineStatus::sealed_entries_in},
    {"sealedEntriesOut", &cfsrepl::EngineStatus::sealed_entries_out},
    {"sealedBytesIn", &cfsrepl::EngineStatus::sealed_bytes_in},
    {"sealedBytesCompacted", &cfsrepl::EngineStatus::sealed_bytes_compacted},
    {"sealedBytesOut", &cfsrepl::EngineStatus::sealed_bytes_out},
    {"groups", &cfsrepl::EngineStatus::groups},
    {"groupBytes", &cfsrepl::EngineStatus::group_bytes},
    {"syncNs", &cfsrepl::EngineStatus::sync_ns},
    {"conflicts", &cfsrepl::EngineStatus::conflicts},
    {"conflictsOpen", &cfsrepl::EngineStatus::conflicts_open},
    {"conflictsRecorded", &cfsrepl::EngineStatus::conflicts_recorded},
    {"conflictsEvicted", &cfsrepl::EngineStatus::conflicts_evicted},
    {"ledgerBytes", &cfsrepl::EngineStatus::ledger_bytes},
    {"ledgerBytesMax", &cfsrepl::EngineStatus::ledger_bytes_max},
    {"recoveredEntries", &cfsrepl::EngineStatus::recovered_entries},
    {"recoveryNs", &cfsrepl::EngineStatus::recovery_ns},
    {"recoveredTornBytes", &cfsrepl::EngineStatus::recovered_torn_bytes},
};

}  // namespace

// (engine)
Napi::Value EngineStatus(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  const cfsrepl::EngineStatus status = engine->GetStatus();
  auto object = Napi::Object::New(env);
  SetIdentity(env, status, object);
  object.Set("evictions", FromEvictions(env, status.evictions));
  auto unheard = Napi::Array::New(env, status.unheard.size());
  for (uint32_t i = 0; i < status.unheard.size(); i++) unheard.Set(i, status.unheard[i]);
  object.Set("unheard", unheard);
  for (const Count& count : kCounts) object.Set(count.name, FromCount(env, status.*count.member));
  object.Set("checkpointUnixMs",
             Napi::Number::New(env, static_cast<double>(status.checkpoint_unix_ms)));
  return object;
}

}  // namespace cfsrepl::addon
