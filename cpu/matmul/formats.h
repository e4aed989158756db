// The weight formats as they lie in their files, and one row's numbers as float32: what every other layout and kernel
// is measured against. `static` throughout: files compiled for different instructions must not share these functions.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "matmul.h"
#include "super_blocks.h"

namespace phi3lab::cpu {

// GGUF's blocks of 32. `d` and `m` are float16; a weight is d·q (Q4_0: d·(q − 8), Q5_0: d·(q − 16)), for Q4_1 and Q5_1
// d·q + m. The low nibbles hold the first 16 weights of a block, the high nibbles the other 16; Q5_0 and Q5_1 have the
// fifth bit of weight i as bit i of `high`. No member needs an alignment.
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
struct BlockQ5_0 {
  uint8_t d[2];
  uint8_t high[4];
  uint8_t quants[16];
};
struct BlockQ5_1 {
  uint8_t d[2];
  uint8_t m[2];
  uint8_t high[4];
  uint8_t quants[16];
};
// Places in `kIQ4`.
struct BlockIQ4_NL {
  uint8_t d[2];
  uint8_t quants[16];
};
static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20 && sizeof(BlockQ5_0) == 22 &&
                  sizeof(BlockQ5_1) == 24 && sizeof(BlockQ8_0) == 34 && sizeof(BlockIQ4_NL) == 18,
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
    case WeightType::Q5_0:
      return use(std::integral_constant<WeightType, WeightType::Q5_0>());
    case WeightType::Q5_1:
      return use(std::integral_constant<WeightType, WeightType::Q5_1>());
    case WeightType::Q8_0:
      return use(std::integral_constant<WeightType, WeightType::Q8_0>());
    case WeightType::IQ4_NL:
      return use(std::integral_constant<WeightType, WeightType::IQ4_NL>());
    case WeightType::Q2_K:
      return use(std::integral_constant<WeightType, WeightType::Q2_K>());
    case WeightType::Q3_K:
      return use(std::integral_constant<WeightType, WeightType::Q3_K>());
    case WeightType::Q4_K:
      return use(std::integral_constant<WeightType, WeightType::Q4_K>());
    case WeightType::Q5_K:
      return use(std::integral_constant<WeightType, WeightType::Q5_K>());
    case WeightType::Q6_K:
      return use(std::integral_constant<WeightType, WeightType::Q6_K>());
    case WeightType::IQ4_XS:
      return use(std::integral_constant<WeightType, WeightType::IQ4_XS>());
  }
}

/** Weight i of a block of 32 whose quants have five bits. */
static inline int five_bits(const uint8_t* quants, const uint8_t* high, int i) {
  return (quants[i % 16] >> (4 * (i / 16)) & 15) | (load32(high) >> i & 1) << 4;
}

template <class Block>
static inline void dequantise_super_blocks(float* out, const uint8_t* row, int64_t first, int64_t count) {
  const auto* blocks = reinterpret_cast<const Block*>(row) + first / 256;
  for (int64_t k = 0; k < count; k += 256) dequantise_super_block(out + k, *blocks++);
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
    case WeightType::Q5_0:
      for (int64_t k = 0; k < count; k += 32, out += 32) {
        const auto& b = reinterpret_cast<const BlockQ5_0*>(row)[(first + k) / 32];
        const float d = half_at(b.d);
        for (int i = 0; i < 32; i++) out[i] = d * static_cast<float>(five_bits(b.quants, b.high, i) - 16);
      }
      return;
    case WeightType::Q5_1:
      for (int64_t k = 0; k < count; k += 32, out += 32) {
        const auto& b = reinterpret_cast<const BlockQ5_1*>(row)[(first + k) / 32];
        const float d = half_at(b.d), m = half_at(b.m);
        for (int i = 0; i < 32; i++) out[i] = d * static_cast<float>(five_bits(b.quants, b.high, i)) + m;
      }
      return;
    case WeightType::IQ4_NL:
      for (int64_t k = 0; k < count; k += 32, out += 32) {
        const auto& b = reinterpret_cast<const BlockIQ4_NL*>(row)[(first + k) / 32];
        const float d = half_at(b.d);
        for (int i = 0; i < 32; i++) out[i] = d * static_cast<float>(kIQ4[b.quants[i % 16] >> (4 * (i / 16)) & 15]);
      }
      return;
    case WeightType::Q8_0:
      for (int64_t k = 0; k < count; k += 32, out += 32) {
        const auto& b = reinterpret_cast<const BlockQ8_0*>(row)[(first + k) / 32];
        const float d = half_at(b.d);
        for (int i = 0; i < 32; i++) out[i] = d * static_cast<float>(b.quants[i]);
      }
      return;
    case WeightType::Q2_K:
      return dequantise_super_blocks<BlockQ2_K>(out, row, first, count);
    case WeightType::Q3_K:
      return dequantise_super_blocks<BlockQ3_K>(out, row, first, count);
    case WeightType::Q4_K:
      return dequantise_super_blocks<BlockQ4_K>(out, row, first, count);
    case WeightType::Q5_K:
      return dequantise_super_blocks<BlockQ5_K>(out, row, first, count);
    case WeightType::Q6_K:
      return dequantise_super_blocks<BlockQ6_K>(out, row, first, count);
    case WeightType::IQ4_XS:
      return dequantise_super_blocks<BlockIQ4_XS>(out, row, first, count);
  }
}

}  // namespace phi3lab::cpu
