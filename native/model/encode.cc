#include "encode.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

namespace phi3lab {
namespace {

uint32_t bits_of(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return bits;
}

float of_bits(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, 4);
  return x;
}

uint16_t to_bf16(float x) {
  const uint32_t bits = bits_of(x);
  if ((bits & 0x7fffffff) > 0x7f800000) return static_cast<uint16_t>(bits >> 16 | 0x40);  // NaN stays one
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

constexpr uint32_t kHalfInfinity = 0x7c00;

uint16_t to_f16(float x) {
  const uint32_t bits = bits_of(x), sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return static_cast<uint16_t>(sign | 0x7e00);
  if (magnitude >= 0x47800000) return static_cast<uint16_t>(sign | kHalfInfinity);  // from 65,536 on
  // Subnormal numbers are multiples of 2⁻²⁴, as the last bit of 0.5 + x is: the addition rounds.
  if (magnitude < 0x38800000) return static_cast<uint16_t>(sign | (bits_of(of_bits(magnitude) + 0.5f) - 0x3f000000));
  return static_cast<uint16_t>(sign | (magnitude - 0x38000000 + 0xfff + (magnitude >> 13 & 1)) >> 13);
}

// Of a float16 that is no NaN.
float from_f16(uint16_t h) {
  const uint32_t exponent = h >> 10 & 31, fraction = h & 1023;
  const float magnitude = exponent == 0 ? static_cast<float>(fraction) * 5.9604644775390625e-8f  // 2⁻²⁴
                                        : of_bits((exponent + 112) << 23 | fraction << 13);
  return h & 0x8000 ? -magnitude : magnitude;
}

bool is_infinite(uint16_t half) { return (half & 0x7fff) == kHalfInfinity; }

void store16(uint8_t* out, uint16_t value) { std::memcpy(out, &value, 2); }

constexpr int kBlock = 32;  // numbers of Q8_0's and Q4_0's

// Of a block; NaN or infinity where any of its numbers is.
float largest(const float* x) {
  float most = 0, odd = 0;
  for (int i = 0; i < kBlock; i++) {
    most = std::max(most, std::fabs(x[i]));
    odd += x[i] * 0;  // NaN for a number that is not finite
  }
  return most + odd;
}

// d, then 32 int8: x ≈ d · q.
bool encode_q8_0(uint8_t* out, const float* x) {
  const float most = largest(x);
  const float d = most / 127;
  const uint16_t half = to_f16(d);
  if (!(most < INFINITY) || is_infinite(half)) return false;
  store16(out, half);
  float inverse = d == 0 ? 0 : 1 / d;
  if (!(inverse < INFINITY)) inverse = 0;  // d is so small that it is zero in float16
  for (int i = 0; i < kBlock; i++) {
    // To the nearest, ties away from zero.
    const float scaled = std::fabs(x[i] * inverse);
    const auto whole = static_cast<int>(scaled);
    const int q = whole + static_cast<int>(2 * (scaled - static_cast<float>(whole)));
    out[2 + i] = static_cast<uint8_t>(x[i] < 0 ? -q : q);
  }
  return true;
}

// The 32 numbers as multiples of a step, from -8 to 7; they are within some thousands of steps.
void round_to_steps(float* q, const float* x, float inverse) {
  constexpr float kWhole = 12582912;  // 1.5 · 2²³: a sum with it has no fraction, whatever the compiler vectorises
  for (int i = 0; i < kBlock; i++) q[i] = std::min(7.0f, std::max(-8.0f, x[i] * inverse + kWhole - kWhole));
}

// d, then 32 nibbles: x ≈ d · (q - 8).
bool encode_q4_0(uint8_t* out, const float* x) {
  const float most = largest(x);
  if (!(most < INFINITY)) return false;
  float end = 0;  // the number that is farthest from zero: it gets -8, the end with one step more
  for (int i = 0; i < kBlock; i++)
    if (std::fabs(x[i]) > std::fabs(end)) end = x[i];
  float best_step = 0, best_gain = 0;
  float q[kBlock];
  // The largest number may lie between 7.1 and 8.9 steps off: what it loses the others may gain. The best step of given
  // multiples is Σxq / Σq², and (Σxq)² / Σq² what it takes from the square error.
  for (int tried = -4; tried <= 4 && most > 1e-30f; tried++) {
    round_to_steps(q, x, (-8 + 0.2f * static_cast<float>(tried)) / end);
    constexpr int kLanes = 8;  // sums side by side, for vectors
    float xqs[kLanes] = {}, qqs[kLanes] = {};
    for (int i = 0; i < kBlock; i += kLanes)
      for (int lane = 0; lane < kLanes; lane++) {
        xqs[lane] += x[i + lane] * q[i + lane];
        qqs[lane] += q[i + lane] * q[i + lane];
      }
    float xq = 0, qq = 0;
    for (int lane = 0; lane < kLanes; lane++) {
      xq += xqs[lane];
      qq += qqs[lane];
    }
    if (qq > 0 && xq * xq > best_gain * qq) {
      best_gain = xq * xq / qq;
      best_step = xq / qq;
    }
  }
  const uint16_t half = to_f16(best_step);
  if (is_infinite(half)) return false;
  store16(out, half);
  const float step = from_f16(half);
  round_to_steps(q, x, step == 0 ? 0 : 1 / step);
  for (int i = 0; i < kBlock / 2; i++)
    out[2 + i] = static_cast<uint8_t>(static_cast<int>(q[i] + 8) | static_cast<int>(q[i + kBlock / 2] + 8) << 4);
  return true;
}

}  // namespace

bool can_encode(WeightType type) {
  return type == WeightType::F32 || type == WeightType::F16 || type == WeightType::BF16 || type == WeightType::Q8_0 ||
         type == WeightType::Q4_0;
}

bool encode_row(uint8_t* out, WeightType type, const float* in, int64_t cols) {
  const int64_t block_bytes = format_of(type).block_bytes;
  bool fits = true;
  switch (type) {
    case WeightType::F32:
      std::memcpy(out, in, static_cast<size_t>(cols) * sizeof(float));
      return true;
    case WeightType::BF16:
      for (int64_t i = 0; i < cols; i++) store16(out + 2 * i, to_bf16(in[i]));
      return true;
    case WeightType::F16:
      for (int64_t i = 0; i < cols; i++) {
        const uint16_t half = to_f16(in[i]);
        fits &= !is_infinite(half) || std::isinf(in[i]);
        store16(out + 2 * i, half);
      }
      return fits;
    case WeightType::Q8_0:
      for (int64_t i = 0; i < cols; i += kBlock, out += block_bytes) fits &= encode_q8_0(out, in + i);
      return fits;
    case WeightType::Q4_0:
      for (int64_t i = 0; i < cols; i += kBlock, out += block_bytes) fits &= encode_q4_0(out, in + i);
      return fits;
    default:
      throw std::logic_error(std::string("[encode] Expected a format that is written but received ") +
                             format_of(type).name);
  }
}

}  // namespace phi3lab
