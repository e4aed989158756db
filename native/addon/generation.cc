// `NativeModel`'s generations: of one text, of several at once, and single steps of several.
#include <algorithm>

#include "abort_flag.h"
#include "environment.h"
#include "model.h"
#include "tensor.h"
#include "values.h"

namespace phi3lab {
namespace {

// Tells JavaScript of each token, in order, as they come. The callback's reference is freed on JavaScript's thread: the
// promise's result is the last to hold it. A callback that throws stops the generation.
std::function<void(int32_t, int64_t)> token_callback(const Napi::Value& value,
                                                     const std::shared_ptr<Dispatcher>& dispatcher,
                                                     const AbortRef& abort) {
  if (!value.IsFunction()) return {};
  auto callback = std::make_shared<Napi::FunctionReference>(Napi::Persistent(value.As<Napi::Function>()));
  return [callback, dispatcher, abort](int32_t id, int64_t index) {
    dispatcher->post([callback, abort, id, index](Napi::Env to) {
      const Napi::HandleScope scope(to);
      try {
        callback->Call({Napi::Number::New(to, id), Napi::Number::New(to, static_cast<double>(index))});
      } catch (const Napi::Error&) {
        abort->aborted = true;
      }
    });
  };
}

Napi::Value generated(Napi::Env env, const GreedyResult& result) {
  auto object = Napi::Object::New(env);
  auto tokens = Napi::Int32Array::New(env, result.tokens.size());
  std::copy(result.tokens.begin(), result.tokens.end(), tokens.Data());
  auto times = Napi::Float64Array::New(env, result.token_ms.size());
  std::copy(result.token_ms.begin(), result.token_ms.end(), times.Data());
  object.Set("tokens", tokens);
  object.Set("prompt_ms", result.prompt_ms);
  object.Set("token_ms", times);
  object.Set("aborted", result.aborted);
  return object;
}

std::vector<int32_t> eos_of(const Napi::Object& options) {
  std::vector<int32_t> eos;
  for (int64_t id : js::integers(options.Get("eos_token_id"), "eos_token_id")) eos.push_back(static_cast<int32_t>(id));
  return eos;
}

}  // namespace

Napi::Value NativeModel::generate_greedy(const Napi::CallbackInfo& info) {
  return ask(info, [&]() -> Work {
    const Napi::Object options = js::object(info[0], "the options of generateGreedy");
    GreedyRequest request;
    request.ids = js::ids(options.Get("ids"), "ids");
    request.stopping.max_new_tokens = js::integer(options, "max_new_tokens");
    request.stopping.min_new_tokens = js::integer(options, "min_new_tokens", 0);
    request.chunk = js::integer(options, "chunk", 0);
    request.length = js::integer(options, "length", 0);
    request.use_cache = options.Get("use_cache").ToBoolean();
    request.cache = own_cache(info.Env(), options.Get("cache"));
    request.stopping.eos = eos_of(options);
    const AbortRef abort = AbortFlag::of(options.Get("abort"));
    request.edits = own_edits(options, abort);
    request.on_token = token_callback(options.Get("onToken"), it_.dispatcher, abort);
    return [request, abort](Session& session) -> Finish {
      return [result = session.generate_greedy(request, abort)](Napi::Env env) { return generated(env, result); };
    };
  });
}

Napi::Value NativeModel::generate_greedy_batch(const Napi::CallbackInfo& info) {
  return ask(info, [&]() -> Work {
    const Napi::Object options = js::object(info[0], "the options of generateGreedyBatch");
    GreedyBatchRequest request;
    request.stopping.min_new_tokens = js::integer(options, "min_new_tokens", 0);
    request.stopping.eos = eos_of(options);
    request.length = js::integer(options, "length", 0);
    js::list(options.Get("texts"), "texts", [&](const Napi::Value& item, const std::string& its) {
      const Napi::Object text = js::object(item, its);
      request.texts.push_back({js::ids(text.Get("ids"), "ids"), js::integer(text, "max_new_tokens"),
                               own_cache(info.Env(), text.Get("cache"))});
      return true;
    });
    const AbortRef abort = AbortFlag::of(options.Get("abort"));
    return [request, abort](Session& session) -> Finish {
      return [results = session.generate_greedy(request, abort)](Napi::Env env) {
        auto list = Napi::Array::New(env, results.size());
        for (size_t i = 0; i < results.size(); i++) list[static_cast<uint32_t>(i)] = generated(env, results[i]);
        return list;
      };
    };
  });
}

Napi::Value NativeModel::step(const Napi::CallbackInfo& info) {
  return ask(info, [&]() -> Work {
    const Napi::Object options = js::object(info[0], "the options of step");
    StepRequest request;
    request.ids = js::ids(options.Get("ids"), "ids");
    request.length = js::integer(options, "length", 0);
    js::list(options.Get("caches"), "caches", [&](const Napi::Value& item, const std::string& its) {
      const CacheRef cache = own_cache(info.Env(), item, its.c_str());
      if (!cache) js::expected(info.Env(), "a NativeCache", its);
      request.caches.push_back(cache);
      return true;
    });
    const AbortRef abort = AbortFlag::of(options.Get("abort"));
    return [=, owner = it_.session](Session& session) -> Finish {
      const TensorRef logits = session.step(request, abort);
      return [logits, owner](Napi::Env env) -> Napi::Value {
        return construct<TensorPayload>(environment_of(env).tensor, {owner, logits});
      };
    };
  });
}

Napi::Value NativeModel::copy_cache(const Napi::CallbackInfo& info) {
  return ask(info, [&]() -> Work {
    const Napi::Object options = js::object(info[0], "the options of copyCache");
    const CacheRef to = own_cache(info.Env(), options.Get("to"), "to");
    const CacheRef from = own_cache(info.Env(), options.Get("from"), "from");
    if (!to || !from || to == from) js::expected(info.Env(), "two caches", "from and to");
    const int64_t length = js::integer(options, "length");
    const AbortRef abort = AbortFlag::of(options.Get("abort"));
    return [=](Session& session) -> Finish {
      session.copy_cache(to, from, length, abort);
      return [](Napi::Env env) { return env.Undefined(); };
    };
  });
}

}  // namespace phi3lab
