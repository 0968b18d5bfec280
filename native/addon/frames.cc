#include "addon/functions.h"
#include "addon/values.h"
#include "addon/work.h"
#include "engine/control_verify.h"
#include "engine/engine.h"

namespace cfsrepl::addon {
namespace {

struct OpenedFrame {
  std::vector<uint8_t> body;
  FrameSummary summary;
};

}  // namespace

// (frame)
Napi::Value OpenFrame(const Napi::CallbackInfo& info) {
  auto run = [frame = ToBytes(info[0])]() -> Result<OpenedFrame> {
    OpenedFrame opened;
    auto body = OpenFrameBody(frame, &opened.summary);
    if (!body.ok()) return body.status();
    opened.body = std::move(body).value();
    return opened;
  };
  auto deliver = [](Napi::Env env, OpenedFrame opened) -> Napi::Value {
    auto object = Napi::Object::New(env);
    object.Set("summary", FromSummary(env, opened.summary));
    object.Set("body", FromVector(env, std::move(opened.body)));
    return object;
  };
  return Work<OpenedFrame>::Start(info.Env(), run, deliver, info[0]);
}

// (prefix)
Napi::Value PeekFrame(const Napi::CallbackInfo& info) {
  auto summary = cfsrepl::PeekFrame(ToBytes(info[0]));
  if (!summary.ok()) return Throw(info.Env(), summary.status());
  return FromSummary(info.Env(), summary.value());
}

// (message)
Napi::Value VerifyControl(const Napi::CallbackInfo& info) {
  Status status = cfsrepl::VerifyControl(ToBytes(info[0]));
  if (!status.ok()) return Throw(info.Env(), status);
  return info.Env().Undefined();
}

}  // namespace cfsrepl::addon
