// The one place that knows which backends this build has, and what the machine has for them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "native/seam/backend.h"
#include "native/seam/status.h"

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

// A row as it lies in a file, as float32, on the host: out (cols,), of row_bytes(type, cols) bytes.
void dequantise_row(float* out, WeightType type, const void* row, int64_t cols);

CpuStatus cpu_status();
CudaStatus cuda_status();

}  // namespace phi3lab
