#include "addon/addon.h"

namespace cfsrepl::addon {

Napi::Value MakeError(Napi::Env env, const Status& status) {
  return DataOf(env).make_error.Call({Napi::String::New(env, std::string(CodeName(status.code()))),
                                      Napi::String::New(env, status.message())});
}

Napi::Value Throw(Napi::Env env, const Status& status) {
  napi_throw(env, MakeError(env, status));
  return Napi::Value();
}

bool CanRunJavaScript(Napi::Env env) {
  // Node-API refuses calls that could run JavaScript, such as setting a property, once it may not
  // run.
  napi_value probe;
  return napi_create_object(env, &probe) == napi_ok &&
         napi_set_element(env, probe, 0, probe) == napi_ok;
}

}  // namespace cfsrepl::addon
