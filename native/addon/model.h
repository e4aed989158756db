// `NativeModel`: every call a promise over the model's own thread; src/native/ says what each takes and gives.
#pragma once

#include <napi.h>

#include "call.h"

namespace phi3lab {

struct ModelPayload {
  std::shared_ptr<Session> session;
  std::shared_ptr<Dispatcher> dispatcher;
};

class NativeModel : public Napi::ObjectWrap<NativeModel> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit NativeModel(const Napi::CallbackInfo& info);

 private:
  Napi::Value device(const Napi::CallbackInfo& info);
  Napi::Value dtype(const Napi::CallbackInfo& info);
  Napi::Value create_cache(const Napi::CallbackInfo& info);
  Napi::Value forward(const Napi::CallbackInfo& info);
  Napi::Value lm_head(const Napi::CallbackInfo& info);
  Napi::Value apply(const Napi::CallbackInfo& info);
  Napi::Value embed(const Napi::CallbackInfo& info);
  Napi::Value summarise(const Napi::CallbackInfo& info);
  Napi::Value upload(const Napi::CallbackInfo& info);
  Napi::Value generate_greedy(const Napi::CallbackInfo& info);
  Napi::Value generate_greedy_batch(const Napi::CallbackInfo& info);
  Napi::Value step(const Napi::CallbackInfo& info);
  Napi::Value copy_cache(const Napi::CallbackInfo& info);
  Napi::Value start_profile(const Napi::CallbackInfo& info);
  Napi::Value stop_profile(const Napi::CallbackInfo& info);
  Napi::Value stream(const Napi::CallbackInfo& info);
  Napi::Value memory(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

  void check_open(Napi::Env env) const;
  // A tensor of this model, and a cache; null: undefined. Both throw for another model's.
  TensorRef own_tensor(const Napi::Value& value, const char* name) const;
  CacheRef own_cache(Napi::Env env, const Napi::Value& value, const char* name = "cache") const;
  // The `edits` of a call's options.
  EditRequests own_edits(const Napi::Object& options, const AbortRef& abort) const;
  // A promise for work that `read` makes of the call's arguments: what they lack rejects it, so that every failure of
  // an asynchronous call comes one way.
  Napi::Value ask(const Napi::CallbackInfo& info, const std::function<Work()>& read);

  ModelPayload it_;
  bool disposed_ = false;
};

}  // namespace phi3lab
