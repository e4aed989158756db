// Numbers of a compact matrix (compact.h), read by a kernel: eight neighbours of a row at once, as float32.
#pragma once

#include "compact.h"
#include "number_at.cuh"

namespace phi3lab::cuda {

/** d and m, or d and dmin, of a pair of float16 numbers. */
__device__ __forceinline__ float2 halves_of(unsigned pair) {
  return __half22float2(*reinterpret_cast<const __half2*>(&pair));
}
__device__ __forceinline__ float half_of(unsigned bits) { return __half2float(__ushort_as_half(bits & 0xffffu)); }

/** Columns 8 part … of block `block` (of 32 columns, counted over all rows: a matrix of 2^37 numbers would be too
 * large). */
template <WeightType kType>
__device__ __forceinline__ void compact_eight(float* out, const CompactMatrix& m, unsigned block, int part) {
  constexpr CompactFormat kFormat = compact_format(kType);
  int quants[8];
  if constexpr (kFormat.bits == 8) {
    const uint2 bytes = *reinterpret_cast<const uint2*>(m.quants + size_t{32} * block + 8 * part);
#pragma unroll
    for (int i = 0; i < 8; i++) quants[i] = static_cast<int8_t>((i < 4 ? bytes.x : bytes.y) >> (8 * (i % 4)));
  } else {
    const uint2 bytes = *reinterpret_cast<const uint2*>(m.quants + size_t{16} * block + 8 * (part % 2));
    const unsigned low = bytes.x >> (4 * (part / 2)), more = bytes.y >> (4 * (part / 2));
    unsigned high[2] = {};  // of the two words of four columns, at the lowest bits of each byte
    if constexpr (kFormat.bits == 5) {
      const unsigned word = *reinterpret_cast<const unsigned*>(m.high + size_t{4} * block);
      high[0] = word >> (2 * part), high[1] = word >> (2 * part + 1);
    } else if constexpr (kFormat.bits == 6) {
      const unsigned word = *reinterpret_cast<const unsigned*>(m.high + size_t{8} * block + 4 * (part / 2));
      high[0] = word >> (4 * (part % 2)), high[1] = word >> (4 * (part % 2) + 2);
    }
    constexpr unsigned kHigh = (1u << (kFormat.bits - 4)) - 1;
#pragma unroll
    for (int i = 0; i < 8; i++) {
      const int shift = 8 * (i % 4);
      quants[i] = ((i < 4 ? low : more) >> shift & 15) | (high[i / 4] >> shift & kHigh) << 4;
    }
  }
  const uint8_t* scales = m.scales + size_t{block} * kFormat.scale_bytes;
  const uint8_t* super = m.supers + size_t{block / 8} * kFormat.super_bytes;
  if constexpr (kType == WeightType::Q4_1 || kType == WeightType::Q5_1) {
    const float2 scale = halves_of(*reinterpret_cast<const unsigned*>(scales));
#pragma unroll
    for (int i = 0; i < 8; i++) out[i] = __fadd_rn(__fmul_rn(scale.x, static_cast<float>(quants[i])), scale.y);
  } else if constexpr (kType == WeightType::Q4_K || kType == WeightType::Q5_K) {
    const float2 d = halves_of(*reinterpret_cast<const unsigned*>(super));
    const int pair = *reinterpret_cast<const unsigned short*>(scales);
#pragma unroll
    for (int i = 0; i < 8; i++) out[i] = less_minimum(d.x, pair & 255, quants[i], d.y, pair >> 8);
  } else if constexpr (kType == WeightType::Q6_K) {
    const float d = half_of(*reinterpret_cast<const unsigned short*>(super));
    const float scale = __fmul_rn(d, static_cast<float>(static_cast<int8_t>(scales[part / 2])));
#pragma unroll
    for (int i = 0; i < 8; i++) out[i] = __fmul_rn(scale, static_cast<float>(quants[i] - 32));
  } else {
    constexpr int kOffset = kFormat.bits == 8 ? 0 : 1 << (kFormat.bits - 1);
    const float d = half_of(*reinterpret_cast<const unsigned short*>(scales));
#pragma unroll
    for (int i = 0; i < 8; i++) out[i] = __fmul_rn(d, static_cast<float>(quants[i] - kOffset));
  }
}

/** Calls f(std::integral_constant) with a compact format's type. */
template <class F>
void with_compact_type(WeightType type, const F& f) {
  switch (type) {
    case WeightType::Q4_0:
      return f(std::integral_constant<WeightType, WeightType::Q4_0>());
    case WeightType::Q4_1:
      return f(std::integral_constant<WeightType, WeightType::Q4_1>());
    case WeightType::Q5_0:
      return f(std::integral_constant<WeightType, WeightType::Q5_0>());
    case WeightType::Q5_1:
      return f(std::integral_constant<WeightType, WeightType::Q5_1>());
    case WeightType::Q8_0:
      return f(std::integral_constant<WeightType, WeightType::Q8_0>());
    case WeightType::Q4_K:
      return f(std::integral_constant<WeightType, WeightType::Q4_K>());
    case WeightType::Q5_K:
      return f(std::integral_constant<WeightType, WeightType::Q5_K>());
    case WeightType::Q6_K:
      return f(std::integral_constant<WeightType, WeightType::Q6_K>());
    default:
      throw std::logic_error("[compact] Expected a format that stays compact");
  }
}

}  // namespace phi3lab::cuda
