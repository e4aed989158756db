// e to the x in plain C++, in a form that compilers turn into vectors. For the files compiled for each path's
// instructions: internal linkage, and no function of the standard library.
#pragma once

#include <cstdint>
#include <cstring>

namespace phi3lab::cpu {

/**
 * e to the x, within 2 units in the last place (Cephes' polynomial for |x| ≤ ln 2 / 2); NaN stays NaN, what is beyond
 * float32's largest is infinity, and what would be below 10⁻³⁸ is 0.
 */
static inline float exponential(float x) {
  // Written so that NaN is clamped as well: it has no integer.
  const float low = x > -87.0f ? x : -87.0f, y = low < 88.0f ? low : 88.0f;
  const float shifted = y * 1.44269504f + 12582912.0f;  // 1.5 · 2²³: the sum's low bits are the nearest integer
  const float n = shifted - 12582912.0f;
  const float r = (y - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const float mantissa = p * r * r + r + 1.0f;
  const int32_t bits = (static_cast<int32_t>(n) + 127) * (1 << 23);
  float power;
  std::memcpy(&power, &bits, 4);
  const float finite = x < -87.0f ? 0.0f : mantissa * power, result = x > 88.7228f ? __builtin_inff() : finite;
  return x != x ? x : result;
}

}  // namespace phi3lab::cpu
