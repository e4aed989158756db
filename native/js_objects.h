// The objects that JavaScript holds: an abort flag, a tensor, a cache. Part of the addon: addon.cc includes it.
#pragma once

#include <memory>
#include <vector>

#include "js.h"
#include "session.h"

namespace phi3lab {

// What the addon keeps for one JavaScript environment (the main thread, or a worker thread).
struct Addon {
  Napi::FunctionReference tensor, cache, model, abort_flag;
  Napi::FunctionReference collect;  // (done): collects JavaScript's garbage, then calls done
  std::vector<std::weak_ptr<Session>> sessions;
};

inline Addon& addon_of(Napi::Env env) { return *env.GetInstanceData<Addon>(); }

inline std::string no_model() { return "The model was disposed; load it again with from_pretrained"; }

class AbortFlag : public Napi::ObjectWrap<AbortFlag> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "AbortFlag",
        {InstanceMethod("abort", &AbortFlag::abort), InstanceAccessor("aborted", &AbortFlag::aborted, nullptr)});
  }
  explicit AbortFlag(const Napi::CallbackInfo& info) : ObjectWrap(info) {}
  void abort(const Napi::CallbackInfo&) { state->aborted = true; }
  Napi::Value aborted(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), state->aborted); }

  // The flag among a call's options, or one that nobody sets.
  static std::shared_ptr<AbortState> of(const Napi::Value& value) {
    if (value.IsUndefined() || value.IsNull()) return std::make_shared<AbortState>();
    if (!value.IsObject() || !value.As<Napi::Object>().InstanceOf(addon_of(value.Env()).abort_flag.Value()))
      js::expected(value.Env(), "an AbortFlag", "abort");
    return Unwrap(value.As<Napi::Object>())->state;
  }

  const std::shared_ptr<AbortState> state = std::make_shared<AbortState>();
};

// A tensor or cache: a class whose instances only this addon makes, from a pointer that is passed as an External.
template <typename Payload>
Payload payload(const Napi::CallbackInfo& info) {
  if (info.Length() != 1 || !info[0].IsExternal())
    throw Napi::TypeError::New(info.Env(), "This class is made by a model, not by new");
  return *info[0].As<Napi::External<Payload>>().Data();
}
template <typename Payload>
Napi::Object construct(const Napi::FunctionReference& constructor, Payload value) {
  return constructor.New({Napi::External<Payload>::New(constructor.Env(), &value)});
}

struct TensorPayload {
  std::shared_ptr<Session> session;
  TensorRef tensor;
};

class NativeTensor : public Napi::ObjectWrap<NativeTensor> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "NativeTensor",
        {InstanceAccessor("dims", &NativeTensor::dims, nullptr),
         InstanceAccessor("nbytes", &NativeTensor::nbytes, nullptr), InstanceMethod("read", &NativeTensor::read),
         InstanceMethod("dispose", &NativeTensor::dispose)});
  }
  explicit NativeTensor(const Napi::CallbackInfo& info) : ObjectWrap(info), it_(payload<TensorPayload>(info)) {
    account(info.Env(), it_.tensor->size() * 4);
  }
  void Finalize(Napi::Env env) override { account(env, -accounted_); }

  static const TensorPayload& of(const Napi::Value& value, const char* name) {
    if (!value.IsObject() || !value.As<Napi::Object>().InstanceOf(addon_of(value.Env()).tensor.Value()))
      js::expected(value.Env(), "a NativeTensor", name);
    return Unwrap(value.As<Napi::Object>())->it_;
  }

 private:
  Napi::Value dims(const Napi::CallbackInfo& info) {
    auto array = Napi::Array::New(info.Env(), it_.tensor->dims.size());
    for (uint32_t i = 0; i < it_.tensor->dims.size(); i++) array.Set(i, static_cast<double>(it_.tensor->dims[i]));
    return array;
  }
  Napi::Value nbytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(it_.tensor->size() * 4));
  }
  Napi::Value read(const Napi::CallbackInfo& info) {
    const int64_t start = js::integer(info[0], "start"), count = js::integer(info[1], "count");
    if (count < 0 || start < 0 || start > it_.tensor->size() || count > it_.tensor->size() - start)
      throw Napi::RangeError::New(info.Env(), "Expected elements from 0 to " + std::to_string(it_.tensor->size()) +
                                                  " but received " + std::to_string(count) + " from " +
                                                  std::to_string(start) + " on");
    auto array = Napi::Float32Array::New(info.Env(), static_cast<size_t>(count));
    it_.session->read(array.Data(), *it_.tensor, start, count);
    return array;
  }
  void dispose(const Napi::CallbackInfo& info) {
    account(info.Env(), -accounted_);
    // Work that waits in the queue may still read the tensor.
    it_.session->worker().post([tensor = it_.tensor] { tensor->buffer.reset(); });
  }
  void account(Napi::Env env, int64_t bytes) {
    accounted_ += bytes;
    if (bytes != 0) Napi::MemoryManagement::AdjustExternalMemory(env, bytes);
  }

  TensorPayload it_;
  int64_t accounted_ = 0;
};

struct CachePayload {
  std::shared_ptr<Session> session;
  CacheRef cache;
};

class NativeCache : public Napi::ObjectWrap<NativeCache> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "NativeCache",
        {InstanceAccessor("length", &NativeCache::length, nullptr),
         InstanceAccessor("capacity", &NativeCache::capacity, nullptr),
         InstanceAccessor("nbytes", &NativeCache::nbytes, nullptr), InstanceMethod("truncate", &NativeCache::truncate),
         InstanceMethod("dispose", &NativeCache::dispose)});
  }
  explicit NativeCache(const Napi::CallbackInfo& info) : ObjectWrap(info), it_(payload<CachePayload>(info)) {}

  static const CachePayload& of(const Napi::Value& value, const char* name) {
    if (!value.IsObject() || !value.As<Napi::Object>().InstanceOf(addon_of(value.Env()).cache.Value()))
      js::expected(value.Env(), "a NativeCache", name);
    return Unwrap(value.As<Napi::Object>())->it_;
  }

 private:
  Session::CacheSize size(Napi::Env env) {
    try {
      return it_.session->size_of(*it_.cache);
    } catch (const std::exception& error) {
      throw Napi::Error::New(env, error.what());
    }
  }
  Napi::Value length(const Napi::CallbackInfo& info) { return number(info, it_.cache->length); }
  Napi::Value capacity(const Napi::CallbackInfo& info) { return number(info, size(info.Env()).capacity); }
  Napi::Value nbytes(const Napi::CallbackInfo& info) {
    return number(info, static_cast<int64_t>(size(info.Env()).bytes));
  }
  void truncate(const Napi::CallbackInfo& info) {
    const int64_t length = js::integer(info[0], "length");
    size(info.Env());
    SequenceCache& mine = *it_.cache;
    if (length < 0 || length > mine.length)
      throw Napi::RangeError::New(info.Env(), "Expected a length from 0 to " + std::to_string(mine.length) +
                                                  " but received " + std::to_string(length));
    mine.length = length;
  }
  void dispose(const Napi::CallbackInfo&) {
    // The session outlives its queue, and must not be owned by its own thread.
    it_.session->worker().post([session = it_.session.get(), cache = it_.cache] { session->drop(*cache); });
  }
  static Napi::Value number(const Napi::CallbackInfo& info, int64_t value) {
    return Napi::Number::New(info.Env(), static_cast<double>(value));
  }

  CachePayload it_;
};

}  // namespace phi3lab
