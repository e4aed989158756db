// The pieces of a decoded token's attention: a cluster's meeting, numbers out of 16 bytes, sums over a warp's slots,
// and what several blocks found made one.
#pragma once

#include <type_traits>

#include "cuda/device/device.cuh"

namespace phi3lab::cuda {

// Compiled to nothing, and never called, on GPUs without clusters.
__device__ __forceinline__ void cluster_arrive() {
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
#endif
}
__device__ __forceinline__ void cluster_wait() {
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
}
/** Stores into the shared memory of the cluster's first block, at the address that `local` has in this one. */
__device__ __forceinline__ void store_first(float* local, float value) {
#if __CUDA_ARCH__ >= 900
  unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(local)), remote;
  asm volatile("mapa.shared::cluster.u32 %0, %1, 0;" : "=r"(remote) : "r"(address));
  asm volatile("st.shared::cluster.f32 [%0], %1;" ::"r"(remote), "f"(value) : "memory");
#endif
}

template <class T>
__device__ __forceinline__ void unpack(float* out, uint4 v) {
  const unsigned words[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
  for (int i = 0; i < 4; i++) {
    if constexpr (std::is_same_v<T, float>) {
      out[i] = __uint_as_float(words[i]);
    } else if constexpr (std::is_same_v<T, __nv_bfloat16>) {
      out[2 * i] = __uint_as_float(words[i] << 16);
      out[2 * i + 1] = __uint_as_float(words[i] & 0xffff0000u);
    } else {
      const float2 pair = __half22float2(*reinterpret_cast<const __half2*>(&words[i]));
      out[2 * i] = pair.x, out[2 * i + 1] = pair.y;
    }
  }
}

/** Adds the slots' numbers: each step halves the numbers that a lane keeps; gives the first that this lane ends with.
 */
template <int n, int kOffset, int kLanes>
__device__ __forceinline__ int merge_slots(float* mix, int lane) {
  if constexpr (kOffset < kLanes) {
    return 0;
  } else {
    const bool upper = lane & kOffset;
#pragma unroll
    for (int i = 0; i < n; i++) {
      const float keep = upper ? mix[i + n] : mix[i], send = upper ? mix[i] : mix[i + n];
      mix[i] = keep + __shfl_xor_sync(0xffffffffu, send, kOffset);
    }
    return (upper ? n : 0) + merge_slots<n / 2, kOffset / 2, kLanes>(mix, lane);
  }
}

/** Combines what the blocks of a head found, in their order: `parts` (split, kDim + 2) of each the weighted values, the
 * largest score, and the weights' sum relative to it. Gives the context's number `d`. */
template <int kDim, class Parts>
__device__ __forceinline__ float combine(const Parts& parts, int split, int d) {
  float most = parts(0, kDim), sum = 0, mix = 0;
  for (int r = 1; r < split; r++) most = fmaxf(most, parts(r, kDim));
  for (int r = 0; r < split; r++) {
    const float weight = exp2f(parts(r, kDim) - most);
    sum += weight * parts(r, kDim + 1);
    mix += weight * parts(r, d);
  }
  return mix / sum;
}

}  // namespace phi3lab::cuda
