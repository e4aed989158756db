// `NativeCache`: keys and values of one sequence.
#pragma once

#include <napi.h>

#include "native/model/session.h"

namespace phi3lab {

struct CachePayload {
  std::shared_ptr<Session> session;
  CacheRef cache;
};

class NativeCache : public Napi::ObjectWrap<NativeCache> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit NativeCache(const Napi::CallbackInfo& info);

  static const CachePayload& of(const Napi::Value& value, const char* name);

 private:
  Session::CacheSize size(Napi::Env env);
  Napi::Value length(const Napi::CallbackInfo& info);
  Napi::Value capacity(const Napi::CallbackInfo& info);
  Napi::Value nbytes(const Napi::CallbackInfo& info);
  // (length): forgets every position from there on.
  void truncate(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  CachePayload it_;
};

}  // namespace phi3lab
