// What every file of the addon shares: Node-API as configured for it, what belongs to one
// JavaScript environment (the main thread's, or a worker's), and errors.
//
// The addon decides nothing. It turns arguments into the engine's types, keeps memory alive for as
// long as the engine reads it, and brings results back to the JavaScript thread. bindings/ has
// checked the arguments. No state is global, so that several workers can load it at once.
#ifndef CFS_REPL_ADDON_ADDON_H_
#define CFS_REPL_ADDON_ADDON_H_

#ifndef NAPI_VERSION
#define NAPI_VERSION 9
#endif
#ifndef NAPI_DISABLE_CPP_EXCEPTIONS
#define NAPI_DISABLE_CPP_EXCEPTIONS
#endif
// A call that fails because its environment is ending is not an error.
#ifndef NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
#define NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS
#endif
#include <napi.h>

#include "base/status.h"

namespace cfsrepl::addon {

// One environment's. JavaScript thread only.
struct AddonData {
  Napi::FunctionReference make_error;     // (code, message) => CfsError
  Napi::FunctionReference format_uuid;    // (hi, lo) => string
  Napi::FunctionReference settle_append;  // see Factories in bindings/native.ts
  size_t jobs = 0;                        // on worker threads or waiting for one
};

inline AddonData& DataOf(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }

// The JavaScript error for a status that is not ok.
Napi::Value MakeError(Napi::Env env, const Status& status);

// Throws it. Returns what a function that threw returns.
Napi::Value Throw(Napi::Env env, const Status& status);

// False while a worker is being terminated or the process exits: then nothing can be settled.
bool CanRunJavaScript(Napi::Env env);

}  // namespace cfsrepl::addon

#endif  // CFS_REPL_ADDON_ADDON_H_
