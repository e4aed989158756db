#include "profile.h"

namespace phi3lab {
namespace {

Napi::Value stages_of(Napi::Env env, const Profile& profile, int64_t layers) {
  auto list = Napi::Array::New(env);
  for (int64_t p = 0; p < kParts; p++) {
    const auto part = static_cast<Part>(p);
    for (int64_t layer = -1; layer < layers; layer++) {
      const Spent& spent = profile.of(part, layer);
      if (spent.calls == 0) continue;
      const Napi::HandleScope scope(env);
      auto entry = Napi::Object::New(env);
      entry.Set("part", name_of(part));
      entry.Set("layer", static_cast<double>(layer));
      entry.Set("calls", static_cast<double>(spent.calls));
      entry.Set("bytes", static_cast<double>(spent.bytes));
      entry.Set("seconds", spent.seconds);
      list.Set(list.Length(), entry);
    }
  }
  return list;
}

Napi::Value replays_of(Napi::Env env, const Replays& replays) {
  if (replays.passes == 0 || replays.replayed == 0) return env.Null();
  auto object = Napi::Object::New(env);
  object.Set("passes", static_cast<double>(replays.passes));
  object.Set("staged", replays.staged);
  object.Set("replayed", replays.replayed);
  return object;
}

}  // namespace

Napi::Value profile_result(Napi::Env env, const Profile& profile, int64_t layers) {
  auto result = Napi::Object::New(env);
  result.Set("stages", stages_of(env, profile, layers));
  result.Set("replays", replays_of(env, profile.replays));
  return result;
}

}  // namespace phi3lab
