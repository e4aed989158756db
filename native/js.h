// Reading JavaScript values with sentences for what does not fit, and running work on a model's thread as a promise.
// Only the addon's files include this one and napi.h.
#pragma once

#include <napi.h>

#include <atomic>
#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace phi3lab::js {

[[noreturn]] inline void expected(const Napi::Env& env, const std::string& what, const std::string& name) {
  throw Napi::TypeError::New(env, "Expected " + what + " for " + name);
}

inline int64_t integer(const Napi::Value& value, const std::string& name) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
  if (!(std::abs(number) <= 9007199254740991.0) || number != std::floor(number))
    expected(value.Env(), "an integer", name);
  return static_cast<int64_t>(number);
}

inline int64_t integer(const Napi::Object& object, const char* name) { return integer(object.Get(name), name); }

// Absent or undefined: the default.
inline int64_t integer(const Napi::Object& object, const char* name, int64_t otherwise) {
  const Napi::Value value = object.Get(name);
  return value.IsUndefined() || value.IsNull() ? otherwise : integer(value, name);
}

inline double number(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsNumber()) expected(value.Env(), "a number", name);
  return value.As<Napi::Number>().DoubleValue();
}

inline std::string string(const Napi::Value& value, const std::string& name) {
  if (!value.IsString()) expected(value.Env(), "a string", name);
  return value.As<Napi::String>().Utf8Value();
}

inline Napi::Object object(const Napi::Value& value, const std::string& name) {
  if (!value.IsObject()) expected(value.Env(), "an object", name);
  return value.As<Napi::Object>();
}

template <typename Read>
auto list(const Napi::Value& value, const std::string& name, const Read& read) {
  if (!value.IsArray()) expected(value.Env(), "an array", name);
  const auto array = value.As<Napi::Array>();
  std::vector<decltype(read(Napi::Value(), name))> items;
  items.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); i++) {
    const Napi::HandleScope scope(value.Env());
    items.push_back(read(array.Get(i), name + "[" + std::to_string(i) + "]"));
  }
  return items;
}

inline std::vector<int32_t> ids(const Napi::Value& value, const std::string& name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array)
    expected(value.Env(), "an Int32Array", name);
  const auto array = value.As<Napi::Int32Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

// Brings results from a model's thread to JavaScript's. Holds the process open only while something is pending.
class Dispatcher {
 public:
  using Task = std::function<void(Napi::Env)>;

  explicit Dispatcher(Napi::Env env)
      : function_(Napi::ThreadSafeFunction::New(env, Napi::Function(), "phi3lab", 0, 1,
                                                [gone = gone_](Napi::Env) { *gone = true; })) {
    function_.Unref(env);
  }
  // A process that ends closes the function itself, before the objects that hold this go.
  ~Dispatcher() {
    if (!*gone_) function_.Release();
  }
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // From any thread. A process that is ending never runs the task, nor frees it: what it holds is JavaScript's.
  void post(Task task) {
    function_.NonBlockingCall(new Task(std::move(task)), [](Napi::Env env, Napi::Function, Task* owned) {
      if (!static_cast<napi_env>(env)) return;
      const std::unique_ptr<Task> it(owned);
      (*it)(env);
    });
  }
  // From JavaScript's thread, around each promise.
  void begin(Napi::Env env) {
    if (pending_++ == 0) function_.Ref(env);
  }
  void end(Napi::Env env) {
    if (--pending_ == 0) function_.Unref(env);
  }

 private:
  const std::shared_ptr<std::atomic<bool>> gone_ = std::make_shared<std::atomic<bool>>(false);
  Napi::ThreadSafeFunction function_;
  int pending_ = 0;
};

}  // namespace phi3lab::js
