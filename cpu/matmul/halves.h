// 16-bit numbers as float32, exactly, in plain C++. `static`: files compiled for different instructions must not share
// these functions.
#pragma once

#include <cstdint>
#include <cstring>

namespace phi3lab::cpu {

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

/** float16 to float32: subnormals, infinities and NaN included. */
static inline float f16_to_float(uint16_t h) {
  const uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16, magnitude = h & 0x7fff;
  if (magnitude >= 0x7c00) return bits_to_float(sign | 0x7f800000 | (magnitude & 0x3ff) << 13);
  if (magnitude >= 0x400) return bits_to_float(sign | ((magnitude << 13) + (112u << 23)));
  const float small = static_cast<float>(magnitude) * 5.9604644775390625e-8f;  // 2⁻²⁴
  return sign ? -small : small;
}

static inline float half_at(const uint8_t* p) { return f16_to_float(load16(p)); }

}  // namespace phi3lab::cpu
