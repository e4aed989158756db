#include "devices.h"

#include "native/devices.h"

namespace phi3lab {

Napi::Value cpu_info(const Napi::CallbackInfo& info) {
  const CpuStatus status = cpu_status();
  auto object = Napi::Object::New(info.Env());
  auto paths = Napi::Array::New(info.Env());
  for (uint32_t i = 0; i < status.paths.size(); i++) paths.Set(i, status.paths[i]);
  object.Set("path", status.path);
  object.Set("paths", paths);
  object.Set("threads", status.threads);
  return object;
}

Napi::Value cuda_info(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const CudaStatus status = cuda_status();
  auto object = Napi::Object::New(env);
  auto devices = Napi::Array::New(env);
  uint32_t i = 0;
  for (const CudaDevice& one : status.devices) {
    auto device = Napi::Object::New(env);
    device.Set("index", one.index);
    device.Set("name", one.name);
    device.Set("memory_total", static_cast<double>(one.memory_total));
    device.Set("memory_free", static_cast<double>(one.memory_free));
    device.Set("capability", std::to_string(one.capability_major) + "." + std::to_string(one.capability_minor));
    devices.Set(i++, device);
  }
  object.Set("built", status.built);
  object.Set("driver_version", status.driver_version);
  object.Set("runtime_version", status.runtime_version);
  object.Set("problem", status.problem);
  object.Set("devices", devices);
  return object;
}

}  // namespace phi3lab
