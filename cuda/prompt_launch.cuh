// What the prompt's kernels share: whether their launches overlap, and how float32 becomes 16-bit.
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

/** x as a T; float16 stops at its largest number instead of infinity, and NaN stays NaN. */
template <class T>
__device__ __forceinline__ T saturated(float x) {
  return from_float<T>(x);
}
template <>
__device__ __forceinline__ __half saturated<__half>(float x) {
  const float bounded = x > 65504.f ? 65504.f : x;
  return __float2half_rn(bounded < -65504.f ? -65504.f : bounded);
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
