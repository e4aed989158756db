#include "model.h"

#include "cache.h"
#include "environment.h"
#include "profile.h"
#include "tensor.h"
#include "values.h"

namespace phi3lab {

Napi::Function NativeModel::define(Napi::Env env) {
  return DefineClass(
      env, "NativeModel",
      {InstanceAccessor("device", &NativeModel::device, nullptr),
       InstanceAccessor("dtype", &NativeModel::dtype, nullptr),
       InstanceMethod("createCache", &NativeModel::create_cache), InstanceMethod("forward", &NativeModel::forward),
       InstanceMethod("lmHead", &NativeModel::lm_head), InstanceMethod("apply", &NativeModel::apply),
       InstanceMethod("embed", &NativeModel::embed), InstanceMethod("summarise", &NativeModel::summarise),
       InstanceMethod("upload", &NativeModel::upload), InstanceMethod("generateGreedy", &NativeModel::generate_greedy),
       InstanceMethod("generateGreedyBatch", &NativeModel::generate_greedy_batch),
       InstanceMethod("step", &NativeModel::step), InstanceMethod("copyCache", &NativeModel::copy_cache),
       InstanceMethod("startProfile", &NativeModel::start_profile),
       InstanceMethod("stopProfile", &NativeModel::stop_profile), InstanceMethod("stream", &NativeModel::stream),
       InstanceMethod("memory", &NativeModel::memory), InstanceMethod("dispose", &NativeModel::dispose)});
}

NativeModel::NativeModel(const Napi::CallbackInfo& info) : ObjectWrap(info), it_(payload<ModelPayload>(info)) {}

void NativeModel::check_open(Napi::Env env) const {
  if (disposed_) throw Napi::Error::New(env, Session::kDisposed);
}

Napi::Value NativeModel::ask(const Napi::CallbackInfo& info, const std::function<Work()>& read) {
  try {
    check_open(info.Env());
    return promise(info.Env(), it_.session, it_.dispatcher, read());
  } catch (const Napi::Error& error) {
    auto deferred = Napi::Promise::Deferred::New(info.Env());
    deferred.Reject(error.Value());
    return deferred.Promise();
  }
}

Napi::Value NativeModel::device(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), it_.session->device());
}

Napi::Value NativeModel::dtype(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), it_.session->dtype());
}

Napi::Value NativeModel::create_cache(const Napi::CallbackInfo& info) {
  check_open(info.Env());
  return construct<CachePayload>(environment_of(info.Env()).cache, {it_.session, it_.session->make_cache()});
}

CacheRef NativeModel::own_cache(Napi::Env env, const Napi::Value& value, const char* name) const {
  if (value.IsUndefined()) return nullptr;
  const CachePayload& given = NativeCache::of(value, name);
  if (given.session != it_.session) throw Napi::Error::New(env, "Expected a cache of this model");
  return given.cache;
}

Napi::Value NativeModel::upload(const Napi::CallbackInfo& info) {
  check_open(info.Env());
  if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_float32_array)
    js::expected(info.Env(), "a Float32Array", "data");
  const auto data = info[0].As<Napi::Float32Array>();
  const auto dims = js::integers(info[1], "dims");
  int64_t size = 1;
  for (int64_t dim : dims) {
    if (dim < 0 || (dim > 0 && size > INT64_MAX / 8 / dim)) js::expected(info.Env(), "sizes that fit", "dims");
    size *= dim;
  }
  if (size != static_cast<int64_t>(data.ElementLength()))
    throw Napi::Error::New(info.Env(), "Expected " + std::to_string(size) + " numbers for these dims but received " +
                                           std::to_string(data.ElementLength()));
  return construct<TensorPayload>(environment_of(info.Env()).tensor,
                                  {it_.session, it_.session->upload(data.Data(), dims)});
}

Napi::Value NativeModel::start_profile(const Napi::CallbackInfo& info) {
  return ask(info, []() -> Work {
    return [](Session& session) -> Finish {
      session.start_profile();
      return [](Napi::Env env) { return env.Undefined(); };
    };
  });
}

Napi::Value NativeModel::stop_profile(const Napi::CallbackInfo& info) {
  return ask(info, []() -> Work {
    return [](Session& session) -> Finish {
      return [profile = session.stop_profile(), layers = session.config().num_hidden_layers](Napi::Env env) {
        return profile_result(env, profile, layers);
      };
    };
  });
}

Napi::Value NativeModel::stream(const Napi::CallbackInfo& info) {
  return ask(info, []() -> Work {
    return [](Session& session) -> Finish {
      return [rate = session.stream()](Napi::Env env) { return Napi::Number::New(env, rate); };
    };
  });
}

Napi::Value NativeModel::memory(const Napi::CallbackInfo& info) {
  const Memory memory = it_.session->memory();
  auto object = Napi::Object::New(info.Env());
  object.Set("weights", static_cast<double>(memory.weights));
  object.Set("cache", static_cast<double>(memory.cache));
  object.Set("workspace", static_cast<double>(memory.workspace));
  return object;
}

Napi::Value NativeModel::dispose(const Napi::CallbackInfo& info) {
  disposed_ = true;
  return promise(info.Env(), it_.session, it_.dispatcher, [owner = it_.session](Session& session) -> Finish {
    session.dispose();
    return [owner](Napi::Env env) {
      owner->shutdown();  // nothing can be asked of it any more
      return env.Undefined();
    };
  });
}

}  // namespace phi3lab
