// The weight formats as they lie in their files, and one row's numbers as float32: what every other layout and kernel
// is measured against. `static` throughout: files compiled for different instructions must not share these functions.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "matmul.h"

namespace phi3lab::cpu {

// GGUF's blocks. `d` and `m` are float16; a weight is d·q (Q4_0: d·(q − 8)), for Q4_1 d·q + m. The low nibbles hold the
// first 16 weights of a block, the high nibbles the other 16. No member needs an alignment.
struct BlockQ4_0 {
  uint8_t d[2];
  uint8_t quants[16];
};
struct BlockQ4_1 {
  uint8_t d[2];
  uint8_t m[2];
  uint8_t quants[16];
};
struct BlockQ8_0 {
  uint8_t d[2];
  int8_t quants[32];
};
// 256 weights: 6-bit numbers (4 low bits in `low`, 2 high bits in `high`) minus 32, times an int8 scale a 16, times d.
struct BlockQ6_K {
  uint8_t low[128];
  uint8_t high[64];
  int8_t scales[16];
  uint8_t d[2];
};
static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20 && sizeof(BlockQ8_0) == 34 && sizeof(BlockQ6_K) == 210,
              "the blocks lie packed");

/** Calls use(tag), with the type as decltype(tag)::value. */
template <class Use>
static inline void with_type(WeightType type, const Use& use) {
  switch (type) {
    case WeightType::F32:
      return use(std::integral_constant<WeightType, WeightType::F32>());
    case WeightType::F16:
      return use(std::integral_constant<WeightType, WeightType::F16>());
    case WeightType::BF16:
      return use(std::integral_constant<WeightType, WeightType::BF16>());
    case WeightType::Q4_0:
      return use(std::integral_constant<WeightType, WeightType::Q4_0>());
    case WeightType::Q4_1:
      return use(std::integral_constant<WeightType, WeightType::Q4_1>());
    case WeightType::Q8_0:
      return use(std::integral_constant<WeightType, WeightType::Q8_0>());
    case WeightType::Q6_K:
      return use(std::integral_constant<WeightType, WeightType::Q6_K>());
  }
}

static inline uint16_t load16(const void* p) {
  uint16_t v;
  std::memcpy(&v, p, 2);
  return v;
}

static inline float bits_to_float(uint32_t bits) {
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}

static inline float bf16_to_float(uint16_t h) { return bits_to_float(static_cast<uint32_t>(h) << 16); }

/** float16 to float32, exactly: subnormals, infinities and NaN included. */
static inline float f16_to_float(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16, magnitude = h & 0x7fff;
  if (magnitude >= 0x7c00) return bits_to_float(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
  if (magnitude >= 0x400) return bits_to_float(sign | ((magnitude << 13) + (112u << 23)));
  const float small = static_cast<float>(magnitude) * 5.9604644775390625e-8f;  // 2⁻²⁴
  return sign ? -small : small;
}

static inline float half_at(const uint8_t* p) { return f16_to_float(load16(p)); }

static inline void dequantise_q6_k(float* out, const BlockQ6_K& b) {
  const float d = half_at(b.d);
  for (int half = 0; half < 2; half++, out += 128) {
    const uint8_t* low = b.low + 64 * half;
    const uint8_t* high = b.high + 32 * half;
    const int8_t* scales = b.scales + 8 * half;
    for (int i = 0; i < 32; i++) {
      const int q[4] = {(low[i] & 15) | (high[i] & 3) << 4, (low[i + 32] & 15) | (high[i] >> 2 & 3) << 4,
                        low[i] >> 4 | (high[i] >> 4 & 3) << 4, low[i + 32] >> 4 | (high[i] >> 6) << 4};
      for (int part = 0; part < 4; part++) {
        out[32 * part + i] = d * static_cast<float>(scales[2 * part + i / 16]) * static_cast<float>(q[part] - 32);
      }
    }
  }
}

/** Columns [first, first + count) of a as_stored row; for block formats both are multiples of the block. */
static inline void dequantise(float* out, WeightType type, const uint8_t* row, int64_t first, int64_t count) {
  switch (type) {
    case WeightType::F32:
      std::memcpy(out, row + 4 * first, static_cast<size_t>(count) * 4);
      return;
    case WeightType::F16:
      for (int64_t i = 0; i < count; i++) out[i] = half_at(row + 2 * (first + i));
      return;
    case WeightType::BF16:
      for (int64_t i = 0; i < count; i++) out[i] = bf16_to_float(load16(row + 2 * (first + i)));
      return;
    case WeightType::Q4_0:
      for (int64_t k = 0; k < count; k += 32, out += 32) {
        const auto& b = reinterpret_cast<const BlockQ4_0*>(row)[(first + k) / 32];
        const float d = half_at(b.d);
        for (int i = 0; i < 16; i++) {
          out[i] = d * static_cast<float>((b.quants[i] & 15) - 8);
          out[i + 16] = d * static_cast<float>((b.quants[i] >> 4) - 8);
        }
      }
      return;
    case WeightType::Q4_1:
      for (int64_t k = 0; k < count; k += 32, out += 32) {
        const auto& b = reinterpret_cast<const BlockQ4_1*>(row)[(first + k) / 32];
        const float d = half_at(b.d), m = half_at(b.m);
        for (int i = 0; i < 16; i++) {
          out[i] = d * static_cast<float>(b.quants[i] & 15) + m;
          out[i + 16] = d * static_cast<float>(b.quants[i] >> 4) + m;
        }
      }
      return;
    case WeightType::Q8_0:
      for (int64_t k = 0; k < count; k += 32, out += 32) {
        const auto& b = reinterpret_cast<const BlockQ8_0*>(row)[(first + k) / 32];
        const float d = half_at(b.d);
        for (int i = 0; i < 32; i++) out[i] = d * static_cast<float>(b.quants[i]);
      }
      return;
    case WeightType::Q6_K:
      for (int64_t k = 0; k < count; k += 256, out += 256) {
        dequantise_q6_k(out, reinterpret_cast<const BlockQ6_K*>(row)[(first + k) / 256]);
      }
      return;
  }
}

}  // namespace phi3lab::cpu
