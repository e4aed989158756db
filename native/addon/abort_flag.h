// `AbortFlag`: set once from JavaScript, read between layers by a model's thread.
#pragma once

#include <napi.h>

#include <memory>

#include "native/model/session.h"

namespace phi3lab {

class AbortFlag : public Napi::ObjectWrap<AbortFlag> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit AbortFlag(const Napi::CallbackInfo& info) : ObjectWrap(info) {}

  // The flag among a call's options, or one that nobody sets.
  static AbortRef of(const Napi::Value& value);

 private:
  void abort(const Napi::CallbackInfo& info);
  Napi::Value aborted(const Napi::CallbackInfo& info);

  const AbortRef state_ = std::make_shared<AbortState>();
};

}  // namespace phi3lab
