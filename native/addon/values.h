// Reading JavaScript values with sentences for what does not fit.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

namespace phi3lab::js {

[[noreturn]] void expected(const Napi::Env& env, const std::string& what, const std::string& name);

int64_t integer(const Napi::Value& value, const std::string& name);
int64_t integer(const Napi::Object& object, const char* name);
// Absent, undefined or null: the default.
int64_t integer(const Napi::Object& object, const char* name, int64_t otherwise);
double number(const Napi::Object& object, const char* name);
std::string string(const Napi::Value& value, const std::string& name);
// Absent or undefined: the default.
std::string string(const Napi::Object& object, const char* name, const std::string& otherwise);
Napi::Object object(const Napi::Value& value, const std::string& name);
// An Int32Array's numbers.
std::vector<int32_t> ids(const Napi::Value& value, const std::string& name);

// An array's items, each as `read` (value, name) gives it.
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
std::vector<int64_t> integers(const Napi::Value& value, const std::string& name);
std::vector<double> numbers(const Napi::Value& value, const std::string& name);
std::vector<std::string> strings(const Napi::Value& value, const std::string& name);

}  // namespace phi3lab::js
