// A vector in fixed point: of every 32 numbers x[k] = scale · (65536 · limb[0][k] + 256 · limb[1][k] + limb[2][k]),
// int8 limbs, exact to 2^-24 of the block's largest number. cpu/matmul/fixed24.h is the same for processors.
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

  static __host__ __device__ constexpr int bytes(int cols) { return cols / 32 * 100; }
  __device__ Fixed24Vector(void* shared, int cols)
      : limbs(static_cast<unsigned*>(shared)),
        scales(reinterpret_cast<float*>(limbs + cols / 32 * 24)),
        blocks(cols / 32) {}
  /** Limb `l` of the 16 columns that are half `half` of a block. */
  __device__ __forceinline__ uint4 at(int l, int half, int block) const {
    return reinterpret_cast<const uint4*>(limbs)[(2 * l + half) * blocks + block];
  }
  /** Turns `in` (times `norm` if it is given) into fixed point, by all threads of the block; adds the squares of this
   * thread's numbers of `in` to `square`. What is written may be read after a barrier. Called before the previous
   * kernel has ended, and waits for it. */
  template <bool kNormed>
  __device__ __forceinline__ void fill(const float* in, const float* norm, float& square) const;
};

/** Calls take(numbers, piece) for every four numbers of `in` (4 * pieces), times `norm` if it is given, on all lanes of
 * a warp together: zeros where a lane has none. Several are asked for at once, after the previous kernel has ended. */
template <bool kNormed, class Take>
__device__ __forceinline__ void each_four(const float* in, const float* norm, int pieces, float& square,
                                          const Take& take) {
  constexpr int kAhead = kNormed ? 2 : 4;
  const int threads = static_cast<int>(blockDim.x);
  bool waited = false;
  for (int base = 0; base < pieces; base += kAhead * threads) {
    const auto piece = [&](int i) { return base + i * threads + static_cast<int>(threadIdx.x); };
    float4 numbers[kAhead], norms[kNormed ? kAhead : 1];
    if constexpr (kNormed) {
#pragma unroll
      for (int i = 0; i < kAhead; i++)
        norms[i] = piece(i) < pieces ? __ldg(reinterpret_cast<const float4*>(norm) + piece(i)) : float4{};
    }
    if (!waited) wait_previous();
    waited = true;
#pragma unroll
    for (int i = 0; i < kAhead; i++)
      numbers[i] = piece(i) < pieces ? __ldcg(reinterpret_cast<const float4*>(in) + piece(i)) : float4{};
#pragma unroll
    for (int i = 0; i < kAhead; i++) {
      if (base + i * threads >= pieces) break;
      float4 v = numbers[i];
      if constexpr (kNormed) {
        square = fmaf(v.x, v.x, square), square = fmaf(v.y, v.y, square);
        square = fmaf(v.z, v.z, square), square = fmaf(v.w, v.w, square);
        v.x *= norms[i].x, v.y *= norms[i].y, v.z *= norms[i].z, v.w *= norms[i].w;
      }
      take(v, piece(i));
    }
  }
}

/** A block's scale and its inverse. A block with NaN or infinity has the scale NaN: so is all that it is part of. */
__device__ __forceinline__ void fixed24_scale(float largest, bool finite, float& scale, float& inverse) {
  inverse = largest > 0 ? kLargestFixed / fmaxf(largest, 0x1p-100f) : 0;
  scale = !finite ? __int_as_float(0x7fc00000) : largest > 0 ? 1 / inverse : 0;
}

/** Four numbers, the eighth part of a block, into fixed point; all lanes of the warp call it, those of pieces that are
 * not there with zeros. */
__device__ __forceinline__ void store_fixed24(const Fixed24Vector& out, float4 v, int piece) {
  const int block = piece / 8, word = piece % 8;
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
  if (block >= out.blocks) return;
#pragma unroll
  for (int l = 0; l < 3; l++)
    out.limbs[((2 * l + word / 4) * out.blocks + block) * 4 + word % 4] = words[l] ^ 0x80808080u;
  if (word == 0) out.scales[block] = scale;
}

template <bool kNormed>
__device__ __forceinline__ void Fixed24Vector::fill(const float* in, const float* norm, float& square) const {
  // Eight lanes a block.
  each_four<kNormed>(in, norm, 8 * blocks, square, [&](float4 v, int piece) { store_fixed24(*this, v, piece); });
}

}  // namespace phi3lab::cuda
