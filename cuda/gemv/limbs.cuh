// A vector in fixed point: of every 32 numbers x[k] = scale · (65536 · limb[0][k] + 256 · limb[1][k] + limb[2][k]), int8
// limbs, exact to 2^-24 of the block's largest number. cpu/matmul/fixed24.h is the same for processors.
#pragma once

#include "cuda/device/device.cuh"

namespace phi3lab::cuda {

constexpr float kLargestFixed = 8300000.0f;  // 127 · 65536 is the most that three limbs hold

/** A vector in shared memory: 100 bytes a block. Sixteen limbs, as eight lanes read them at once, follow each other:
 * limbs (3, 2, blocks, 4) words, of the halves of blocks; then a scale each. */
struct Fixed24Vector {
  unsigned* limbs;
  float* scales;
  int blocks;

  static __host__ __device__ constexpr int bytes(int blocks) { return 100 * blocks; }
  __device__ Fixed24Vector(void* shared, int count)
      : limbs(static_cast<unsigned*>(shared)), scales(reinterpret_cast<float*>(limbs + 24 * count)), blocks(count) {}
  /** Limb `l` of the 16 columns that are half `half` of a block. */
  __device__ __forceinline__ uint4 at(int l, int half, int block) const {
    return reinterpret_cast<const uint4*>(limbs)[(2 * l + half) * blocks + block];
  }
};

/** A block's scale and its inverse. A block with NaN or infinity has the scale NaN: so is all that it is part of. */
__device__ __forceinline__ void fixed24_scale(float largest, bool finite, float& scale, float& inverse) {
  inverse = largest > 0 ? kLargestFixed / fmaxf(largest, 0x1p-100f) : 0;
  scale = !finite ? __int_as_float(0x7fc00000) : largest > 0 ? 1 / inverse : 0;
}

/** Turns `in` (32 · blocks numbers, times `norm` if it is given) into fixed point, by all threads of the block; adds the
 * squares of this thread's numbers of `in` to `square`. What is written may be read after a barrier. */
template <bool kNormed>
__device__ __forceinline__ void to_fixed24(const Fixed24Vector& out, const float* in, const float* norm,
                                           float& square) {
  // Eight lanes a block, four numbers a lane.
  const int pieces = 8 * out.blocks, threads = static_cast<int>(blockDim.x);
  for (int base = 0; base < pieces; base += threads) {
    const int piece = base + static_cast<int>(threadIdx.x), block = piece / 8, word = piece % 8;
    const bool inside = piece < pieces;
    float4 v = inside ? __ldcg(reinterpret_cast<const float4*>(in) + piece) : float4{};
    if constexpr (kNormed) {
      square = fmaf(v.x, v.x, square), square = fmaf(v.y, v.y, square);
      square = fmaf(v.z, v.z, square), square = fmaf(v.w, v.w, square);
      const float4 w = inside ? __ldg(reinterpret_cast<const float4*>(norm) + piece) : float4{};
      v.x *= w.x, v.y *= w.y, v.z *= w.z, v.w *= w.w;
    }
    float largest = fmaxf(fmaxf(fabsf(v.x), fabsf(v.y)), fmaxf(fabsf(v.z), fabsf(v.w)));
    // Zero times a number is NaN where that is not finite, which fmaxf would pass over.
    float nothing = 0 * v.x + 0 * v.y + 0 * v.z + 0 * v.w;
#pragma unroll
    for (int offset = 4; offset > 0; offset >>= 1) {
      largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, offset));
      nothing += __shfl_xor_sync(0xffffffffu, nothing, offset);
    }
    float scale, inverse;
    fixed24_scale(largest, nothing == 0, scale, inverse);
    const float numbers[4] = {v.x, v.y, v.z, v.w};
    unsigned words[3] = {};
#pragma unroll
    for (int i = 0; i < 4; i++) {
      // 128 · (65536 + 256 + 1) more makes each limb 128 more, and no carry.
      const unsigned fixed = static_cast<unsigned>(__float2int_rn(numbers[i] * inverse) + 0x808080);
#pragma unroll
      for (int l = 0; l < 3; l++) words[l] |= (fixed >> (16 - 8 * l) & 255) << (8 * i);
    }
    if (!inside) continue;
#pragma unroll
    for (int l = 0; l < 3; l++)
      out.limbs[((2 * l + word / 4) * out.blocks + block) * 4 + word % 4] = words[l] ^ 0x80808080u;
    if (word == 0) out.scales[block] = scale;
  }
}

}  // namespace phi3lab::cuda
