#include "values.h"

#include <cmath>

namespace phi3lab::js {

void expected(const Napi::Env& env, const std::string& what, const std::string& name) {
  throw Napi::TypeError::New(env, "Expected " + what + " for " + name);
}

int64_t integer(const Napi::Value& value, const std::string& name) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
  if (!(std::abs(number) <= 9007199254740991.0) || number != std::floor(number))
    expected(value.Env(), "an integer", name);
  return static_cast<int64_t>(number);
}

int64_t integer(const Napi::Object& object, const char* name) { return integer(object.Get(name), name); }

int64_t integer(const Napi::Object& object, const char* name, int64_t otherwise) {
  const Napi::Value value = object.Get(name);
  return value.IsUndefined() || value.IsNull() ? otherwise : integer(value, name);
}

double number(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsNumber()) expected(value.Env(), "a number", name);
  return value.As<Napi::Number>().DoubleValue();
}

std::string string(const Napi::Value& value, const std::string& name) {
  if (!value.IsString()) expected(value.Env(), "a string", name);
  return value.As<Napi::String>().Utf8Value();
}

std::string string(const Napi::Object& object, const char* name, const std::string& otherwise) {
  const Napi::Value value = object.Get(name);
  return value.IsUndefined() ? otherwise : string(value, name);
}

Napi::Object object(const Napi::Value& value, const std::string& name) {
  if (!value.IsObject()) expected(value.Env(), "an object", name);
  return value.As<Napi::Object>();
}

std::vector<int32_t> ids(const Napi::Value& value, const std::string& name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_int32_array)
    expected(value.Env(), "an Int32Array", name);
  const auto array = value.As<Napi::Int32Array>();
  return {array.Data(), array.Data() + array.ElementLength()};
}

std::vector<int64_t> integers(const Napi::Value& value, const std::string& name) {
  return list(value, name, [](const Napi::Value& item, const std::string& its) { return integer(item, its); });
}

std::vector<double> numbers(const Napi::Value& value, const std::string& name) {
  return list(value, name, [](const Napi::Value& item, const std::string& its) {
    if (!item.IsNumber()) expected(item.Env(), "a number", its);
    return item.As<Napi::Number>().DoubleValue();
  });
}

std::vector<std::string> strings(const Napi::Value& value, const std::string& name) {
  return list(value, name, [](const Napi::Value& item, const std::string& its) { return string(item, its); });
}

}  // namespace phi3lab::js
