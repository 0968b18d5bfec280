#include "addon/functions.h"
#include "addon/request.h"
#include "addon/values.h"
#include "engine/engine.h"

namespace cfsrepl::addon {
namespace {

// Flags of engineAppend, as in bindings/engine.ts.
constexpr uint32_t kKeepGoing = 1;
constexpr uint32_t kWantInodes = 2;
constexpr uint32_t kMemoryAck = 4;

Napi::Value FromErrors(Napi::Env env, const std::vector<OpError>& errors) {
  auto array = Napi::Array::New(env, errors.size());
  for (uint32_t i = 0; i < errors.size(); i++) {
    auto object = Napi::Object::New(env);
    object.Set("index", errors[i].index);
    object.Set("error", MakeError(env, errors[i].status));
    array.Set(i, object);
  }
  return array;
}

class AppendRequest final : public Request<AppendResult> {
 public:
  using Request::Request;

  void Deliver(Napi::Env env) override {
    const AppendResult& r = result();
    const Napi::Value none = env.Undefined();
    const bool ok = r.status.ok();
    Napi::Value code = none, message = none;
    if (!ok) {
      code = Napi::String::New(env, std::string(CodeName(r.status.code())));
      message = Napi::String::New(env, r.status.message());
    }
    const napi_value arguments[] = {
        pinned(env),
        FromU64(env, r.first_lsn),
        FromU64(env, r.last_lsn),
        Napi::Number::New(env, r.appended),
        Napi::Number::New(env, r.duplicates),
        Napi::Number::New(env, r.unchanged),
        Napi::Number::New(env, r.refused),
        r.inodes.empty() ? none : FromU64s(env, r.inodes),
        r.errors.empty() ? none : FromErrors(env, r.errors),
        code,
        message,
    };
    Napi::Value settled =
        DataOf(env).settle_append.Call(env.Undefined(), std::size(arguments), arguments);
    if (ok) {
      Resolve(settled);
    } else {
      Reject(settled);
    }
  }
};

}  // namespace

// (engine, slab, bytes, byteLength, flags)
Napi::Value EngineAppend(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto handle = EngineHandle::Of(info[0]);
  auto engine = handle->engine();
  if (engine == nullptr) return Throw(env, Status(Code::kClosed, "the engine is closed"));
  const Bytes batch = ToBytes(info[2]).first(ToU32(info[3]));
  const uint32_t flags = ToU32(info[4]);
  const AppendOptions options = {.keep_going = (flags & kKeepGoing) != 0,
                                 .want_inodes = (flags & kWantInodes) != 0,
                                 .memory_ack = (flags & kMemoryAck) != 0};

  auto request = std::make_unique<AppendRequest>(env, std::move(handle), info[1]);
  Status status = engine->Append(batch, options, [raw = request.get()](AppendResult result) {
    raw->Complete(std::move(result));
  });
  if (!status.ok()) return Throw(env, status);
  return request.release()->Queued();  // deleted once delivered
}

}  // namespace cfsrepl::addon
