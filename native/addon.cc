// JavaScript ⇄ C++: the classes of src/native.ts over a Session. Every exception becomes a rejected promise or a thrown
// Error; results travel from the model's thread to JavaScript's through a Dispatcher.
#include <algorithm>
#include <chrono>
#include <unordered_set>

#include "../cpu/path.h"
#include "../cpu/team.h"
#include "js.h"
#include "session.h"

namespace phi3lab {
namespace {

// What the addon keeps for one JavaScript environment (the main thread, or a worker thread).
struct Addon {
  Napi::FunctionReference tensor, cache, model, abort_flag;
  std::vector<std::weak_ptr<Session>> sessions;
};

Addon& addon_of(Napi::Env env) { return *env.GetInstanceData<Addon>(); }

std::string no_model() { return "The model was disposed; load it again with from_pretrained"; }

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
  Cache& cache(Napi::Env env) {
    if (!it_.cache->cache) throw Napi::Error::New(env, "The cache was disposed, or the model that it belongs to");
    return *it_.cache->cache;
  }
  Napi::Value length(const Napi::CallbackInfo& info) { return number(info, it_.cache->length); }
  Napi::Value capacity(const Napi::CallbackInfo& info) { return number(info, cache(info.Env()).capacity); }
  Napi::Value nbytes(const Napi::CallbackInfo& info) {
    return number(info, static_cast<int64_t>(cache(info.Env()).bytes()));
  }
  void truncate(const Napi::CallbackInfo& info) {
    const int64_t length = js::integer(info[0], "length");
    cache(info.Env());
    SequenceCache& mine = *it_.cache;
    if (length < 0 || length > mine.length)
      throw Napi::RangeError::New(info.Env(), "Expected a length from 0 to " + std::to_string(mine.length) +
                                                  " but received " + std::to_string(length));
    mine.length = length;
  }
  void dispose(const Napi::CallbackInfo&) {
    it_.session->worker().post([cache = it_.cache] { cache->cache.reset(); });
  }
  static Napi::Value number(const Napi::CallbackInfo& info, int64_t value) {
    return Napi::Number::New(info.Env(), static_cast<double>(value));
  }

  CachePayload it_;
};

// Runs `work` on the session's thread; what it returns is called on JavaScript's thread to make the promise's value.
using Finish = std::function<Napi::Value(Napi::Env)>;
Napi::Value promise(Napi::Env env, std::shared_ptr<Session> session, std::shared_ptr<js::Dispatcher> dispatcher,
                    std::function<Finish(Session&)> work) {
  auto deferred = std::make_shared<Napi::Promise::Deferred>(env);
  dispatcher->begin(env);
  Worker& worker = session->worker();
  // The session travels on with the result: its last owner must not be its own thread.
  worker.post([session = std::move(session), dispatcher, deferred, work = std::move(work)]() mutable {
    Finish finish;
    std::string error;
    bool aborted = false;
    try {
      finish = work(*session);
    } catch (const Aborted& caught) {
      aborted = true;
      error = caught.what();
    } catch (const std::bad_alloc&) {
      error = "Out of memory";
    } catch (const std::exception& caught) {
      error = caught.what();
    }
    dispatcher->post([session = std::move(session), dispatcher, deferred = std::move(deferred), work = std::move(work),
                      finish = std::move(finish), error, aborted](Napi::Env env) {
      const Napi::HandleScope scope(env);
      dispatcher->end(env);
      if (finish) {
        try {
          deferred->Resolve(finish(env));
          return;
        } catch (const Napi::Error& caught) {
          deferred->Reject(caught.Value());
          return;
        }
      }
      Napi::Object value = Napi::Error::New(env, error).Value();
      if (aborted) value.Set("name", "AbortError");
      deferred->Reject(value);
    });
  });
  return deferred->Promise();
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
         InstanceMethod("createCache", &NativeModel::create_cache), InstanceMethod("forward", &NativeModel::forward),
         InstanceMethod("lmHead", &NativeModel::lm_head), InstanceMethod("upload", &NativeModel::upload),
         InstanceMethod("generateGreedy", &NativeModel::generate_greedy),
         InstanceMethod("memory", &NativeModel::memory), InstanceMethod("dispose", &NativeModel::dispose)});
  }
  explicit NativeModel(const Napi::CallbackInfo& info) : ObjectWrap(info), it_(payload<ModelPayload>(info)) {}

 private:
  Napi::Value device(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), it_.session->device()); }

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

WeightType weight_type(const Napi::Value& value, const std::string& name) {
  const std::string text = js::string(value, name);
  for (int i = 0; i <= static_cast<int>(WeightType::Q6_K); i++)
    if (text == format_of(static_cast<WeightType>(i)).name) return static_cast<WeightType>(i);
  throw Napi::Error::New(value.Env(),
                         "Expected F32, F16, BF16, Q4_0, Q4_1, Q8_0 or Q6_K for " + name + " but received " + text);
}

Entry entry(const Napi::Value& value, const std::string& name) {
  const Napi::Object object = js::object(value, name);
  return {js::string(object.Get("name"), name + ".name"), weight_type(object.Get("type"), name + ".type"),
          js::list(object.Get("shape"), name + ".shape",
                   [](const Napi::Value& v, const std::string& n) { return js::integer(v, n); }),
          js::integer(object, "file"), js::integer(object, "offset")};
}

Config config(const Napi::Object& object) {
  Config config;
  config.hidden_size = js::integer(object, "hidden_size");
  config.intermediate_size = js::integer(object, "intermediate_size");
  config.num_hidden_layers = js::integer(object, "num_hidden_layers");
  config.num_attention_heads = js::integer(object, "num_attention_heads");
  config.num_key_value_heads = js::integer(object, "num_key_value_heads");
  config.head_dim = js::integer(object, "head_dim");
  config.vocab_size = js::integer(object, "vocab_size");
  config.max_position_embeddings = js::integer(object, "max_position_embeddings");
  config.sliding_window = js::integer(object, "sliding_window", 0);
  config.rms_norm_eps = static_cast<float>(js::number(object, "rms_norm_eps"));
  config.rope_theta = js::number(object, "rope_theta");
  config.tie_word_embeddings = object.Get("tie_word_embeddings").ToBoolean();
  return config;
}

Napi::Value open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object options = js::object(info[0], "the options of open");
  OpenRequest request;
  request.device = js::string(options.Get("device"), "device");
  request.config = config(js::object(options.Get("config"), "config"));
  request.files = js::list(options.Get("files"), "files", js::string);
  request.entries = js::list(options.Get("weights"), "weights", entry);
  request.threads = static_cast<int>(js::integer(options, "threads", 0));
  const auto abort = AbortFlag::of(options.Get("abort"));
  auto session = std::make_shared<Session>();
  auto dispatcher = std::make_shared<js::Dispatcher>(env);
  auto& sessions = addon_of(env).sessions;
  sessions.erase(std::remove_if(sessions.begin(), sessions.end(), [](const auto& one) { return one.expired(); }),
                 sessions.end());
  sessions.push_back(session);
  Progress progress;
  if (const Napi::Value value = options.Get("onProgress"); value.IsFunction()) {
    auto callback = std::make_shared<Napi::FunctionReference>(Napi::Persistent(value.As<Napi::Function>()));
    auto last = std::make_shared<std::chrono::steady_clock::time_point>();
    progress = [callback, dispatcher, last](int64_t placed, int64_t total) {
      const auto now = std::chrono::steady_clock::now();
      if (placed != 0 && placed != total && now - *last < std::chrono::milliseconds(30)) return;
      *last = now;
      dispatcher->post([callback, placed, total](Napi::Env to) {
        const Napi::HandleScope scope(to);
        try {
          callback->Call(
              {Napi::Number::New(to, static_cast<double>(placed)), Napi::Number::New(to, static_cast<double>(total))});
        } catch (const Napi::Error&) {
          // A progress bar that fails stops nothing.
        }
      });
    };
  }
  return promise(env, session, dispatcher,
                 [request, progress, abort, owner = session, dispatcher](Session& it) -> Finish {
                   it.open(request, abort, progress);
                   return [owner, dispatcher](Napi::Env to) -> Napi::Value {
                     return construct<ModelPayload>(addon_of(to).model, {owner, dispatcher});
                   };
                 });
}

Napi::Value cpu_info(const Napi::CallbackInfo& info) {
  auto object = Napi::Object::New(info.Env());
  auto paths = Napi::Array::New(info.Env());
  uint32_t i = 0;
  for (const cpu::Path path : cpu::available_paths()) paths.Set(i++, cpu::path_name(path));
  object.Set("path", cpu::path_name(cpu::choose_isa().path));
  object.Set("paths", paths);
  object.Set("threads", cpu::thread_count());
  return object;
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  auto* addon = new Addon();
  env.SetInstanceData(addon);
  addon->abort_flag = Napi::Persistent(AbortFlag::define(env));
  addon->tensor = Napi::Persistent(NativeTensor::define(env));
  addon->cache = Napi::Persistent(NativeCache::define(env));
  addon->model = Napi::Persistent(NativeModel::define(env));
  // A process that ends stops the work under way before anything it uses is torn down.
  env.AddCleanupHook([addon] {
    for (const auto& weak : addon->sessions)
      if (const auto session = weak.lock()) session->shutdown();
  });
  exports.Set("AbortFlag", addon->abort_flag.Value());
  exports.Set("open", Napi::Function::New(env, open, "open"));
  exports.Set("cpu", Napi::Function::New(env, cpu_info, "cpu"));
  return exports;
}

}  // namespace

NODE_API_MODULE(phi3lab, init)

}  // namespace phi3lab
