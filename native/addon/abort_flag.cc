#include "abort_flag.h"

#include "environment.h"
#include "values.h"

namespace phi3lab {

Napi::Function AbortFlag::define(Napi::Env env) {
  return DefineClass(
      env, "AbortFlag",
      {InstanceMethod("abort", &AbortFlag::abort), InstanceAccessor("aborted", &AbortFlag::aborted, nullptr)});
}

AbortRef AbortFlag::of(const Napi::Value& value) {
  if (value.IsUndefined() || value.IsNull()) return std::make_shared<AbortState>();
  if (!value.IsObject() || !value.As<Napi::Object>().InstanceOf(environment_of(value.Env()).abort_flag.Value()))
    js::expected(value.Env(), "an AbortFlag", "abort");
  return Unwrap(value.As<Napi::Object>())->state_;
}

void AbortFlag::abort(const Napi::CallbackInfo&) { state_->aborted = true; }

Napi::Value AbortFlag::aborted(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), state_->aborted);
}

}  // namespace phi3lab
