// `NativeModel`'s passes: whole ones, single modules, and what the head says of vectors.
#include <algorithm>

#include "abort_flag.h"
#include "cache.h"
#include "edits.h"
#include "environment.h"
#include "model.h"
#include "tensor.h"
#include "values.h"

namespace phi3lab {
namespace {

// [first, …] of an Int32Array; undefined: none.
std::optional<std::vector<int64_t>> places(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (value.IsUndefined()) return std::nullopt;
  const auto list = js::ids(value, name);
  return std::vector<int64_t>(list.begin(), list.end());
}

// Names, or objects with a name and what is kept of it.
TapRequests tap_requests(const Napi::Value& value) {
  TapRequests requests;
  if (value.IsUndefined()) return requests;
  js::list(value, "taps", [&](const Napi::Value& item, const std::string& its) {
    if (item.IsString()) {
      requests[js::string(item, its)] = {};
    } else {
      const Napi::Object object = js::object(item, its);
      requests[js::string(object.Get("name"), its + ".name")] = {places(object, "rows"), places(object, "heads")};
    }
    return true;
  });
  return requests;
}

template <typename Array, typename T>
Napi::Value array_of(Napi::Env env, const std::vector<T>& list) {
  auto array = Array::New(env, list.size());
  std::copy(list.begin(), list.end(), array.Data());
  return array;
}

// A module's role; "swiglu" has none.
std::optional<Role> role_of(const Napi::Value& value) {
  const std::string name = js::string(value, "module");
  if (name == "swiglu") return std::nullopt;
  const std::optional<Role> role = role_named(name);
  if (!role) js::expected(value.Env(), "a module's role", "module");
  return role;
}

}  // namespace

TensorRef NativeModel::own_tensor(const Napi::Value& value, const char* name) const {
  const TensorPayload& given = NativeTensor::of(value, name);
  if (given.session != it_.session)
    throw Napi::Error::New(value.Env(), std::string("Expected ") + name + " of this model");
  return given.tensor;
}

EditRequests NativeModel::own_edits(const Napi::Object& options, const AbortRef& abort) const {
  const auto own = [this](const Napi::Value& value) { return own_tensor(value, "the value of an edit"); };
  return edit_requests(options.Get("edits"), own, it_.dispatcher, abort);
}

Napi::Value NativeModel::forward(const Napi::CallbackInfo& info) {
  return ask(info, [&]() -> Work {
    const Napi::Object options = js::object(info[0], "the options of forward");
    ForwardRequest request;
    if (const Napi::Value value = options.Get("embeds"); !value.IsUndefined())
      request.embeds = own_tensor(value, "embeddings");
    else
      request.ids = js::ids(options.Get("ids"), "ids");
    request.cache = own_cache(info.Env(), options.Get("cache"));
    request.taps = tap_requests(options.Get("taps"));
    request.length = js::integer(options, "length", 0);
    request.layers = js::integer(options, "layers", 0);
    const AbortRef abort = AbortFlag::of(options.Get("abort"));
    request.edits = own_edits(options, abort);
    return [=, owner = it_.session](Session& session) -> Finish {
      const ForwardResult result = session.forward(request, abort);
      return [result, owner](Napi::Env env) -> Napi::Value {
        auto object = Napi::Object::New(env), kept = Napi::Object::New(env);
        const auto& make = environment_of(env).tensor;
        if (result.last_hidden_state)
          object.Set("last_hidden_state", construct<TensorPayload>(make, {owner, result.last_hidden_state}));
        for (const auto& [name, tensor] : result.taps) kept.Set(name, construct<TensorPayload>(make, {owner, tensor}));
        object.Set("taps", kept);
        return object;
      };
    };
  });
}

Napi::Value NativeModel::lm_head(const Napi::CallbackInfo& info) {
  return ask(info, [&]() -> Work {
    const TensorRef hidden = own_tensor(info[0], "hidden states");
    const int64_t start = js::integer(info[1], "start"), rows = js::integer(info[2], "rows");
    return [=, owner = it_.session](Session& session) -> Finish {
      const TensorRef logits = session.lm_head(hidden, start, rows, std::make_shared<AbortState>());
      return [logits, owner](Napi::Env env) -> Napi::Value {
        return construct<TensorPayload>(environment_of(env).tensor, {owner, logits});
      };
    };
  });
}

Napi::Value NativeModel::apply(const Napi::CallbackInfo& info) {
  return ask(info, [&]() -> Work {
    const std::optional<Role> role = role_of(info[0]);
    const int64_t layer = js::integer(info[1], "layer");
    const TensorRef input = own_tensor(info[2], "vectors");
    const int64_t start = js::integer(info[3], "start"), rows = js::integer(info[4], "rows");
    return [=, owner = it_.session](Session& session) -> Finish {
      const TensorRef out = session.apply(role, layer, input, start, rows, std::make_shared<AbortState>());
      return [out, owner](Napi::Env env) -> Napi::Value {
        return construct<TensorPayload>(environment_of(env).tensor, {owner, out});
      };
    };
  });
}

Napi::Value NativeModel::embed(const Napi::CallbackInfo& info) {
  return ask(info, [&]() -> Work {
    const auto ids = js::ids(info[0], "ids");
    return [=, owner = it_.session](Session& session) -> Finish {
      const TensorRef out = session.embed(ids, std::make_shared<AbortState>());
      return [out, owner](Napi::Env env) -> Napi::Value {
        return construct<TensorPayload>(environment_of(env).tensor, {owner, out});
      };
    };
  });
}

Napi::Value NativeModel::summarise(const Napi::CallbackInfo& info) {
  return ask(info, [&]() -> Work {
    const Napi::Object options = js::object(info[0], "the options of summarise");
    SummaryRequest request;
    request.hidden = own_tensor(options.Get("hidden"), "hidden states");
    request.start = js::integer(options, "start");
    request.rows = js::integer(options, "rows");
    request.norm = options.Get("norm").ToBoolean();
    request.k = js::integer(options, "k");
    request.group = js::integer(options, "group", 0);
    if (const Napi::Value value = options.Get("tokens"); !value.IsUndefined())
      request.tokens = js::ids(value, "tokens");
    if (request.rows < 1 || request.tokens.size() % static_cast<size_t>(request.rows) != 0)
      js::expected(info.Env(), "as many ids for each row", "tokens");
    const AbortRef abort = AbortFlag::of(options.Get("abort"));
    return [request, abort](Session& session) -> Finish {
      return [result = session.summarise(request, abort)](Napi::Env env) -> Napi::Value {
        auto object = Napi::Object::New(env);
        object.Set("ids", array_of<Napi::Int32Array>(env, result.ids));
        object.Set("logits", array_of<Napi::Float32Array>(env, result.logits));
        object.Set("logsumexp", array_of<Napi::Float32Array>(env, result.logsumexp));
        object.Set("entropy", array_of<Napi::Float32Array>(env, result.entropy));
        object.Set("divergence", array_of<Napi::Float32Array>(env, result.divergence));
        object.Set("token_logits", array_of<Napi::Float32Array>(env, result.token_logits));
        object.Set("token_ranks", array_of<Napi::Int32Array>(env, result.token_ranks));
        return object;
      };
    };
  });
}

}  // namespace phi3lab
