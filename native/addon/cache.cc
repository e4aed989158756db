#include "cache.h"

#include "environment.h"
#include "values.h"

namespace phi3lab {
namespace {

Napi::Value number(const Napi::CallbackInfo& info, int64_t value) {
  return Napi::Number::New(info.Env(), static_cast<double>(value));
}

}  // namespace

Napi::Function NativeCache::define(Napi::Env env) {
  return DefineClass(
      env, "NativeCache",
      {InstanceAccessor("length", &NativeCache::length, nullptr),
       InstanceAccessor("capacity", &NativeCache::capacity, nullptr),
       InstanceAccessor("nbytes", &NativeCache::nbytes, nullptr), InstanceMethod("truncate", &NativeCache::truncate),
       InstanceMethod("dispose", &NativeCache::dispose)});
}

NativeCache::NativeCache(const Napi::CallbackInfo& info) : ObjectWrap(info), it_(payload<CachePayload>(info)) {}

const CachePayload& NativeCache::of(const Napi::Value& value, const char* name) {
  if (!value.IsObject() || !value.As<Napi::Object>().InstanceOf(environment_of(value.Env()).cache.Value()))
    js::expected(value.Env(), "a NativeCache", name);
  return Unwrap(value.As<Napi::Object>())->it_;
}

Session::CacheSize NativeCache::size(Napi::Env env) {
  try {
    return it_.session->size_of(*it_.cache);
  } catch (const std::exception& error) {
    throw Napi::Error::New(env, error.what());
  }
}

Napi::Value NativeCache::length(const Napi::CallbackInfo& info) { return number(info, it_.cache->length); }

Napi::Value NativeCache::capacity(const Napi::CallbackInfo& info) { return number(info, size(info.Env()).capacity); }

Napi::Value NativeCache::nbytes(const Napi::CallbackInfo& info) {
  return number(info, static_cast<int64_t>(size(info.Env()).bytes));
}

void NativeCache::truncate(const Napi::CallbackInfo& info) {
  const int64_t length = js::integer(info[0], "length");
  size(info.Env());
  SequenceCache& mine = *it_.cache;
  if (length < 0 || length > mine.length)
    throw Napi::RangeError::New(info.Env(), "Expected a length from 0 to " + std::to_string(mine.length) +
                                                " but received " + std::to_string(length));
  mine.length = length;
}

void NativeCache::dispose(const Napi::CallbackInfo&) {
  // The session outlives its queue, and must not be owned by its own thread.
  it_.session->worker().post([session = it_.session.get(), cache = it_.cache] { session->drop(*cache); });
}

}  // namespace phi3lab
