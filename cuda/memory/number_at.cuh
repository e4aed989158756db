// One number of a row as files have it, as float32: each format's arithmetic in the order in which gguf-py has it.
#pragma once

#include "cuda/device/device.cuh"
#include "native/seam/dtype.h"

namespace phi3lab::cuda {

/** A weight that is infinite stays so. */
template <class T>
__device__ __forceinline__ T stored(float x) {
  return isinf(x) ? from_float<T>(x) : saturated<T>(x);
}

__device__ __forceinline__ float half_at(const uint8_t* p) {
  return __half2float(__ushort_as_half(static_cast<unsigned short>(p[0] | p[1] << 8)));
}

/** The four bits at place i of 32 in 16 bytes: the low nibbles come first. */
__device__ __forceinline__ int nibble(const uint8_t* quants, int i) { return quants[i % 16] >> (4 * (i / 16)) & 15; }

/** What IQ4_NL's and IQ4_XS's four bits stand for. */
__device__ __forceinline__ float iq4(int place) {
  constexpr int8_t kNumbers[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  return static_cast<float>(kNumbers[place]);
}

/** d · scale · q − dmin · minimum, in gguf-py's order. */
__device__ __forceinline__ float less_minimum(float d, int scale, int q, float dmin, int minimum) {
  const float product = __fmul_rn(__fmul_rn(d, static_cast<float>(scale)), static_cast<float>(q));
  return __fsub_rn(product, __fmul_rn(dmin, static_cast<float>(minimum)));
}

/** The six-bit scale (0) or minimum (1) of sub-block j in Q4_K's and Q5_K's 12 bytes. */
__device__ __forceinline__ int six_bits(const uint8_t* packed, int j, int which) {
  const int at = j % 4;
  if (j < 4) return packed[at + 4 * which] & 63;
  return (packed[at + 8] >> (4 * which) & 15) | packed[at + 4 * which] >> 6 << 4;
}

/** Bytes of a block, as files have it. */
template <WeightType kType>
inline constexpr int kBlockBytes = static_cast<int>(format_of(kType).block_bytes);

/** The integer at place `in` of a block of one of the formats that stay compact (compact.h), as the file has it:
 * without its offset, signed for Q8_0 alone. */
template <WeightType kType>
__device__ __forceinline__ int stored_quant(const uint8_t* block, int in) {
  if constexpr (kType == WeightType::Q4_0 || kType == WeightType::Q4_1) {
    return nibble(block + (kType == WeightType::Q4_0 ? 2 : 4), in);
  } else if constexpr (kType == WeightType::Q5_0 || kType == WeightType::Q5_1) {
    constexpr int kHead = kType == WeightType::Q5_0 ? 2 : 4;
    return nibble(block + kHead + 4, in) | (block[kHead + in / 8] >> in % 8 & 1) << 4;
  } else if constexpr (kType == WeightType::Q8_0) {
    return static_cast<int8_t>(block[2 + in]);
  } else if constexpr (kType == WeightType::Q4_K) {  // d, dmin, scales 12, quants 128
    return block[16 + in / 64 * 32 + in % 32] >> (4 * (in / 32 % 2)) & 15;
  } else if constexpr (kType == WeightType::Q5_K) {  // d, dmin, scales 12, high bits 32, low bits 128
    return (block[48 + in / 64 * 32 + in % 32] >> (4 * (in / 32 % 2)) & 15) | (block[16 + in % 32] >> (in / 32) & 1)
                                                                                  << 4;
  } else {
    static_assert(kType == WeightType::Q6_K);  // low bits 128, high bits 64, scales 16, d
    const int half = in / 128, part = in % 128 / 32, i = in % 32;
    const uint8_t low = block[64 * half + 32 * (part % 2) + i], high = block[128 + 32 * half + i];
    return (part < 2 ? low & 15 : low >> 4) | (high >> (2 * part) & 3) << 4;
  }
}

/** The two small scales of sub-block j of 32 columns: scale and minimum, or the scales of 16 columns each. */
template <WeightType kType>
__device__ __forceinline__ void stored_scales(uint8_t* out, const uint8_t* block, int j) {
  if constexpr (kType == WeightType::Q6_K) {
    out[0] = block[192 + 2 * j], out[1] = block[193 + 2 * j];
  } else {
    for (int which = 0; which < 2; which++) out[which] = static_cast<uint8_t>(six_bits(block + 4, j, which));
  }
}

/** Number `in` of a block of 256 of Q4_K or Q5_K. */
template <WeightType kType>
__device__ __forceinline__ float number_of_32(const uint8_t* block, int in) {
  return less_minimum(half_at(block), six_bits(block + 4, in / 32, 0), stored_quant<kType>(block, in),
                      half_at(block + 2), six_bits(block + 4, in / 32, 1));
}

/** Number k of a filed row; multiplied and added apart, as the formats say. */
template <WeightType kType>
__device__ __forceinline__ float number_at(const uint8_t* row, int64_t k) {
  if constexpr (kType == WeightType::F32) {
    const uint8_t* p = row + 4 * k;
    return __uint_as_float(p[0] | p[1] << 8 | p[2] << 16 | static_cast<uint32_t>(p[3]) << 24);
  } else if constexpr (kType == WeightType::F16) {
    return half_at(row + 2 * k);
  } else if constexpr (kType == WeightType::BF16) {
    const uint8_t* p = row + 2 * k;
    return __uint_as_float(static_cast<uint32_t>(p[0]) << 16 | static_cast<uint32_t>(p[1]) << 24);
  } else if constexpr (kType == WeightType::Q4_0 || kType == WeightType::Q4_1) {
    const uint8_t* block = row + k / 32 * kBlockBytes<kType>;
    const int q = stored_quant<kType>(block, static_cast<int>(k % 32));
    if constexpr (kType == WeightType::Q4_0) return __fmul_rn(half_at(block), static_cast<float>(q - 8));
    return __fadd_rn(__fmul_rn(half_at(block), static_cast<float>(q)), half_at(block + 2));
  } else if constexpr (kType == WeightType::Q5_0 || kType == WeightType::Q5_1) {
    const uint8_t* block = row + k / 32 * kBlockBytes<kType>;
    const int q = stored_quant<kType>(block, static_cast<int>(k % 32));
    if constexpr (kType == WeightType::Q5_0) return __fmul_rn(half_at(block), static_cast<float>(q - 16));
    return __fadd_rn(__fmul_rn(half_at(block), static_cast<float>(q)), half_at(block + 2));
  } else if constexpr (kType == WeightType::IQ4_NL) {
    const uint8_t* block = row + k / 32 * 18;
    return __fmul_rn(half_at(block), iq4(nibble(block + 2, static_cast<int>(k % 32))));
  } else if constexpr (kType == WeightType::Q2_K) {
    const uint8_t* block = row + k / 256 * 84;  // scales and minima 16, quants 64, d, dmin
    const int in = static_cast<int>(k % 256), scale = block[in / 16];
    const int q = block[16 + in / 128 * 32 + in % 32] >> (in / 32 % 4 * 2) & 3;
    return less_minimum(half_at(block + 80), scale & 15, q, half_at(block + 82), scale >> 4);
  } else if constexpr (kType == WeightType::Q3_K) {
    const uint8_t* block = row + k / 256 * 110;  // high bits 32, low bits 64, scales 12, d
    const int in = static_cast<int>(k % 256), s = in / 16;
    const int scale = (block[96 + s % 8] >> (s / 8 * 4) & 15) | (block[104 + s % 4] >> (s / 4 * 2) & 3) << 4;
    const int low = block[32 + in / 128 * 32 + in % 32] >> (in / 32 % 4 * 2) & 3,
              high = block[in % 32] >> (in / 32) & 1;
    const float d = __fmul_rn(half_at(block + 108), static_cast<float>(scale - 32));
    return __fmul_rn(d, static_cast<float>(low + 4 * high - 4));
  } else if constexpr (kType == WeightType::Q4_K || kType == WeightType::Q5_K) {
    return number_of_32<kType>(row + k / 256 * kBlockBytes<kType>, static_cast<int>(k % 256));
  } else if constexpr (kType == WeightType::IQ4_XS) {
    const uint8_t* block = row + k / 256 * 136;  // d, scales' high bits 2, their low bits 4, quants 128
    const int in = static_cast<int>(k % 256), j = in / 32;
    const int scale = (block[4 + j / 2] >> (4 * (j % 2)) & 15) | (block[2 + j / 4] >> (j % 4 * 2) & 3) << 4;
    const float d = __fmul_rn(half_at(block), static_cast<float>(scale - 32));
    return __fmul_rn(d, iq4(nibble(block + 8 + 16 * j, in % 32)));
  } else if constexpr (kType == WeightType::Q8_0) {
    const uint8_t* block = row + k / 32 * kBlockBytes<kType>;
    return __fmul_rn(half_at(block), static_cast<float>(stored_quant<kType>(block, static_cast<int>(k % 32))));
  } else {
    static_assert(kType == WeightType::Q6_K);
    const uint8_t* block = row + k / 256 * kBlockBytes<kType>;
    const int in = static_cast<int>(k % 256), scale = static_cast<int8_t>(block[192 + in / 16]);
    const int q = stored_quant<kType>(block, in) - 32;
    return __fmul_rn(__fmul_rn(half_at(block + 208), static_cast<float>(scale)), static_cast<float>(q));
  }
}

}  // namespace phi3lab::cuda
