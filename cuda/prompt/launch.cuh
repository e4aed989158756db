// What the prompt's kernels share: numbers several at a time, and the choice among the 16-bit formats.
#pragma once

#include "cuda/device/device.cuh"
#include "cuda/device/launch.cuh"

namespace phi3lab::cuda {

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
