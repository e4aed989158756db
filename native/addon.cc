// JavaScript ⇄ C++: what src/native.ts calls `Addon`. Every exception becomes a rejected promise or a thrown Error;
// results travel from the model's thread to JavaScript's through a Dispatcher. Nothing else includes js.h and js_*.h,
// and with them napi.h.
#include <algorithm>
#include <chrono>

#include "../cpu/path.h"
#include "../cpu/team.h"
#include "devices.h"
#include "js_model.h"

namespace phi3lab {
namespace {

WeightType weight_type(const Napi::Value& value, const std::string& name) {
  const std::string text = js::string(value, name);
  for (int i = 0; i <= static_cast<int>(WeightType::Q6_K); i++)
    if (text == format_of(static_cast<WeightType>(i)).name) return static_cast<WeightType>(i);
  throw Napi::Error::New(value.Env(),
                         "Expected F32, F16, BF16, Q4_0, Q4_1, Q8_0 or Q6_K for " + name + " but received " + text);
}

Entry entry(const Napi::Value& value, const std::string& name) {
  const Napi::Object object = js::object(value, name);
  return {js::string(object.Get("name"), name + ".name"), weight_type(object.Get("type"), name + ".type"),
          js::list(object.Get("shape"), name + ".shape",
                   [](const Napi::Value& v, const std::string& n) { return js::integer(v, n); }),
          js::integer(object, "file"), js::integer(object, "offset")};
}

Config config(const Napi::Object& object) {
  Config config;
  config.hidden_size = js::integer(object, "hidden_size");
  config.intermediate_size = js::integer(object, "intermediate_size");
  config.num_hidden_layers = js::integer(object, "num_hidden_layers");
  config.num_attention_heads = js::integer(object, "num_attention_heads");
  config.num_key_value_heads = js::integer(object, "num_key_value_heads");
  config.head_dim = js::integer(object, "head_dim");
  config.vocab_size = js::integer(object, "vocab_size");
  config.max_position_embeddings = js::integer(object, "max_position_embeddings");
  config.sliding_window = js::integer(object, "sliding_window", 0);
  config.rms_norm_eps = static_cast<float>(js::number(object, "rms_norm_eps"));
  config.rope_theta = js::number(object, "rope_theta");
  config.tie_word_embeddings = object.Get("tie_word_embeddings").ToBoolean();
  return config;
}

Napi::Value open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object options = js::object(info[0], "the options of open");
  OpenRequest request;
  request.device = js::string(options.Get("device"), "device");
  if (const Napi::Value value = options.Get("dtype"); !value.IsUndefined()) request.dtype = js::string(value, "dtype");
  if (const Napi::Value value = options.Get("kv_dtype"); !value.IsUndefined())
    request.kv_dtype = js::string(value, "kv_dtype");
  request.config = config(js::object(options.Get("config"), "config"));
  request.files = js::list(options.Get("files"), "files", js::string);
  request.entries = js::list(options.Get("weights"), "weights", entry);
  request.threads = static_cast<int>(js::integer(options, "threads", 0));
  if (const Napi::Value value = options.Get("compute"); !value.IsUndefined())
    request.compute = js::string(value, "compute");
  const auto abort = AbortFlag::of(options.Get("abort"));
  auto session = std::make_shared<Session>();
  auto dispatcher = std::make_shared<js::Dispatcher>(env);
  auto& sessions = addon_of(env).sessions;
  sessions.erase(std::remove_if(sessions.begin(), sessions.end(), [](const auto& one) { return one.expired(); }),
                 sessions.end());
  sessions.push_back(session);
  Progress progress;
  if (const Napi::Value value = options.Get("onProgress"); value.IsFunction()) {
    auto callback = std::make_shared<Napi::FunctionReference>(Napi::Persistent(value.As<Napi::Function>()));
    auto last = std::make_shared<std::chrono::steady_clock::time_point>();
    progress = [callback, dispatcher, last](int64_t placed, int64_t total) {
      const auto now = std::chrono::steady_clock::now();
      if (placed != 0 && placed != total && now - *last < std::chrono::milliseconds(30)) return;
      *last = now;
      dispatcher->post([callback, placed, total](Napi::Env to) {
        const Napi::HandleScope scope(to);
        try {
          callback->Call(
              {Napi::Number::New(to, static_cast<double>(placed)), Napi::Number::New(to, static_cast<double>(total))});
        } catch (const Napi::Error&) {
          // A progress bar that fails stops nothing.
        }
      });
    };
  }
  return promise(env, session, dispatcher,
                 [request, progress, abort, owner = session, dispatcher](Session& it) -> Finish {
                   it.open(request, abort, progress);
                   return [owner, dispatcher](Napi::Env to) -> Napi::Value {
                     return construct<ModelPayload>(addon_of(to).model, {owner, dispatcher});
                   };
                 });
}

Napi::Value cpu_info(const Napi::CallbackInfo& info) {
  auto object = Napi::Object::New(info.Env());
  auto paths = Napi::Array::New(info.Env());
  uint32_t i = 0;
  for (const cpu::Isa& isa : cpu::available_isas()) paths.Set(i++, cpu::isa_name(isa));
  object.Set("path", cpu::isa_name(cpu::choose_isa()));
  object.Set("paths", paths);
  object.Set("threads", cpu::thread_count());
  return object;
}

Napi::Value cuda_info(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const CudaStatus status = cuda_status();
  auto object = Napi::Object::New(env);
  auto devices = Napi::Array::New(env);
  uint32_t i = 0;
  for (const CudaDevice& one : status.devices) {
    auto device = Napi::Object::New(env);
    device.Set("index", one.index);
    device.Set("name", one.name);
    device.Set("memory_total", static_cast<double>(one.memory_total));
    device.Set("memory_free", static_cast<double>(one.memory_free));
    device.Set("capability", std::to_string(one.capability_major) + "." + std::to_string(one.capability_minor));
    devices.Set(i++, device);
  }
  object.Set("built", status.built);
  object.Set("driver_version", status.driver_version);
  object.Set("runtime_version", status.runtime_version);
  object.Set("problem", status.problem);
  object.Set("devices", devices);
  return object;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* addon = new Addon();
  env.SetInstanceData(addon);
  addon->abort_flag = Napi::Persistent(AbortFlag::define(env));
  addon->tensor = Napi::Persistent(NativeTensor::define(env));
  addon->cache = Napi::Persistent(NativeCache::define(env));
  addon->model = Napi::Persistent(NativeModel::define(env));
  // A process that ends stops the work under way before anything it uses is torn down.
  env.AddCleanupHook([addon] {
    for (const auto& weak : addon->sessions)
      if (const auto session = weak.lock()) session->shutdown();
  });
  exports.Set("AbortFlag", addon->abort_flag.Value());
  exports.Set("onOutOfMemory", Napi::Function::New(
                                   env,
                                   [](const Napi::CallbackInfo& info) {
                                     if (!info[0].IsFunction()) js::expected(info.Env(), "a function", "collect");
                                     addon_of(info.Env()).collect = Napi::Persistent(info[0].As<Napi::Function>());
                                   },
                                   "onOutOfMemory"));
  exports.Set("open", Napi::Function::New(env, open, "open"));
  exports.Set("cpu", Napi::Function::New(env, cpu_info, "cpu"));
  exports.Set("cuda", Napi::Function::New(env, cuda_info, "cuda"));
  return exports;
}

}  // namespace

NODE_API_MODULE(phi3lab, init)

}  // namespace phi3lab
