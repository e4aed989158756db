// A profile as JavaScript gets it.
#pragma once

#include <napi.h>

#include "native/seam/profile.h"

namespace phi3lab {

// {stages, replays}: a list of {part, layer, calls, bytes, seconds} of what was called, in the order of a pass (layer
// -1: outside the layers), and {passes, staged, replayed} where a token's pass would have been replayed, else null.
Napi::Value profile_result(Napi::Env env, const Profile& profile, int64_t layers);

}  // namespace phi3lab
