// Four numbers in C++ without instructions of its own, as attend_tiles.h speaks of a vector.
#pragma once

#include "cpu/matmul/halves.h"

namespace phi3lab::cpu {

/** The nearest float16, ties to even; what is beyond its range becomes infinity, NaN a NaN. */
static inline uint16_t float_to_f16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return static_cast<uint16_t>(sign | 0x7e00);
  if (magnitude >= 0x477ff000) return static_cast<uint16_t>(sign | 0x7c00);  // 65520 and more
  if (magnitude >= 0x38800000)                                               // 2⁻¹⁴: a carry moves the exponent on
    return static_cast<uint16_t>(sign | (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13);
  // A subnormal number is a multiple of 2⁻²⁴, half of the last bit of numbers in [0.5, 1): the sum rounds to it.
  const float sum = bits_to_float(magnitude) + 0.5f;
  std::memcpy(&bits, &sum, 4);
  return static_cast<uint16_t>(sign | (bits - 0x3f000000));
}

struct Portable {
  typedef float Vector __attribute__((vector_size(16)));
  static constexpr int width = 4;
  static constexpr int tile_tokens = 6;  // times two vectors: 12 of 16 registers hold sums
  static constexpr bool fetches = true;

  static inline Vector zero() { return Vector{}; }
  static inline Vector set1(float x) { return Vector{x, x, x, x}; }
  static inline Vector load(const float* p) {
    Vector v;
    std::memcpy(&v, p, sizeof v);
    return v;
  }
  static inline Vector held(Vector v) { return v; }
  static inline void store(float* p, Vector v) { std::memcpy(p, &v, sizeof v); }
  static inline Vector add(Vector a, Vector b) { return a + b; }
  static inline Vector mul(Vector a, Vector b) { return a * b; }
  static inline Vector multiply_add(Vector a, Vector b, Vector c) { return a * b + c; }
  /** a where it is larger, else b: b where one of them is NaN. */
  static inline Vector max(Vector a, Vector b) { return a > b ? a : b; }
  static inline float largest(Vector v) {
    float most = v[0];
    for (int i = 1; i < width; i++) most = v[i] > most ? v[i] : most;
    return most;
  }
  static inline float sum(Vector v) { return (v[0] + v[1]) + (v[2] + v[3]); }

  /** 4 float16 numbers. */
  static inline Vector load_f16(const void* p) {
    typedef uint16_t Halves __attribute__((vector_size(8)));
    typedef uint32_t Words __attribute__((vector_size(16)));
    Halves halves;
    std::memcpy(&halves, p, sizeof halves);
    const Words words = __builtin_convertvector(halves, Words), magnitude = words & 0x7fff;
    const Words shifted = magnitude << 13;
    Vector v;
    std::memcpy(&v, &shifted, sizeof v);
    v *= 5.192296858534827628530496329220096e33f;  // 2¹¹²: between the exponents' biases; subnormal numbers too
    Words bits;
    std::memcpy(&bits, &v, sizeof bits);
    bits |= ((magnitude > 0x7bff) & 0x7f800000) | (words & 0x8000) << 16;  // infinity and NaN
    std::memcpy(&v, &bits, sizeof v);
    return v;
  }
  static inline void store_f16(void* p, Vector v) {
    for (int i = 0; i < width; i++) {
      const uint16_t h = float_to_f16(v[i]);
      std::memcpy(static_cast<uint8_t*>(p) + 2 * i, &h, 2);
    }
  }
};

}  // namespace phi3lab::cpu
