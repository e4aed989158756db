// A model as JavaScript sees it: every call a promise over the model's own thread. Part of the addon: addon.cc includes
// it.
#pragma once

#include <algorithm>
#include <memory>
#include <unordered_set>

#include "js_objects.h"
#include "js_profile.h"

namespace phi3lab {

// Work for a session's thread: what it returns is called on JavaScript's thread to make the promise's value.
using Finish = std::function<Napi::Value(Napi::Env)>;

// One call: on the session's thread, then on JavaScript's, where its promise is settled.
class Call : public std::enable_shared_from_this<Call> {
 public:
  Call(Napi::Env env, std::shared_ptr<Session> session, std::shared_ptr<js::Dispatcher> dispatcher,
       std::function<Finish(Session&)> work)
      : deferred_(env), session_(std::move(session)), dispatcher_(std::move(dispatcher)), work_(std::move(work)) {
    dispatcher_->begin(env);
  }
  Napi::Value promise() const { return deferred_.Promise(); }

  void post() {
    session_->worker().post([self = shared_from_this()]() mutable {
      self->work();
      // The call travels on with its result: the session's last owner must not be its own thread.
      js::Dispatcher& dispatcher = *self->dispatcher_;
      dispatcher.post([self = std::move(self)](Napi::Env env) { self->settle(env); });
    });
  }

 private:
  void work() {
    error_.clear();
    aborted_ = out_of_memory_ = false;
    try {
      finish_ = work_(*session_);
    } catch (const Aborted& caught) {
      aborted_ = true;
      error_ = caught.what();
    } catch (const OutOfMemory& caught) {
      out_of_memory_ = true;
      error_ = caught.what();
    } catch (const std::bad_alloc&) {
      out_of_memory_ = true;
      error_ = "Cannot allocate the memory that the work needs";
    } catch (const std::exception& caught) {
      error_ = caught.what();
    }
  }

  void settle(Napi::Env env) {
    const Napi::HandleScope scope(env);
    // Results that nobody holds any more may still hold the device's memory: they go, and the work is tried once more.
    if (const auto& collect = addon_of(env).collect; out_of_memory_ && !tried_again_ && !collect.IsEmpty()) {
      tried_again_ = true;
      try {
        collect.Call(
            {Napi::Function::New(env, [self = shared_from_this()](const Napi::CallbackInfo&) { self->post(); })});
        return;
      } catch (const Napi::Error&) {
        // Then the error stands.
      }
    }
    dispatcher_->end(env);
    if (finish_) {
      try {
        deferred_.Resolve(finish_(env));
      } catch (const Napi::Error& caught) {
        deferred_.Reject(caught.Value());
      }
      return;
    }
    Napi::Object value = Napi::Error::New(env, error_).Value();
    if (aborted_) value.Set("name", "AbortError");
    deferred_.Reject(value);
  }

  Napi::Promise::Deferred deferred_;
  std::shared_ptr<Session> session_;
  std::shared_ptr<js::Dispatcher> dispatcher_;
  std::function<Finish(Session&)> work_;
  Finish finish_;
  std::string error_;
  bool aborted_ = false, out_of_memory_ = false, tried_again_ = false;
};

inline Napi::Value promise(Napi::Env env, std::shared_ptr<Session> session, std::shared_ptr<js::Dispatcher> dispatcher,
                           std::function<Finish(Session&)> work) {
  const auto call = std::make_shared<Call>(env, std::move(session), std::move(dispatcher), std::move(work));
  const Napi::Value promise = call->promise();
  call->post();
  return promise;
}

struct ModelPayload {
  std::shared_ptr<Session> session;
  std::shared_ptr<js::Dispatcher> dispatcher;
};

class NativeModel : public Napi::ObjectWrap<NativeModel> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "NativeModel",
        {InstanceAccessor("device", &NativeModel::device, nullptr),
         InstanceAccessor("dtype", &NativeModel::dtype, nullptr),
         InstanceMethod("createCache", &NativeModel::create_cache), InstanceMethod("forward", &NativeModel::forward),
         InstanceMethod("lmHead", &NativeModel::lm_head), InstanceMethod("upload", &NativeModel::upload),
         InstanceMethod("generateGreedy", &NativeModel::generate_greedy),
         InstanceMethod("startProfile", &NativeModel::start_profile),
         InstanceMethod("stopProfile", &NativeModel::stop_profile), InstanceMethod("stream", &NativeModel::stream),
         InstanceMethod("memory", &NativeModel::memory), InstanceMethod("dispose", &NativeModel::dispose)});
  }
  explicit NativeModel(const Napi::CallbackInfo& info) : ObjectWrap(info), it_(payload<ModelPayload>(info)) {}

 private:
  Napi::Value device(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), it_.session->device()); }
  Napi::Value dtype(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), it_.session->dtype()); }

  void check_open(Napi::Env env) const {
    if (disposed_) throw Napi::Error::New(env, no_model());
  }
  // A rejected promise for what a call's arguments lack, so that every failure of an asynchronous call comes one way.
  template <typename Call>
  Napi::Value attempt(const Napi::CallbackInfo& info, const Call& call) {
    try {
      check_open(info.Env());
      return call();
    } catch (const Napi::Error& error) {
      auto deferred = Napi::Promise::Deferred::New(info.Env());
      deferred.Reject(error.Value());
      return deferred.Promise();
    }
  }

  // A promise for work that takes no arguments.
  Napi::Value ask(const Napi::CallbackInfo& info, std::function<Finish(Session&)> work) {
    return attempt(info, [&] { return promise(info.Env(), it_.session, it_.dispatcher, std::move(work)); });
  }

  Napi::Value create_cache(const Napi::CallbackInfo& info) {
    check_open(info.Env());
    return construct<CachePayload>(addon_of(info.Env()).cache, {it_.session, it_.session->make_cache()});
  }

  Napi::Value forward(const Napi::CallbackInfo& info) {
    return attempt(info, [&] {
      const Napi::Object options = js::object(info[0], "the options of forward");
      const auto ids = js::ids(options.Get("ids"), "ids");
      CacheRef cache;
      if (const Napi::Value value = options.Get("cache"); !value.IsUndefined()) {
        const CachePayload& given = NativeCache::of(value, "cache");
        if (given.session != it_.session) throw Napi::Error::New(info.Env(), "Expected a cache of this model");
        cache = given.cache;
      }
      std::unordered_set<std::string> taps;
      if (const Napi::Value value = options.Get("taps"); !value.IsUndefined())
        for (std::string& name : js::list(value, "taps", js::string)) taps.insert(std::move(name));
      const auto abort = AbortFlag::of(options.Get("abort"));
      return promise(info.Env(), it_.session, it_.dispatcher, [=, owner = it_.session](Session& session) -> Finish {
        const ForwardResult result = session.forward(ids, cache, taps, abort);
        return [result, owner](Napi::Env env) -> Napi::Value {
          auto object = Napi::Object::New(env), kept = Napi::Object::New(env);
          const auto& make = addon_of(env).tensor;
          object.Set("last_hidden_state", construct<TensorPayload>(make, {owner, result.last_hidden_state}));
          for (const auto& [name, tensor] : result.taps)
            kept.Set(name, construct<TensorPayload>(make, {owner, tensor}));
          object.Set("taps", kept);
          return object;
        };
      });
    });
  }

  Napi::Value lm_head(const Napi::CallbackInfo& info) {
    return attempt(info, [&] {
      const TensorPayload& given = NativeTensor::of(info[0], "hidden");
      if (given.session != it_.session) throw Napi::Error::New(info.Env(), "Expected hidden states of this model");
      const TensorRef hidden = given.tensor;
      const int64_t start = js::integer(info[1], "start"), rows = js::integer(info[2], "rows");
      return promise(info.Env(), it_.session, it_.dispatcher, [=, owner = it_.session](Session& session) -> Finish {
        const TensorRef logits = session.lm_head(hidden, start, rows, std::make_shared<AbortState>());
        return [logits, owner](Napi::Env env) -> Napi::Value {
          return construct<TensorPayload>(addon_of(env).tensor, {owner, logits});
        };
      });
    });
  }

  Napi::Value upload(const Napi::CallbackInfo& info) {
    check_open(info.Env());
    if (!info[0].IsTypedArray() || info[0].As<Napi::TypedArray>().TypedArrayType() != napi_float32_array)
      js::expected(info.Env(), "a Float32Array", "data");
    const auto data = info[0].As<Napi::Float32Array>();
    const auto dims =
        js::list(info[1], "dims", [](const Napi::Value& v, const std::string& n) { return js::integer(v, n); });
    int64_t size = 1;
    for (int64_t dim : dims) {
      if (dim < 0 || (dim > 0 && size > INT64_MAX / 8 / dim)) js::expected(info.Env(), "sizes that fit", "dims");
      size *= dim;
    }
    if (size != static_cast<int64_t>(data.ElementLength()))
      throw Napi::Error::New(info.Env(), "Expected " + std::to_string(size) + " numbers for these dims but received " +
                                             std::to_string(data.ElementLength()));
    return construct<TensorPayload>(addon_of(info.Env()).tensor, {it_.session, it_.session->upload(data.Data(), dims)});
  }

  Napi::Value generate_greedy(const Napi::CallbackInfo& info) {
    return attempt(info, [&] {
      const Napi::Env env = info.Env();
      const Napi::Object options = js::object(info[0], "the options of generateGreedy");
      GreedyRequest request;
      request.ids = js::ids(options.Get("ids"), "ids");
      request.max_new_tokens = js::integer(options, "max_new_tokens");
      request.min_new_tokens = js::integer(options, "min_new_tokens", 0);
      request.chunk = js::integer(options, "chunk", 0);
      request.use_cache = options.Get("use_cache").ToBoolean();
      request.eos =
          js::list(options.Get("eos_token_id"), "eos_token_id",
                   [](const Napi::Value& v, const std::string& n) { return static_cast<int32_t>(js::integer(v, n)); });
      const auto abort = AbortFlag::of(options.Get("abort"));
      if (const Napi::Value value = options.Get("onToken"); value.IsFunction()) {
        // The reference is freed on JavaScript's thread: the promise's result is the last to hold it.
        auto callback = std::make_shared<Napi::FunctionReference>(Napi::Persistent(value.As<Napi::Function>()));
        request.on_token = [callback, dispatcher = it_.dispatcher, abort](int32_t id, int64_t index) {
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
      return promise(env, it_.session, it_.dispatcher, [request, abort](Session& session) -> Finish {
        const GreedyResult result = session.generate_greedy(request, abort);
        return [result](Napi::Env to) -> Napi::Value {
          auto object = Napi::Object::New(to);
          auto tokens = Napi::Int32Array::New(to, result.tokens.size());
          std::copy(result.tokens.begin(), result.tokens.end(), tokens.Data());
          auto times = Napi::Float64Array::New(to, result.token_ms.size());
          std::copy(result.token_ms.begin(), result.token_ms.end(), times.Data());
          object.Set("tokens", tokens);
          object.Set("prompt_ms", result.prompt_ms);
          object.Set("token_ms", times);
          object.Set("aborted", result.aborted);
          return object;
        };
      });
    });
  }

  Napi::Value start_profile(const Napi::CallbackInfo& info) {
    return ask(info, [](Session& session) -> Finish {
      session.start_profile();
      return [](Napi::Env env) { return env.Undefined(); };
    });
  }
  Napi::Value stop_profile(const Napi::CallbackInfo& info) {
    return ask(info, [](Session& session) -> Finish {
      return [profile = session.stop_profile(), layers = session.config().num_hidden_layers](Napi::Env env) {
        return profile_result(env, profile, layers);
      };
    });
  }
  Napi::Value stream(const Napi::CallbackInfo& info) {
    return ask(info, [](Session& session) -> Finish {
      return [rate = session.stream()](Napi::Env env) { return Napi::Number::New(env, rate); };
    });
  }

  Napi::Value memory(const Napi::CallbackInfo& info) {
    const Memory memory = it_.session->memory();
    auto object = Napi::Object::New(info.Env());
    object.Set("weights", static_cast<double>(memory.weights));
    object.Set("cache", static_cast<double>(memory.cache));
    object.Set("workspace", static_cast<double>(memory.workspace));
    return object;
  }

  Napi::Value dispose(const Napi::CallbackInfo& info) {
    disposed_ = true;
    return promise(info.Env(), it_.session, it_.dispatcher, [owner = it_.session](Session& session) -> Finish {
      session.dispose();
      return [owner](Napi::Env env) {
        owner->shutdown();  // nothing can be asked of it any more
        return env.Undefined();
      };
    });
  }

  ModelPayload it_;
  bool disposed_ = false;
};

}  // namespace phi3lab
