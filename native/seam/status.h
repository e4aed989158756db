// What a machine has for each device, as the backends tell it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace phi3lab {

// What there is for device "cpu".
struct CpuStatus {
  std::string path;                // the code path in use
  std::vector<std::string> paths;  // all that this processor could take
  int threads;                     // that a model takes by default
};
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

}  // namespace phi3lab
