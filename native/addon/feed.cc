#include <utility>

#include "addon/engine_handle.h"
#include "addon/functions.h"
#include "addon/values.h"
#include "addon/work.h"
#include "engine/engine.h"

namespace cfsrepl::addon {
namespace {

using SharedFeed = std::shared_ptr<FeedHandle>;
using MaybeFrame = std::optional<SealedFrame>;

SharedFeed FeedOf(Napi::Value external) {
  return *external.As<Napi::External<SharedFeed>>().Data();
}

Napi::Value FromFrame(Napi::Env env, MaybeFrame frame) {
  if (!frame.has_value()) return env.Undefined();
  auto object = Napi::Object::New(env);
  object.Set("summary", FromSummary(env, frame->summary));
  object.Set("entriesIn", frame->entries_in);
  object.Set("rawBytesIn", FromCount(env, frame->raw_bytes_in));
  object.Set("shards", FromShards(env, frame->shards));
  object.Set("bytes", FromOwned(env, frame->bytes, std::move(frame->owner)));
  return object;
}

// Worker thread.
Result<MaybeFrame> Next(FeedHandle* handle, const FeedOptions& options, uint64_t generation) {
  std::lock_guard lock(handle->mutex);
  if (handle->feed == nullptr) return Status(Code::kClosed, "the feed is closed");
  auto frame = handle->feed->Next(options);
  if (frame.ok() && !frame.value().has_value()) {
    handle->dry_forward = options.forward;
    handle->dry_generation = generation;
  }
  return frame;
}

FeedOptions ReadOptions(const Napi::CallbackInfo& info) {
  FeedOptions options;
  options.codec = static_cast<Codec>(ToU32(info[1]));
  options.level = info[2].As<Napi::Number>().Int32Value();
  options.compact = ToBool(info[3]);
  options.forward = ToBool(info[4]);
  options.raw_bytes_target = ToU32(info[5]);
  return options;
}

}  // namespace

// (engine, cursors, forward)
Napi::Value EngineOpenFeed(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto engine = EngineHandle::EngineOf(info);
  if (engine == nullptr) return Napi::Value();
  const bool forward = info[2].As<Napi::Boolean>().Value();
  auto held = ToCursors(info[1]);
  auto opened = forward ? engine->OpenForwardingFeed(held) : engine->OpenFeed(held);
  if (!opened.ok()) return Throw(env, opened.status());
  auto handle = EngineHandle::Of(info[0]);
  auto feed = std::make_shared<FeedHandle>();
  feed->feed = std::move(opened).value();
  feed->engine = handle;
  handle->Remember(feed);
  return Napi::External<SharedFeed>::New(env, new SharedFeed(feed),
                                         [](Napi::Env, SharedFeed* shared) { delete shared; });
}

// (feed, codec, level, compact, forward, rawBytesTarget)
Napi::Value FeedNext(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto feed = FeedOf(info[0]);
  auto engine = feed->engine.lock();
  if (feed->closed || engine == nullptr || engine->engine() == nullptr) {
    return Throw(env, Status(Code::kClosed, "the feed is closed"));
  }
  if (feed->busy) {
    return Throw(env,
                 Status(Code::kInvalidArgument,
                        "next was called before the previous next had ended, expected one at a "
                        "time"));
  }
  const FeedOptions options = ReadOptions(info);
  // Read before the feed is: what becomes durable in between makes the next call look again.
  const uint64_t generation = engine->durable_generation;
  if (feed->dry_generation == generation && feed->dry_forward == options.forward) {
    return env.Undefined();
  }
  auto run = [feed, options, generation] { return Next(feed.get(), options, generation); };
  auto always = [feed](Napi::Env) { feed->busy = false; };
  feed->busy = true;
  return Work<MaybeFrame>::StartAlways(env, run, FromFrame, always);
}

// (feed)
Napi::Value FeedClose(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto feed = FeedOf(info[0]);
  if (std::exchange(feed->closed, true)) return env.Undefined();
  if (!feed->busy) {
    std::lock_guard lock(feed->mutex);
    feed->feed.reset();
  }
  return env.Undefined();
}

}  // namespace cfsrepl::addon
