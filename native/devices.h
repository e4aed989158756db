// The one place that knows which backends this build has, and what the machine has for them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "native/seam/backend.h"

namespace phi3lab {

struct BackendOptions {
  std::string device;                // "cpu" or "cuda"
  std::string dtype = "auto";        // of a GPU's weights, keys and values: "float32", "bfloat16", "float16"
  int threads = 0;                   // CPU threads; 0: the backend's own choice
  std::string compute = "float32";   // of prompts' products on the CPU: "float32" or "bfloat16"
  std::string kv_dtype = "float32";  // of the CPU's keys and values: "float32" or "float16"
};

// Throws a sentence when the device is not there.
std::unique_ptr<Backend> make_backend(const BackendOptions& options);

// What there is for device "cpu".
struct CpuStatus {
  std::string path;                // the code path in use
  std::vector<std::string> paths;  // all that this processor could take
  int threads;                     // that a model takes by default
};
CpuStatus cpu_status();

struct CudaDevice {
  int index;
  std::string name;
  size_t memory_total, memory_free;  // bytes
  int capability_major, capability_minor;
};

// What there is for device "cuda". Asking loads the driver where there is one, and never throws.
struct CudaStatus {
  bool built = false;               // this build has the CUDA backend
  int driver_version = 0;           // CUDA version that the driver supports, as 13000; 0: no driver
  int runtime_version = 0;          // CUDA version of this build, as 13000; 0: not built
  std::vector<CudaDevice> devices;  // that can be used
  std::string problem;              // a sentence for what is missing; empty when there is a device
};
CudaStatus cuda_status();

}  // namespace phi3lab
