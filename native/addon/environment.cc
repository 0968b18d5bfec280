// What an environment tells the addon, and the addon the environment, before anything else.
#include <isa-l.h>
#include <lz4.h>
#include <zstd.h>

#include <string>

#include "addon/functions.h"

#if __has_include(<liburing/io_uring_version.h>)
#include <liburing/io_uring_version.h>
#endif

namespace cfsrepl::addon {
namespace {

constexpr char kCoreVersion[] = "0.1.0";  // that of package.json; a test compares

std::string LiburingVersion() {
#ifdef IO_URING_VERSION_MAJOR
  return std::to_string(IO_URING_VERSION_MAJOR) + "." + std::to_string(IO_URING_VERSION_MINOR);
#else
  return "before 2.4";  // which was the first to say
#endif
}

}  // namespace

// (factories)
Napi::Value Initialize(const Napi::CallbackInfo& info) {
  auto factories = info[0].As<Napi::Object>();
  auto take = [&](const char* name) {
    return Napi::Persistent(factories.Get(name).As<Napi::Function>());
  };
  AddonData& data = DataOf(info.Env());
  data.make_error = take("makeError");
  data.format_uuid = take("formatUuid");
  data.settle_append = take("settleAppend");
  return info.Env().Undefined();
}

Napi::Value Versions(const Napi::CallbackInfo& info) {
  auto object = Napi::Object::New(info.Env());
  object.Set("core", kCoreVersion);
  object.Set("lz4", LZ4_versionString());
  object.Set("zstd", ZSTD_versionString());
  object.Set("isal", std::to_string(ISAL_MAJOR_VERSION) + "." + std::to_string(ISAL_MINOR_VERSION) +
                         "." + std::to_string(ISAL_PATCH_VERSION));
  object.Set("liburing", LiburingVersion());
  return object;
}

}  // namespace cfsrepl::addon
