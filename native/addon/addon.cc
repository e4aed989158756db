// JavaScript ⇄ C++: what src/native/addon.ts calls `Addon`. Every exception becomes a rejected promise or a thrown
// Error; results travel from a model's thread to JavaScript's through a Dispatcher. No other folder includes napi.h.
#include "abort_flag.h"
#include "cache.h"
#include "devices.h"
#include "environment.h"
#include "model.h"
#include "open.h"
#include "tensor.h"
#include "values.h"

namespace phi3lab {
namespace {

// (collect): what is called where a device has too little memory, with a function to call when that is done.
void on_out_of_memory(const Napi::CallbackInfo& info) {
  if (!info[0].IsFunction()) js::expected(info.Env(), "a function", "collect");
  environment_of(info.Env()).collect = Napi::Persistent(info[0].As<Napi::Function>());
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* environment = new Environment();
  env.SetInstanceData(environment);
  environment->abort_flag = Napi::Persistent(AbortFlag::define(env));
  environment->tensor = Napi::Persistent(NativeTensor::define(env));
  environment->cache = Napi::Persistent(NativeCache::define(env));
  environment->model = Napi::Persistent(NativeModel::define(env));
  // A process that ends stops the work under way before anything it uses is torn down.
  env.AddCleanupHook([environment] {
    for (const auto& weak : environment->sessions)
      if (const auto session = weak.lock()) session->shutdown();
  });
  exports.Set("AbortFlag", environment->abort_flag.Value());
  exports.Set("onOutOfMemory", Napi::Function::New(env, on_out_of_memory, "onOutOfMemory"));
  exports.Set("open", Napi::Function::New(env, open_model, "open"));
  exports.Set("cpu", Napi::Function::New(env, cpu_info, "cpu"));
  exports.Set("cuda", Napi::Function::New(env, cuda_info, "cuda"));
  return exports;
}

}  // namespace

NODE_API_MODULE(phi3lab, init)

}  // namespace phi3lab
