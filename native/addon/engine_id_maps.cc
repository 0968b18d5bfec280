// Maps of ids between sites. Neither call waits for anything.
#include "addon/addon.h"
#include "addon/engine_handle.h"
#include "addon/functions.h"
#include "addon/values.h"
#include "engine/engine.h"

namespace cfsrepl::addon {
namespace {

// The words of bindings/id-maps.ts, which laid them out.
class WordReader {
 public:
  explicit WordReader(Napi::Uint32Array words) : at_(words.Data()), left_(words.ElementLength()) {}

  bool finished() const { return left_ == 0; }
  uint32_t Next() {
    if (left_ == 0) return 0;
    left_--;
    return *at_++;
  }

  // fallback, count, then from, to, count of each range
  Status ReadMap(IdMap* map) {
    const uint32_t fallback = Next();
    const uint32_t count = Next();
    std::vector<IdRange> ranges;
    for (uint32_t i = 0; i < count && !finished(); i++) {
      IdRange& range = ranges.emplace_back();
      range.from = Next();
      range.to = Next();
      range.count = Next();
    }
    Result<IdMap> made = IdMap::Make(std::move(ranges), fallback);
    if (!made.ok()) return made.status();
    *map = std::move(made).value();
    return Status::Ok();
  }

 private:
  const uint32_t* at_;
  size_t left_;
};

Result<std::vector<SiteIdMap>> ReadMaps(WordReader words) {
  std::vector<SiteIdMap> maps;
  while (!words.finished()) {
    SiteIdMap& map = maps.emplace_back();
    map.site = static_cast<SiteId>(words.Next());
    for (IdMap* part : {&map.out.uid, &map.out.gid, &map.in.uid, &map.in.gid}) {
      CFS_RETURN_IF_ERROR(words.ReadMap(part));
    }
  }
  return maps;
}

}  // namespace

// (engine, words)
Napi::Value EngineSetIdMaps(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  Result<std::vector<SiteIdMap>> maps = ReadMaps(WordReader(info[1].As<Napi::Uint32Array>()));
  const Status status = maps.ok() ? engine->SetIdMaps(std::move(maps).value()) : maps.status();
  return status.ok() ? info.Env().Undefined() : Throw(info.Env(), status);
}

// (engine, site, uid, gid): uid and gid as they are here
Napi::Value EngineLocalOwner(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  const Owner local =
      engine->LocalOwner(static_cast<SiteId>(ToU32(info[1])), {ToU32(info[2]), ToU32(info[3])});
  auto pair = Napi::Array::New(info.Env(), 2);
  pair.Set(0u, local.uid);
  pair.Set(1u, local.gid);
  return pair;
}

}  // namespace cfsrepl::addon
