// What the addon keeps for one JavaScript environment (the main thread, or a worker thread), and how the classes that
// only the addon instantiates are made.
#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "native/model/session.h"

namespace phi3lab {

struct Environment {
  Napi::FunctionReference tensor, cache, model, abort_flag;
  Napi::FunctionReference collect;  // (done): collects JavaScript's garbage, then calls done
  std::vector<std::weak_ptr<Session>> sessions;
};

inline Environment& environment_of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

// What an object of such a class is made of: passed to its constructor as a pointer, in an External.
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

}  // namespace phi3lab
