// A profile as JavaScript gets it. Part of the addon: addon.cc includes it.
#pragma once

#include <napi.h>

#include "profile.h"

namespace phi3lab {

// {stages, replays}: a list of {part, layer, calls, bytes, seconds} of what was called, in the order of a pass (layer
// -1: outside them), and {passes, staged, replayed} where a token's pass would have been replayed, else null.
inline Napi::Value profile_result(Napi::Env env, const Profile& profile, int64_t layers) {
  static const char* const names[kParts] = {"embed", "qkv", "attention", "output", "gate_up", "down", "head", "argmax"};
  auto list = Napi::Array::New(env);
  for (int64_t p = 0; p < kParts; p++) {
    for (int64_t layer = -1; layer < layers; layer++) {
      const Spent& spent = profile.of(static_cast<Part>(p), layer);
      if (spent.calls == 0) continue;
      const Napi::HandleScope scope(env);
      auto entry = Napi::Object::New(env);
      entry.Set("part", names[p]);
      entry.Set("layer", static_cast<double>(layer));
      entry.Set("calls", static_cast<double>(spent.calls));
      entry.Set("bytes", static_cast<double>(spent.bytes));
      entry.Set("seconds", spent.seconds);
      list.Set(list.Length(), entry);
    }
  }
  auto result = Napi::Object::New(env);
  result.Set("stages", list);
  result.Set("replays", env.Null());
  if (const Replays& replays = profile.replays; replays.passes > 0 && replays.replayed > 0) {
    auto object = Napi::Object::New(env);
    object.Set("passes", static_cast<double>(replays.passes));
    object.Set("staged", replays.staged);
    object.Set("replayed", replays.replayed);
    result.Set("replays", object);
  }
  return result;
}

}  // namespace phi3lab
