// GGUF's blocks of 256 weights: eight sub-blocks of 32, each with one scale or two (a 16), all times the block's
// float16 `d`; Q2_K, Q4_K and Q5_K also subtract a minimum, all times `dmin`. Here: how they lie, their scales, and one
// block as float32. Products of float32 are in the order in which gguf-py has them, so that a number is the same to the
// bit.
#pragma once

#include "halves.h"

namespace phi3lab::cpu {

// 2-bit numbers; a scale and a minimum of 4 bits each a 16.
struct BlockQ2_K {
  uint8_t scales[16];
  uint8_t quants[64];
  uint8_t d[2];
  uint8_t dmin[2];
};
// 3-bit numbers minus 4: 2 low bits in `quants`, bit j of `high` for sub-block j; scales of 6 bits minus 32 a 16.
struct BlockQ3_K {
  uint8_t high[32];
  uint8_t quants[64];
  uint8_t scales[12];
  uint8_t d[2];
};
// 4-bit numbers; a scale and a minimum of 6 bits each a 32.
struct BlockQ4_K {
  uint8_t d[2];
  uint8_t dmin[2];
  uint8_t scales[12];
  uint8_t quants[128];
};
// 5-bit numbers: as Q4_K, with bit j of `high` for sub-block j.
struct BlockQ5_K {
  uint8_t d[2];
  uint8_t dmin[2];
  uint8_t scales[12];
  uint8_t high[32];
  uint8_t quants[128];
};
// 6-bit numbers minus 32: 4 low bits in `low`, 2 high bits in `high`; an int8 scale a 16.
struct BlockQ6_K {
  uint8_t low[128];
  uint8_t high[64];
  int8_t scales[16];
  uint8_t d[2];
};
// Places in `kIQ4` of 4 bits; scales of 6 bits minus 32 a 32.
struct BlockIQ4_XS {
  uint8_t d[2];
  uint8_t scales_high[2];
  uint8_t scales_low[4];
  uint8_t quants[128];
};
static_assert(sizeof(BlockQ2_K) == 84 && sizeof(BlockQ3_K) == 110 && sizeof(BlockQ4_K) == 144 &&
                  sizeof(BlockQ5_K) == 176 && sizeof(BlockQ6_K) == 210 && sizeof(BlockIQ4_XS) == 136,
              "the blocks lie packed");

/** The numbers that IQ4_NL's and IQ4_XS's quants stand for. */
alignas(16) static constexpr int8_t kIQ4[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                1,    13,   25,  38,  53,  69,  89,  113};

/** A block's scales and minima before they are multiplied by d and dmin: eight int8 numbers a word. */
struct PackedScales {
  uint64_t scales[2];  // one a 16 columns; one a 32 where the format has eight: the first word then
  uint64_t mins[2];
};

static inline uint64_t load64(const void* p) {
  uint64_t v;
  std::memcpy(&v, p, 8);
  return v;
}
static inline uint32_t load32(const void* p) {
  uint32_t v;
  std::memcpy(&v, p, 4);
  return v;
}
static inline uint64_t words(uint32_t low, uint32_t high) { return low | static_cast<uint64_t>(high) << 32; }

/** Each of eight bytes below 64, minus 32. */
static inline uint64_t minus_32(uint64_t bytes) {
  return ((bytes | 0x8080808080808080u) - 0x2020202020202020u) ^ 0x8080808080808080u;
}

/** Eight scales and eight minima of 6 bits in 12 bytes, as Q4_K and Q5_K have them. */
static inline PackedScales unpack_6_bits(const uint8_t* packed) {
  const uint32_t scales = load32(packed), mins = load32(packed + 4), rest = load32(packed + 8);
  return {{words(scales & 0x3f3f3f3fu, (rest & 0x0f0f0f0fu) | (scales >> 2 & 0x30303030u)), 0},
          {words(mins & 0x3f3f3f3fu, (rest >> 4 & 0x0f0f0f0fu) | (mins >> 2 & 0x30303030u)), 0}};
}

static inline PackedScales unpack_scales(const BlockQ2_K& b) {
  constexpr uint64_t low = 0x0f0f0f0f0f0f0f0fu;
  const uint64_t first = load64(b.scales), second = load64(b.scales + 8);
  return {{first & low, second & low}, {first >> 4 & low, second >> 4 & low}};
}
static inline PackedScales unpack_scales(const BlockQ3_K& b) {
  constexpr uint32_t low = 0x0f0f0f0fu, high = 0x30303030u;
  const uint32_t first = load32(b.scales), second = load32(b.scales + 4), rest = load32(b.scales + 8);
  return {{minus_32(words((first & low) | (rest << 4 & high), (second & low) | (rest << 2 & high))),
           minus_32(words((first >> 4 & low) | (rest & high), (second >> 4 & low) | (rest >> 2 & high)))},
          {}};
}
static inline PackedScales unpack_scales(const BlockQ4_K& b) { return unpack_6_bits(b.scales); }
static inline PackedScales unpack_scales(const BlockQ5_K& b) { return unpack_6_bits(b.scales); }
static inline PackedScales unpack_scales(const BlockQ6_K& b) { return {{load64(b.scales), load64(b.scales + 8)}, {}}; }
static inline PackedScales unpack_scales(const BlockIQ4_XS& b) {
  uint64_t scales = 0;
  for (int j = 0; j < 8; j++) {
    const uint64_t low = b.scales_low[j / 2] >> (4 * (j % 2)) & 15, high = load16(b.scales_high) >> (2 * j) & 3;
    scales |= (low | high << 4) << (8 * j);
  }
  return {{minus_32(scales), 0}, {}};
}

/** The number at place i of sub-block j, before its scale. */
static inline int quant_at(const BlockQ2_K& b, int j, int i) { return b.quants[j / 4 * 32 + i] >> (2 * (j % 4)) & 3; }
static inline int quant_at(const BlockQ3_K& b, int j, int i) {
  return (b.quants[j / 4 * 32 + i] >> (2 * (j % 4)) & 3) + (b.high[i] >> j & 1) * 4 - 4;
}
static inline int quant_at(const BlockQ4_K& b, int j, int i) { return b.quants[j / 2 * 32 + i] >> (4 * (j % 2)) & 15; }
static inline int quant_at(const BlockQ5_K& b, int j, int i) {
  return (b.quants[j / 2 * 32 + i] >> (4 * (j % 2)) & 15) + (b.high[i] >> j & 1) * 16;
}
static inline int quant_at(const BlockQ6_K& b, int j, int i) {
  const int half = j / 4, part = j % 4;
  return (b.low[64 * half + part % 2 * 32 + i] >> (4 * (part / 2)) & 15) +
         (b.high[32 * half + i] >> (2 * part) & 3) * 16 - 32;
}
static inline int quant_at(const BlockIQ4_XS& b, int j, int i) {
  return kIQ4[b.quants[16 * j + i % 16] >> (4 * (i / 16)) & 15];
}

/** Whether a block has a scale a 16 columns, and whether it has minima. */
template <class Block>
struct SuperBlock {
  static constexpr bool scale_a_16 = false, has_minima = false;
};
template <>
struct SuperBlock<BlockQ2_K> {
  static constexpr bool scale_a_16 = true, has_minima = true;
};
template <>
struct SuperBlock<BlockQ3_K> {
  static constexpr bool scale_a_16 = true, has_minima = false;
};
template <>
struct SuperBlock<BlockQ4_K> {
  static constexpr bool scale_a_16 = false, has_minima = true;
};
template <>
struct SuperBlock<BlockQ5_K> {
  static constexpr bool scale_a_16 = false, has_minima = true;
};
template <>
struct SuperBlock<BlockQ6_K> {
  static constexpr bool scale_a_16 = true, has_minima = false;
};

/** One block as float32: out (256,). */
template <class Block>
static inline void dequantise_super_block(float* out, const Block& b) {
  constexpr int step = SuperBlock<Block>::scale_a_16 ? 16 : 32;
  const PackedScales packed = unpack_scales(b);
  const float d = half_at(b.d);
  for (int k = 0; k < 256; k += step, out += step) {
    const int word = k / step / 8, shift = k / step % 8 * 8;
    const float scale = d * static_cast<float>(static_cast<int8_t>(packed.scales[word] >> shift));
    float minimum = 0;
    if constexpr (SuperBlock<Block>::has_minima)
      minimum = half_at(b.dmin) * static_cast<float>(static_cast<int8_t>(packed.mins[word] >> shift));
    for (int i = 0; i < step; i++) {
      const float product = scale * static_cast<float>(quant_at(b, k / 32, k % 32 + i));
      out[i] = SuperBlock<Block>::has_minima ? product - minimum : product;
    }
  }
}

}  // namespace phi3lab::cpu
