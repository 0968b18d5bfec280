#include "addon/values.h"

#include <cstring>

namespace cfsrepl::addon {

namespace {

constexpr size_t kCursorWords = 5;  // before its shards

void FlattenShards(const std::vector<ShardSeqMark>& shards, std::vector<uint64_t>* flat) {
  for (const ShardSeqMark& mark : shards) {
    flat->push_back(mark.shard);
    flat->push_back(mark.seq);
  }
}

const char* NameOf(Codec codec) {
  switch (codec) {
    case Codec::None:
      return "none";
    case Codec::Lz4:
      return "lz4";
    case Codec::Zstd:
      return "zstd";
  }
  return "unknown";
}

}  // namespace

Bytes ToBytes(Napi::Value value) {
  auto array = value.As<Napi::Uint8Array>();
  return Bytes(array.Data(), array.ByteLength());
}

std::string CopyBytes(Napi::Value value) {
  Bytes bytes = ToBytes(value);
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

std::vector<OriginCursor> ToCursors(Napi::Value value) {
  auto array = value.As<Napi::BigUint64Array>();
  const uint64_t* words = array.Data();
  const size_t count = array.ElementLength();
  std::vector<OriginCursor> cursors;
  for (size_t at = 0; at + kCursorWords <= count;) {
    OriginCursor cursor;
    cursor.origin = {static_cast<SiteId>(words[at]), words[at + 1]};
    cursor.lsn = words[at + 2];
    cursor.hlc = words[at + 3];
    const size_t shard_count = words[at + 4];
    at += kCursorWords;
    for (size_t i = 0; i < shard_count && at + 2 <= count; i++, at += 2) {
      cursor.shards.push_back({static_cast<Shard>(words[at]), words[at + 1]});
    }
    cursors.push_back(std::move(cursor));
  }
  return cursors;
}

Napi::Value FromCursors(Napi::Env env, const std::vector<OriginCursor>& cursors) {
  std::vector<uint64_t> flat;
  for (const OriginCursor& cursor : cursors) {
    flat.push_back(cursor.origin.site);
    flat.push_back(cursor.origin.incarnation);
    flat.push_back(cursor.lsn);
    flat.push_back(cursor.hlc);
    flat.push_back(cursor.shards.size());
    FlattenShards(cursor.shards, &flat);
  }
  return FromU64s(env, flat);
}

Napi::Value FromVersionVector(Napi::Env env, const VersionVector& vector) {
  std::vector<OriginCursor> cursors;
  for (const auto& [origin, lsn] : vector.lsns()) cursors.push_back({origin, lsn, {}, 0});
  return FromCursors(env, cursors);
}

Napi::Value FromShards(Napi::Env env, const std::vector<ShardSeqMark>& shards) {
  std::vector<uint64_t> flat;
  FlattenShards(shards, &flat);
  return FromU64s(env, flat);
}

Napi::Value FromU64s(Napi::Env env, const std::vector<uint64_t>& values) {
  auto array = Napi::BigUint64Array::New(env, values.size(), napi_biguint64_array);
  if (array.IsEmpty()) return array;  // the worker thread is being terminated
  if (!values.empty()) std::memcpy(array.Data(), values.data(), values.size() * sizeof(uint64_t));
  return array;
}

Napi::Value FromSummary(Napi::Env env, const FrameSummary& summary) {
  auto object = Napi::Object::New(env);
  object.Set("clusterUuid", DataOf(env).format_uuid.Call({FromU64(env, summary.cluster.hi),
                                                          FromU64(env, summary.cluster.lo)}));
  object.Set("site", summary.origin.site);
  object.Set("incarnation", FromU64(env, summary.origin.incarnation));
  object.Set("epoch", FromU64(env, summary.epoch));
  object.Set("firstLsn", FromU64(env, summary.first_lsn));
  object.Set("lastLsn", FromU64(env, summary.last_lsn));
  object.Set("hlcMax", FromU64(env, summary.hlc_max));
  object.Set("codec", NameOf(summary.codec));
  object.Set("entryCount", summary.entry_count);
  object.Set("rawBytes", summary.raw_bytes);
  object.Set("totalBytes", summary.total_bytes);
  return object;
}

Napi::Value FromOwned(Napi::Env env, Bytes bytes, std::shared_ptr<const void> owner) {
  if (bytes.empty())
    return Napi::Buffer<uint8_t>::New(env, 0);  // an external one would be detached
  using Owner = std::shared_ptr<const void>;
  auto* kept = new Owner(std::move(owner));
  // V8 counts the bytes as external memory by itself, so that they drive collection.
  return Napi::Buffer<uint8_t>::NewOrCopy(
      env, const_cast<uint8_t*>(bytes.data()), bytes.size(),
      [](Napi::Env, uint8_t*, Owner* hint) { delete hint; }, kept);
}

Napi::Value FromVector(Napi::Env env, std::vector<uint8_t> bytes) {
  auto owner = std::make_shared<const std::vector<uint8_t>>(std::move(bytes));
  Bytes view(owner->data(), owner->size());
  return FromOwned(env, view, std::move(owner));
}

}  // namespace cfsrepl::addon
