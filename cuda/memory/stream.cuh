// Reading the GPU's memory from end to end: the measure that a decoded token, which reads every weight once, is held
// to.
#pragma once

#include <cstddef>
#include <cstdint>

namespace phi3lab::cuda {

/** Reads everything in contiguous tiles; `kAhead` loads of a thread are under way. Grid: some blocks a multiprocessor.
 */
template <int kAhead>
__global__ void read_kernel(const uint4* memory, size_t count, uint32_t* result) {
  uint32_t sum = 0;
  const size_t tile = static_cast<size_t>(blockDim.x) * kAhead;
  for (size_t base = blockIdx.x * tile; base < count; base += gridDim.x * tile) {
    uint4 v[kAhead];
#pragma unroll
    for (int k = 0; k < kAhead; k++) {
      const size_t i = base + k * blockDim.x + threadIdx.x;
      v[k] = i < count ? __ldcs(memory + i) : make_uint4(0, 0, 0, 0);
    }
#pragma unroll
    for (int k = 0; k < kAhead; k++) sum ^= v[k].x ^ v[k].y ^ v[k].z ^ v[k].w;
  }
  if (sum == 0x12345) *result = sum;  // so that nothing is left out
}

}  // namespace phi3lab::cuda
