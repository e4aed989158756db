// Parts of blocks of 256 columns, Q4_K, Q5_K and Q6_K as interleaved16, by NEON: four rows a vector.
#pragma once

#include <arm_neon.h>

#include "cpu/simd/neon.h"
#include "interleaved16.h"

namespace phi3lab::cpu {

/** Each byte shifted to the left, or where that is negative to the right. */
static inline uint8x16_t shifted(uint8x16_t bytes, int to_left) {
  return vshlq_u8(bytes, vdupq_n_s8(static_cast<int8_t>(to_left)));
}

/** Vector i of rows 4v … 4v + 3 of a part: the quants of columns 4i … and of columns 16 + 4i …, in whole. */
template <WeightType type>
static inline void load_quants16(uint8x16_t* low, uint8x16_t* high, const uint8_t* part, int v, int i) {
  const uint8x16_t w = vld1q_u8(part + 64 * i + 16 * v);
  *low = vandq_u8(w, vdupq_n_u8(15));
  *high = vshrq_n_u8(w, 4);
  if constexpr (type == WeightType::Q5_K) {
    const uint8x16_t above = vld1q_u8(part + 256 + 16 * v), bit = vdupq_n_u8(16);
    *low = vorrq_u8(*low, vandq_u8(shifted(above, 4 - i), bit));
    *high = vorrq_u8(*high, vandq_u8(shifted(above, -i), bit));
  }
  if constexpr (type == WeightType::Q6_K) {
    const uint8x16_t bits = vdupq_n_u8(48);
    *low = vorrq_u8(*low, vandq_u8(shifted(vld1q_u8(part + 256 + 16 * v), 4 - 2 * i), bits));
    *high = vorrq_u8(*high, vandq_u8(shifted(vld1q_u8(part + 320 + 16 * v), 4 - 2 * i), bits));
  }
}

/** Four bytes as numbers, signed where the format's scales are. */
template <WeightType type>
static inline float32x4_t four_bytes(const uint8_t* p) {
  uint32_t word;
  std::memcpy(&word, p, 4);
  const uint8x8_t bytes = vreinterpret_u8_u32(vdup_n_u32(word));
  if constexpr (type == WeightType::Q6_K)
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vreinterpret_s8_u8(bytes)))));
  else
    return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(bytes))));
}

/** Four float16 numbers. */
static inline float32x4_t four_halves(const uint8_t* p) { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p))); }

/** The factors of rows 4v … of a part: the scale of columns 0 … and of columns 16 …, and what is subtracted. */
struct PartScales {
  float32x4_t first, second, minimum;
};

/** `tail`: the block's d and dmin. Products of float16's 11 bits with 8 are exact. */
template <WeightType type>
static inline PartScales scales_of(const uint8_t* part, const uint8_t* tail, int v) {
  const uint8_t* scales = part + quants16(type) + 4 * v;
  const float32x4_t d = four_halves(tail + 8 * v), first = vmulq_f32(d, four_bytes<type>(scales));
  const float32x4_t other = four_bytes<type>(scales + 16);
  if constexpr (type == WeightType::Q6_K) return {first, vmulq_f32(d, other), vdupq_n_f32(0)};
  return {first, first, vmulq_f32(four_halves(tail + 32 + 8 * v), other)};
}

/** 8 of 16 rows, from `block` on, as float32 into half of a panel. */
template <WeightType type>
static inline void unpack_super(float* panel, const uint8_t* block, int half, int64_t blocks) {
  for (int64_t b = 0; b < blocks; b++, block += block16(type)) {
    const uint8_t* tail = block + 8 * part16(type);
    for (int j = 0; j < 8; j++, panel += 32 * kGroupRows) {
      const uint8_t* part = block + static_cast<size_t>(j) * part16(type);
      for (int v = 2 * half; v < 2 * half + 2; v++) {
        const PartScales scales = scales_of<type>(part, tail, v);
        const auto put = [&](int column, uint8x16_t quads, float32x4_t scale) {
          for (int k = 0; k < 4; k++) {
            const uint32x4_t byte =
                vandq_u32(vshlq_u32(vreinterpretq_u32_u8(quads), vdupq_n_s32(-8 * k)), vdupq_n_u32(255));
            const int32x4_t q = vsubq_s32(vreinterpretq_s32_u32(byte), vdupq_n_s32(type == WeightType::Q6_K ? 32 : 0));
            vst1q_f32(panel + (column + k) * kGroupRows + 4 * (v - 2 * half),
                      vsubq_f32(vmulq_f32(scale, vcvtq_f32_s32(q)), scales.minimum));
          }
        };
        for (int i = 0; i < 4; i++) {
          uint8x16_t low, high;
          load_quants16<type>(&low, &high, part, v, i);
          put(4 * i, low, scales.first);
          put(16 + 4 * i, high, scales.second);
        }
      }
    }
  }
}

}  // namespace phi3lab::cpu
