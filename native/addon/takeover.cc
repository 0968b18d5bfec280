// Taking over a peer's checkpoint: each step on a worker thread.
#include "engine/takeover.h"

#include "addon/engine_handle.h"
#include "addon/functions.h"
#include "addon/values.h"
#include "addon/work.h"
#include "engine/engine.h"

namespace cfsrepl::addon {
namespace {

using TakeOverRef = std::shared_ptr<TakeOver>;

struct Step {
  std::optional<std::vector<uint8_t>> question;
  TakeOverStatus status;
};

Napi::Value FromStatus(Napi::Env env, const TakeOverStatus& status) {
  auto object = Napi::Object::New(env);
  object.Set("done", status.done);
  object.Set("bytesDone", FromCount(env, status.bytes_done));
  object.Set("bytesTotal", FromCount(env, status.bytes_total));
  object.Set("held", FromVersionVector(env, status.held));
  return object;
}

Napi::Value FromStep(Napi::Env env, Step step) {
  auto object = Napi::Object::New(env);
  if (step.question.has_value()) {
    object.Set("question", FromVector(env, std::move(*step.question)));
  }
  object.Set("status", FromStatus(env, step.status));
  return object;
}

}  // namespace

// (engine, peer)
Napi::Value EngineTakeOver(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  auto begun = engine->StartTakeOver(static_cast<SiteId>(ToU32(info[1])));
  if (!begun.ok()) return Throw(info.Env(), begun.status());
  return Napi::External<TakeOverRef>::New(info.Env(), new TakeOverRef(std::move(begun).value()),
                                          [](Napi::Env, TakeOverRef* ref) { delete ref; });
}

// (take-over, answer); without an answer at first
Napi::Value TakeOverStep(const Napi::CallbackInfo& info) {
  const TakeOverRef take_over = *info[0].As<Napi::External<TakeOverRef>>().Data();
  const bool answered = !info[1].IsUndefined();
  auto run = [take_over, answered,
              answer = answered ? CopyBytes(info[1]) : std::string()]() -> Result<Step> {
    if (answered) CFS_RETURN_IF_ERROR(take_over->Take(ViewOf(answer)));
    return Step{take_over->Next(), take_over->status()};
  };
  return Work<Step>::Start(info.Env(), run, FromStep);
}

}  // namespace cfsrepl::addon
