#include "tensor.h"

#include "environment.h"
#include "values.h"

namespace phi3lab {

Napi::Function NativeTensor::define(Napi::Env env) {
  return DefineClass(env, "NativeTensor",
                     {InstanceAccessor("dims", &NativeTensor::dims, nullptr),
                      InstanceAccessor("nbytes", &NativeTensor::nbytes, nullptr),
                      InstanceMethod("read", &NativeTensor::read), InstanceMethod("dispose", &NativeTensor::dispose)});
}

NativeTensor::NativeTensor(const Napi::CallbackInfo& info) : ObjectWrap(info), it_(payload<TensorPayload>(info)) {
  account(info.Env(), it_.tensor->size() * 4);
}

void NativeTensor::Finalize(Napi::Env env) { account(env, -accounted_); }

const TensorPayload& NativeTensor::of(const Napi::Value& value, const char* name) {
  if (!value.IsObject() || !value.As<Napi::Object>().InstanceOf(environment_of(value.Env()).tensor.Value()))
    js::expected(value.Env(), "a NativeTensor", name);
  return Unwrap(value.As<Napi::Object>())->it_;
}

Napi::Value NativeTensor::dims(const Napi::CallbackInfo& info) {
  auto array = Napi::Array::New(info.Env(), it_.tensor->dims.size());
  for (uint32_t i = 0; i < it_.tensor->dims.size(); i++) array.Set(i, static_cast<double>(it_.tensor->dims[i]));
  return array;
}

Napi::Value NativeTensor::nbytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(it_.tensor->size() * 4));
}

Napi::Value NativeTensor::read(const Napi::CallbackInfo& info) {
  const int64_t start = js::integer(info[0], "start"), count = js::integer(info[1], "count");
  if (count < 0 || start < 0 || start > it_.tensor->size() || count > it_.tensor->size() - start)
    throw Napi::RangeError::New(info.Env(), "Expected elements from 0 to " + std::to_string(it_.tensor->size()) +
                                                " but received " + std::to_string(count) + " from " +
                                                std::to_string(start) + " on");
  auto array = Napi::Float32Array::New(info.Env(), static_cast<size_t>(count));
  it_.session->read(array.Data(), *it_.tensor, start, count);
  return array;
}

void NativeTensor::dispose(const Napi::CallbackInfo& info) {
  account(info.Env(), -accounted_);
  // Work that waits in the queue may still read the tensor.
  it_.session->worker().post([tensor = it_.tensor] { tensor->buffer.reset(); });
}

void NativeTensor::account(Napi::Env env, int64_t bytes) {
  accounted_ += bytes;
  if (bytes != 0) Napi::MemoryManagement::AdjustExternalMemory(env, bytes);
}

}  // namespace phi3lab
