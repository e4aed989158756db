// `NativeTensor`: a float32 array in the device's memory. Its bytes are known to the garbage collector.
#pragma once

#include <napi.h>

#include "native/model/session.h"

namespace phi3lab {

struct TensorPayload {
  std::shared_ptr<Session> session;
  TensorRef tensor;
};

class NativeTensor : public Napi::ObjectWrap<NativeTensor> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit NativeTensor(const Napi::CallbackInfo& info);
  void Finalize(Napi::Env env) override;

  static const TensorPayload& of(const Napi::Value& value, const char* name);

 private:
  Napi::Value dims(const Napi::CallbackInfo& info);
  Napi::Value nbytes(const Napi::CallbackInfo& info);
  // (start, count): a copy as a Float32Array.
  Napi::Value read(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);
  void account(Napi::Env env, int64_t bytes);

  TensorPayload it_;
  int64_t accounted_ = 0;
};

}  // namespace phi3lab
