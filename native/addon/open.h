// `open`: a model from what JavaScript read of its files' headers; src/native/open.ts, `OpenOptions`.
#pragma once

#include <napi.h>

namespace phi3lab {

Napi::Value open_model(const Napi::CallbackInfo& info);

}  // namespace phi3lab
