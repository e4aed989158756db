// What the prompt's kernels share: whether their launches overlap, and numbers several at a time.
#pragma once

#include <atomic>

#include "device.cuh"
#include "launch.cuh"

namespace phi3lab::cuda {

/** Whether the current device may begin a kernel before the one ahead of it has ended (9.0 and later). */
inline bool launches_overlap() {
  enum : int { unknown, no, yes };
  static std::atomic<int> answers[64];  // by device, zero at first: asking costs more than launching
  int device = 0;
  PHI3LAB_CUDA_CHECK(cudaGetDevice(&device));
  const bool kept = device < 64;
  int answer = kept ? answers[device].load(std::memory_order_relaxed) : unknown;
  if (answer == unknown) {
    int major = 0;
    PHI3LAB_CUDA_CHECK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device));
    answer = major >= 9 ? yes : no;
    if (kept) answers[device].store(answer, std::memory_order_relaxed);
  }
  return answer == yes;
}

/** `kCount` numbers that one access moves. */
template <class T, int kCount>
struct alignas(sizeof(T) * kCount) Pack {
  T at[kCount];
};

/** Calls f(TypeTag<T>()) with the 16-bit type of `dtype`; throws for float32, which prompts have no kernels for. */
template <class F>
void dispatch_16_bit(const char* operation, Dtype dtype, const F& f) {
  if (dtype == Dtype::bfloat16) return f(TypeTag<__nv_bfloat16>());
  if (dtype == Dtype::float16) return f(TypeTag<__half>());
  throw std::runtime_error(std::string("[") + operation + "] Expected a 16-bit format but received float32");
}

}  // namespace phi3lab::cuda
