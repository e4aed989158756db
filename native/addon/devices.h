// `cpu` and `cuda`: what models can run on here; src/native/devices.ts, `CpuInfo` and `CudaInfo`.
#pragma once

#include <napi.h>

namespace phi3lab {

Napi::Value cpu_info(const Napi::CallbackInfo& info);
Napi::Value cuda_info(const Napi::CallbackInfo& info);

}  // namespace phi3lab
