// What the CUDA backend's files share on the host's side: its number formats, the errors of CUDA calls, facts of the
// GPU.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace phi3lab::cuda {

/** The format of weights, keys and values, and of a prompt's activations; sums are float32 in each. */
enum class Dtype : uint8_t { float32, bfloat16, float16 };

inline int64_t size_of(Dtype dtype) { return dtype == Dtype::float32 ? 4 : 2; }

/** Throws what a CUDA call says, with the call's own text. */
inline void check(cudaError_t error, const char* call) {
  if (error == cudaSuccess) return;
  (void)cudaGetLastError();  // one that can be got over is forgotten; a broken context reports itself again
  throw std::runtime_error(std::string("[cuda] ") + cudaGetErrorString(error) + " (" + cudaGetErrorName(error) +
                           ") in " + call);
}
#define PHI3LAB_CUDA_CHECK(call) ::phi3lab::cuda::check((call), #call)

/** Facts of a GPU that launches are sized by. */
struct DeviceProperties {
  int index = 0;
  int capability = 0;  // 90 for 9.0
  int multiprocessors = 0;
  int shared_memory_per_block = 0;           // bytes that a block may ask for at most
  int shared_memory_per_multiprocessor = 0;  // bytes, of which each block costs 1 KB more than it asks for
};

/** What kernels are chosen by: all false takes those that run on every GPU. */
struct KernelSet {
  bool async_copies = false;  // cp.async (8.0 and later)
  bool mma_bf16 = false;      // mma.sync with bfloat16 (8.0 and later)
  bool overlap = false;       // programmatic dependent launch (9.0 and later)
  bool clusters = false;  // blocks that reach each other's shared memory; four sums added in L2 at once (9.0 and later)
  bool wgmma = false;     // the matrix instructions and bulk tensor copies of 9.0 alone
};

}  // namespace phi3lab::cuda
