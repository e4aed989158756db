#include "open.h"

#include <algorithm>
#include <chrono>

#include "abort_flag.h"
#include "environment.h"
#include "model.h"
#include "values.h"

namespace phi3lab {
namespace {

WeightType weight_type(const Napi::Value& value, const std::string& name) {
  const std::string text = js::string(value, name);
  if (const auto type = weight_type_named(text)) return *type;
  std::string known;
  for (int i = 0; i < kWeightTypes; i++)
    known += (i == 0                 ? ""
              : i + 1 < kWeightTypes ? ", "
                                     : " or ") +
             std::string(format_of(static_cast<WeightType>(i)).name);
  throw Napi::Error::New(value.Env(), "Expected " + known + " for " + name + " but received " + text);
}

// {type, shape, file, offset}
StoredMatrix stored_matrix(const Napi::Value& value, const std::string& name) {
  const Napi::Object object = js::object(value, name);
  const auto shape = js::integers(object.Get("shape"), name + ".shape");
  if (shape.size() != 2) js::expected(value.Env(), "two sizes", name + ".shape");
  return {weight_type(object.Get("type"), name + ".type"), shape[0], shape[1], js::integer(object, "file"),
          js::integer(object, "offset")};
}

std::optional<Conversion> conversion(const Napi::Value& value, const std::string& name) {
  if (value.IsUndefined()) return std::nullopt;
  const Napi::Object object = js::object(value, name);
  Conversion conversion;
  const auto stored = StoredFormat::named(js::string(object.Get("stored"), name + ".stored"));
  if (!stored) js::expected(value.Env(), "a format of files", name + ".stored");
  conversion.stored = *stored;
  if (const Napi::Value scales = object.Get("scales"); !scales.IsUndefined()) {
    const auto block = js::integers(js::object(scales, name + ".scales").Get("block"), name + ".scales.block");
    if (block.size() != 2) js::expected(value.Env(), "two sizes", name + ".scales.block");
    conversion.scales = Scales{stored_matrix(scales, name + ".scales"), block[0], block[1]};
  }
  if (const Napi::Value added = object.Get("added"); !added.IsUndefined())
    conversion.added = js::list(added, name + ".added", [](const Napi::Value& one, const std::string& called) {
      const Napi::Object product = js::object(one, called);
      return LowRank{js::integer(product, "first"), stored_matrix(product.Get("a"), called + ".a"),
                     stored_matrix(product.Get("b"), called + ".b"), static_cast<float>(js::number(product, "factor"))};
    });
  return conversion;
}

WeightPart part(const Napi::Value& value, const std::string& name) {
  const Napi::Object object = js::object(value, name);
  return {weight_type(object.Get("type"), name + ".type"),
          js::integers(object.Get("shape"), name + ".shape"),
          js::integer(object, "file"),
          js::integer(object, "offset"),
          js::integer(object, "interleaved_heads", 0),
          conversion(object.Get("conversion"), name + ".conversion")};
}

Role role(const Napi::Value& value, const std::string& name) {
  const std::string text = js::string(value, name);
  if (const auto role = role_named(text)) return *role;
  throw Napi::Error::New(value.Env(), "Expected a weight's role for " + name + " but received " + text);
}

WeightEntry entry(const Napi::Value& value, const std::string& name) {
  const Napi::Object object = js::object(value, name);
  return {role(object.Get("role"), name + ".role"), js::integer(object, "layer"),
          js::list(object.Get("parts"), name + ".parts", part)};
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
  config.rms_norm_eps = static_cast<float>(js::number(object, "rms_norm_eps"));
  const Napi::Object rotary = js::object(object.Get("rotary"), "rotary");
  config.rotary.dims = js::integer(rotary, "dims");
  config.rotary.factor = static_cast<float>(js::number(rotary, "factor"));
  for (double frequency : js::numbers(rotary.Get("frequencies"), "frequencies"))
    config.rotary.frequencies.push_back(static_cast<float>(frequency));
  if (const Napi::Value value = rotary.Get("long"); !value.IsUndefined()) {
    const Napi::Object of_long_texts = js::object(value, "rotary.long");
    config.rotary.long_from = js::integer(of_long_texts, "from");
    for (double frequency : js::numbers(of_long_texts.Get("frequencies"), "rotary.long.frequencies"))
      config.rotary.long_frequencies.push_back(static_cast<float>(frequency));
  }
  config.windows = js::integers(object.Get("windows"), "windows");
  if (const Napi::Value value = object.Get("unrotated"); !value.IsUndefined())
    config.unrotated = js::integers(value, "unrotated");
  return config;
}

// Tells JavaScript of the bytes uploaded so far: of the first, the last, and in between some tens of times a second.
Progress progress_callback(const Napi::Value& value, const std::shared_ptr<Dispatcher>& dispatcher) {
  if (!value.IsFunction()) return {};
  auto callback = std::make_shared<Napi::FunctionReference>(Napi::Persistent(value.As<Napi::Function>()));
  auto last = std::make_shared<std::chrono::steady_clock::time_point>();
  return [callback, dispatcher, last](int64_t uploaded, int64_t total) {
    const auto now = std::chrono::steady_clock::now();
    if (uploaded != 0 && uploaded != total && now - *last < std::chrono::milliseconds(30)) return;
    *last = now;
    dispatcher->post([callback, uploaded, total](Napi::Env to) {
      const Napi::HandleScope scope(to);
      try {
        callback->Call(
            {Napi::Number::New(to, static_cast<double>(uploaded)), Napi::Number::New(to, static_cast<double>(total))});
      } catch (const Napi::Error&) {
        // A progress bar that fails stops nothing.
      }
    });
  };
}

}  // namespace

Napi::Value open_model(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object options = js::object(info[0], "the options of open");
  OpenRequest request;
  request.device = js::string(options.Get("device"), "device");
  request.dtype = js::string(options, "dtype", request.dtype);
  request.kv_dtype = js::string(options, "kv_dtype", request.kv_dtype);
  request.compute = js::string(options, "compute", request.compute);
  request.config = config(js::object(options.Get("architecture"), "architecture"));
  request.files = js::strings(options.Get("files"), "files");
  request.entries = js::list(options.Get("weights"), "weights", entry);
  request.threads = static_cast<int>(js::integer(options, "threads", 0));
  const AbortRef abort = AbortFlag::of(options.Get("abort"));
  auto session = std::make_shared<Session>();
  auto dispatcher = std::make_shared<Dispatcher>(env);
  const Progress progress = progress_callback(options.Get("onProgress"), dispatcher);
  auto& sessions = environment_of(env).sessions;
  sessions.erase(std::remove_if(sessions.begin(), sessions.end(), [](const auto& one) { return one.expired(); }),
                 sessions.end());
  sessions.push_back(session);
  return promise(env, session, dispatcher,
                 [request, progress, abort, owner = session, dispatcher](Session& it) -> Finish {
                   it.open(request, abort, progress);
                   return [owner, dispatcher](Napi::Env to) -> Napi::Value {
                     return construct<ModelPayload>(environment_of(to).model, {owner, dispatcher});
                   };
                 });
}

}  // namespace phi3lab
