// For registers.cuh, what a lane has of a row of a compact matrix, 32 columns or (of 8-bit numbers) 16, and their
// product with its share of the vector: whole numbers by dp4a, a limb after the other, which become one float32 number
// a scale.
#pragma once

#include "cuda/memory/compact.cuh"
#include "limbs.cuh"

namespace phi3lab::cuda {

template <WeightType kType>
struct Lane {
  using Matrix = CompactMatrix;
  using Shared = Fixed24Vector;
  static constexpr CompactFormat kFormat = compact_format(kType);
  static constexpr bool kPairs = kType == WeightType::Q4_1 || kType == WeightType::Q5_1;  // of d and m
  static constexpr bool kMinima = kType == WeightType::Q4_K || kType == WeightType::Q5_K;
  static constexpr bool kTwoScales = kType == WeightType::Q6_K;
  static constexpr int kColumns = kFormat.bits == 8 ? 16 : 32, kWords = kColumns / 4;
  static constexpr int kHighWords = kFormat.high_bytes() / 4;
  /** Whether a number is d · (q − an offset) with nothing added: the offset's part is a whole number, too. */
  static constexpr int kOffset = kPairs || kMinima || kFormat.bits == 8 ? 0 : 1 << (kFormat.bits - 1);
  static constexpr int kHalves = kTwoScales ? 2 : 1;  // that are summed apart

  /** The vector's share. */
  struct Vector {
    unsigned limbs[3][kWords];
    int start[kHalves][3];  // of the sums
    float scale, sum;       // sum: of the numbers, where a minimum is times it

    __device__ __forceinline__ void load(const Fixed24Vector& from, int place) {
      const int block = place * kColumns / 32;
#pragma unroll
      for (int l = 0; l < 3; l++) {
#pragma unroll
        for (int i = 0; i < kWords / 4; i++) {
          const uint4 four = from.at(l, kColumns == 16 ? place % 2 : i, block);
          limbs[l][4 * i] = four.x, limbs[l][4 * i + 1] = four.y;
          limbs[l][4 * i + 2] = four.z, limbs[l][4 * i + 3] = four.w;
        }
      }
      scale = from.scales[block];
      finish();
    }
    __device__ __forceinline__ void clear() {
#pragma unroll
      for (int l = 0; l < 3; l++)
#pragma unroll
        for (int i = 0; i < kWords; i++) limbs[l][i] = 0;
      scale = 0;
      finish();
    }

   private:
    __device__ __forceinline__ void finish() {
      int total[kHalves][3];
#pragma unroll
      for (int h = 0; h < kHalves; h++)
#pragma unroll
        for (int l = 0; l < 3; l++) {
          total[h][l] = 0;
#pragma unroll
          for (int i = 0; i < kWords / kHalves; i++)
            total[h][l] = __dp4a(static_cast<int>(limbs[l][h * (kWords / kHalves) + i]), 0x01010101, total[h][l]);
          start[h][l] = -kOffset * total[h][l];
        }
      sum = scale * (65536.0f * static_cast<float>(total[0][0]) + static_cast<float>(256 * total[0][1] + total[0][2]));
    }
  };

  uint4 quants;
  unsigned high[kHighWords > 0 ? kHighWords : 1];
  unsigned scale, super;

  __device__ __forceinline__ void load(const CompactMatrix& m, size_t place) {
    const size_t block = place * kColumns / 32;
    quants = read_once(reinterpret_cast<const uint4*>(m.quants) + place);
    if constexpr (kHighWords == 1) high[0] = __ldcs(reinterpret_cast<const unsigned*>(m.high) + block);
    if constexpr (kHighWords == 2) {
      const uint2 both = __ldcs(reinterpret_cast<const uint2*>(m.high) + block);
      high[0] = both.x, high[1] = both.y;
    }
    if constexpr (kFormat.scale_bytes == 4)
      scale = __ldcs(reinterpret_cast<const unsigned*>(m.scales) + block);
    else
      scale = __ldcs(reinterpret_cast<const unsigned short*>(m.scales) + block);
    if constexpr (kFormat.super_bytes == 4) super = __ldg(reinterpret_cast<const unsigned*>(m.supers) + block / 8);
    if constexpr (kFormat.super_bytes == 2)
      super = __ldg(reinterpret_cast<const unsigned short*>(m.supers) + block / 8);
  }
  __device__ __forceinline__ void clear() {
    quants = make_uint4(0, 0, 0, 0);
    scale = super = 0;
#pragma unroll
    for (unsigned& word : high) word = 0;
  }

  /** Four quants, columns 4 i … */
  __device__ __forceinline__ unsigned word(int i) const {
    const unsigned words[4] = {quants.x, quants.y, quants.z, quants.w};
    if constexpr (kFormat.bits == 8) return words[i];
    const unsigned low = (i < 4 ? words[i % 4] : words[i % 4] >> 4) & 0x0f0f0f0fu;
    if constexpr (kFormat.bits == 5) return low | ((i < 4 ? high[0] << (4 - i) : high[0] >> (i - 4)) & 0x10101010u);
    if constexpr (kFormat.bits == 6) {
      const unsigned bits = high[i / 4];
      return low | ((i % 4 < 2 ? bits << (4 - 2 * (i % 4)) : bits >> (2 * (i % 4) - 4)) & 0x30303030u);
    }
    return low;
  }

  __device__ __forceinline__ float dot(const Vector& x) const {
    float sums[kHalves];
#pragma unroll
    for (int h = 0; h < kHalves; h++) {
      int a0 = x.start[h][0], a1 = x.start[h][1], a2 = x.start[h][2];
#pragma unroll
      for (int j = 0; j < kWords / kHalves; j++) {
        const int i = h * (kWords / kHalves) + j, q = static_cast<int>(word(i));
        a0 = __dp4a(q, static_cast<int>(x.limbs[0][i]), a0);
        a1 = __dp4a(q, static_cast<int>(x.limbs[1][i]), a1);
        a2 = __dp4a(q, static_cast<int>(x.limbs[2][i]), a2);
      }
      sums[h] = fmaf(static_cast<float>(256 * a0 + a1), 256.0f, static_cast<float>(a2));
    }
    if constexpr (kPairs) {
      const float2 d = halves_of(scale);
      return fmaf(d.y, x.sum, d.x * (x.scale * sums[0]));
    } else if constexpr (kMinima) {
      const float2 d = halves_of(super);
      const float factor = d.x * static_cast<float>(scale & 255), minimum = d.y * static_cast<float>(scale >> 8);
      return fmaf(factor, x.scale * sums[0], -minimum * x.sum);
    } else if constexpr (kTwoScales) {
      const float first = static_cast<float>(static_cast<int8_t>(scale & 255));
      const float second = static_cast<float>(static_cast<int8_t>(scale >> 8));
      return half_of(super) * x.scale * fmaf(first, sums[0], second * sums[1]);
    } else {
      return half_of(scale) * (x.scale * sums[0]);
    }
  }
};

}  // namespace phi3lab::cuda
