// JavaScript values to the engine's types and back.
#ifndef CFS_REPL_ADDON_VALUES_H_
#define CFS_REPL_ADDON_VALUES_H_

#include <memory>
#include <string>
#include <vector>

#include "addon/addon.h"
#include "engine/engine.h"

namespace cfsrepl::addon {

inline uint64_t ToU64(Napi::Value value) {
  bool lossless;
  return value.As<Napi::BigInt>().Uint64Value(&lossless);
}
inline uint32_t ToU32(Napi::Value value) { return value.As<Napi::Number>().Uint32Value(); }
inline bool ToBool(Napi::Value value) { return value.As<Napi::Boolean>().Value(); }

inline Napi::Value FromU64(Napi::Env env, uint64_t value) { return Napi::BigInt::New(env, value); }
// A count or size, which stays exact up to 2^53.
inline Napi::Value FromCount(Napi::Env env, uint64_t value) {
  return Napi::Number::New(env, static_cast<double>(value));
}

// The bytes of a Uint8Array, where they lie: they stay valid while the value is referenced.
Bytes ToBytes(Napi::Value value);
// A copy, for work that outlives the call.
std::string CopyBytes(Napi::Value value);
inline Bytes ViewOf(const std::string& text) {
  return Bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size());
}

// Flat cursors: site, incarnation, lsn, number of shards, then shard, seq of each; and so on.
std::vector<OriginCursor> ToCursors(Napi::Value flat);
Napi::Value FromCursors(Napi::Env env, const std::vector<OriginCursor>& cursors);
Napi::Value FromVersionVector(Napi::Env env, const VersionVector& vector);
Napi::Value FromShards(Napi::Env env, const std::vector<ShardSeqMark>& shards);

Napi::Value FromU64s(Napi::Env env, const std::vector<uint64_t>& values);
Napi::Value FromSummary(Napi::Env env, const FrameSummary& summary);

// A Buffer over native memory that `owner` keeps alive until the Buffer is collected.
Napi::Value FromOwned(Napi::Env env, Bytes bytes, std::shared_ptr<const void> owner);
Napi::Value FromVector(Napi::Env env, std::vector<uint8_t> bytes);

}  // namespace cfsrepl::addon

#endif  // CFS_REPL_ADDON_VALUES_H_
