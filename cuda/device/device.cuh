// What the CUDA backend's kernels share on the device's side: formats, reductions, the hand-over between launches.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "types.h"

namespace phi3lab::cuda {

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(__nv_bfloat16 x) { return __bfloat162float(x); }
__device__ __forceinline__ float to_float(__half x) { return __half2float(x); }

template <class T>
__device__ __forceinline__ T from_float(float x);
template <>
__device__ __forceinline__ float from_float<float>(float x) {
  return x;
}
template <>
__device__ __forceinline__ __nv_bfloat16 from_float<__nv_bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}
template <>
__device__ __forceinline__ __half from_float<__half>(float x) {
  return __float2half_rn(x);
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

/** up · silu(gate), for a result of 16 bits: the fast exponential and quotient err by a few float32 roundings, far
 * below them; a quotient below 2^-126 is 0. */
__device__ __forceinline__ float swiglu_16_bit(float gate, float up) {
  return up * __fdividef(gate, 1 + __expf(-gate));
}

/** 16 bytes of a weight, which no token reads twice. */
__device__ __forceinline__ uint4 read_once(const uint4* from) {
#if __CUDA_ARCH__ >= 800
  uint4 v;
  asm volatile("ld.global.nc.L1::no_allocate.v4.u32 {%0, %1, %2, %3}, [%4];"
               : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w)
               : "l"(from));
  return v;
#else
  return __ldcs(from);
#endif
}

__device__ __forceinline__ float warp_sum(float x) {
#pragma unroll
  for (int offset = 16; offset > 0; offset >>= 1) x += __shfl_xor_sync(0xffffffffu, x, offset);
  return x;
}

__device__ __forceinline__ float warp_max(float x) {
#pragma unroll
  for (int offset = 16; offset > 0; offset >>= 1) x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, offset));
  return x;
}

// Programmatic dependent launch: the next kernel may begin once every block has said `release_next`; `wait_previous`
// returns when the previous kernel has ended and its writes are seen. On older GPUs launches never overlap.

/** Whether this code is compiled for GPUs that overlap launches, and have clusters. */
#if __CUDA_ARCH__ >= 900
constexpr bool kForOverlap = true;
#else
constexpr bool kForOverlap = false;
#endif

__device__ __forceinline__ void release_next() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;");
#endif
}

__device__ __forceinline__ void wait_previous() {
#if __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/** Whether this code is compiled for GPUs that have asynchronous copies, and matrix instructions of 16 columns. */
#if __CUDA_ARCH__ >= 800
constexpr bool kForCopies = true;
#else
constexpr bool kForCopies = false;
#endif

/** The type of a Dtype, for `dispatch`. */
template <class T>
struct TypeTag {
  using type = T;
};

/** Calls f(TypeTag<T>()) with the device's type of `dtype`. */
template <class F>
void dispatch(Dtype dtype, const F& f) {
  if (dtype == Dtype::float32) return f(TypeTag<float>());
  if (dtype == Dtype::bfloat16) return f(TypeTag<__nv_bfloat16>());
  f(TypeTag<__half>());
}

}  // namespace phi3lab::cuda
