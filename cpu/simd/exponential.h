// e to the x in plain C++, in a form that compilers turn into vectors. For the files compiled for each path's
// instructions: internal linkage, and no function of the standard library.
#pragma once

#include <cstdint>
#include <cstring>

namespace phi3lab::cpu {

/** e to the x for x in [−87, 88] or NaN, which it stays, within 2 units in the last place (Cephes' polynomial). */
static inline float exponential_within(float x) {
  const float shifted = x * 1.44269504f + 12582912.0f;  // 1.5 · 2²³: the sum's low bits are the nearest integer
  const float n = shifted - 12582912.0f;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;  // |r| ≤ ln 2 / 2
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const float mantissa = p * r * r + r + 1.0f;
  uint32_t bits;
  std::memcpy(&bits, &shifted, 4);
  bits = (bits << 23) + (127u << 23);  // 2ⁿ: the rest of `shifted` is shifted out
  float power;
  std::memcpy(&power, &bits, 4);
  return mantissa * power;
}

/** e to the x for x ≤ 88 or NaN, as exactly; what would be below 10⁻³⁸ is 0. */
static inline float exponential_below(float x) {
  const float power = exponential_within(x < -87.0f ? -87.0f : x);
  return x < -87.0f ? 0.0f : power;
}

/** The same for all x: from e⁸⁸ on it stays until float32 has no larger number, and is infinity. */
static inline float exponential(float x) {
  const float finite = exponential_below(x > 88.0f ? 88.0f : x);
  return x > 88.7228f ? __builtin_inff() : finite;
}

}  // namespace phi3lab::cpu
