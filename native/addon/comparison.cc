// Comparing with a peer: each step on a worker thread.
#include "engine/comparison.h"

#include "addon/engine_handle.h"
#include "addon/functions.h"
#include "addon/values.h"
#include "addon/work.h"
#include "engine/engine.h"

namespace cfsrepl::addon {
namespace {

using Bytes8 = std::vector<uint8_t>;
using ComparisonRef = std::shared_ptr<Comparison>;

struct Step {
  std::optional<Bytes8> question;
  ComparisonStatus status;
  std::vector<InodeReport> reports;
};

Napi::Value FromOrigin(Napi::Env env, const Origin& origin, Lsn lsn) {
  auto object = Napi::Object::New(env);
  object.Set("site", origin.site);
  object.Set("incarnation", FromU64(env, origin.incarnation));
  object.Set("lsn", FromU64(env, lsn));
  return object;
}

// Undefined if the register was never written there.
Napi::Value FromSide(Napi::Env env, const RegisterReport::Side& side) {
  if (side.stamp == Stamp()) return env.Undefined();
  auto object = FromOrigin(env, side.stamp.origin, side.stamp.lsn).As<Napi::Object>();
  object.Set("hlc", FromU64(env, side.stamp.hlc));
  object.Set("value", side.text);
  return object;
}

Napi::Value FromText(Napi::Env env, const std::string& text) {
  return Napi::Buffer<char>::Copy(env, text.data(), text.size());
}

Napi::Value FromRegister(Napi::Env env, const RegisterReport& report) {
  auto object = Napi::Object::New(env);
  object.Set("register", report.which);
  if (!report.key.empty()) object.Set("key", FromText(env, report.key));
  if (report.link != LinkId()) {
    object.Set("link", FromOrigin(env, report.link.origin, report.link.lsn));
  }
  object.Set("here", FromSide(env, report.here));
  object.Set("there", FromSide(env, report.there));
  object.Set("mendAt", report.remedy == Remedy::kTake ? "here" : "there");
  object.Set("repaired", report.repaired);
  return object;
}

Napi::Value FromReport(Napi::Env env, const InodeReport& report) {
  auto object = Napi::Object::New(env);
  object.Set("inode", FromU64(env, report.inode));
  if (!report.path.empty()) object.Set("path", FromText(env, report.path));
  object.Set("liveHere", report.live_here);
  object.Set("liveThere", report.live_there);
  object.Set("tooLarge", report.too_large);
  auto registers = Napi::Array::New(env, report.registers.size());
  for (uint32_t i = 0; i < report.registers.size(); i++) {
    registers.Set(i, FromRegister(env, report.registers[i]));
  }
  object.Set("registers", registers);
  return object;
}

Napi::Value FromStatus(Napi::Env env, const ComparisonStatus& status) {
  auto object = Napi::Object::New(env);
  object.Set("equal", status.equal);
  object.Set("exchanges", FromCount(env, status.exchanges));
  object.Set("inodesHere", FromCount(env, status.inodes_here));
  object.Set("inodesThere", FromCount(env, status.inodes_there));
  object.Set("inodesListed", FromCount(env, status.inodes_listed));
  object.Set("inodesCompared", FromCount(env, status.inodes_compared));
  object.Set("inodesInFlight", FromCount(env, status.inodes_in_flight));
  object.Set("inodesDiffering", FromCount(env, status.inodes_differing));
  object.Set("registersDiffering", FromCount(env, status.registers_differing));
  object.Set("registersRepaired", FromCount(env, status.registers_repaired));
  object.Set("common", FromVersionVector(env, status.common));
  return object;
}

Napi::Value FromStep(Napi::Env env, Step step) {
  auto object = Napi::Object::New(env);
  if (step.question.has_value()) {
    object.Set("question", FromVector(env, std::move(*step.question)));
  }
  object.Set("status", FromStatus(env, step.status));
  auto reports = Napi::Array::New(env, step.reports.size());
  for (uint32_t i = 0; i < step.reports.size(); i++) {
    reports.Set(i, FromReport(env, step.reports[i]));
  }
  object.Set("reports", reports);
  return object;
}

}  // namespace

// (engine, question)
Napi::Value EngineAnswer(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  auto run = [engine, question = CopyBytes(info[1])] { return engine->Answer(ViewOf(question)); };
  return Work<Bytes8>::Start(info.Env(), run, FromVector);
}

// (engine, peer, inode, repair)
Napi::Value EngineCompare(const Napi::CallbackInfo& info) {
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  ComparisonOptions options;
  options.peer = static_cast<SiteId>(ToU32(info[1]));
  options.inode = ToU64(info[2]);
  options.repair = ToBool(info[3]);
  return Napi::External<ComparisonRef>::New(info.Env(), new ComparisonRef(engine->Compare(options)),
                                            [](Napi::Env, ComparisonRef* ref) { delete ref; });
}

// (comparison, answer); without an answer at first
Napi::Value ComparisonStep(const Napi::CallbackInfo& info) {
  const ComparisonRef comparison = *info[0].As<Napi::External<ComparisonRef>>().Data();
  const bool answered = !info[1].IsUndefined();
  auto run = [comparison, answered,
              answer = answered ? CopyBytes(info[1]) : std::string()]() -> Result<Step> {
    if (answered) CFS_RETURN_IF_ERROR(comparison->Take(ViewOf(answer)));
    return Step{comparison->Next(), comparison->status(), comparison->TakeReports()};
  };
  return Work<Step>::Start(info.Env(), run, FromStep);
}

}  // namespace cfsrepl::addon
