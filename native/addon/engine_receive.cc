#include "addon/functions.h"
#include "addon/request.h"
#include "addon/values.h"
#include "engine/engine.h"

namespace cfsrepl::addon {
namespace {

class ReceiveRequest final : public Request<ReceiveResult> {
 public:
  using Request::Request;

  void Deliver(Napi::Env env) override {
    const ReceiveResult& r = result();
    if (!r.status.ok()) return Reject(MakeError(env, r.status));
    auto object = Napi::Object::New(env);
    object.Set("site", r.origin.site);
    object.Set("incarnation", FromU64(env, r.origin.incarnation));
    object.Set("firstLsn", FromU64(env, r.first_lsn));
    object.Set("lastLsn", FromU64(env, r.last_lsn));
    object.Set("entries", r.entries);
    object.Set("unknownEntries", r.unknown_entries);
    object.Set("duplicate", r.duplicate);
    object.Set("hlcMax", FromU64(env, r.hlc_max));
    Resolve(object);
  }
};

}  // namespace

// (engine, frame, site, incarnation)
Napi::Value EngineReceive(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto handle = EngineHandle::Of(info[0]);
  auto engine = handle->engine();
  if (engine == nullptr) return Throw(env, Status(Code::kClosed, "the engine is closed"));

  auto request = std::make_unique<ReceiveRequest>(env, std::move(handle), info[1]);
  Status status = engine->Receive(
      ToBytes(info[1]), {static_cast<SiteId>(ToU32(info[2])), ToU64(info[3])},
      [raw = request.get()](ReceiveResult result) { raw->Complete(std::move(result)); });
  if (!status.ok()) return Throw(env, status);
  return request.release()->Queued();  // deleted once delivered
}

}  // namespace cfsrepl::addon
