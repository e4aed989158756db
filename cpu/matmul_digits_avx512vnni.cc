// One token's product with blocks16 weights at the memory's speed, exact as float32: activations become 24-bit fixed
// point, a block of 32 at a time, cut into three signed bytes; vpdpbusd then sums bytes times quants exactly in int32.
#include <immintrin.h>

#include "matmul_digits.h"

namespace phi3lab::cpu {
namespace {

/** low half of the lanes of (a, b, c) summed: each dword lane of the result's first three. */
inline __m128i sum_lanes3(__m256i a, __m256i b, __m256i c) {
  const __m256i ab = _mm256_hadd_epi32(a, b), c0 = _mm256_hadd_epi32(c, c);
  const __m256i all = _mm256_hadd_epi32(ab, c0);
  return _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

inline float largest_of(__m512 a, __m512 b) {
  const __m512 both = _mm512_max_ps(_mm512_abs_ps(a), _mm512_abs_ps(b));
  __m256 m = _mm256_max_ps(_mm512_castps512_ps256(both), _mm512_extractf32x8_ps(both, 1));
  __m128 n = _mm_max_ps(_mm256_castps256_ps128(m), _mm256_extractf128_ps(m, 1));
  n = _mm_max_ps(n, _mm_movehl_ps(n, n));
  return _mm_cvtss_f32(_mm_max_ss(n, _mm_movehdup_ps(n)));
}

/** 16 rows times a token. */
template <WeightType type>
inline __m512 multiply_group(const uint8_t* block, const DigitBlock* x, int64_t blocks) {
  constexpr size_t quants = quants16(type);
  const __m512i nibble = _mm512_set1_epi8(15);
  __m512 sum = _mm512_setzero_ps();
  for (int64_t b = 0; b < blocks; b++, x++, block += block16(type)) {
    __m512i a0, a1, a2;  // sums for each digit, the most significant first
    if constexpr (type == WeightType::Q4_1) {
      a0 = a1 = a2 = _mm512_setzero_si512();
    } else {
      const int32_t* offset = type == WeightType::Q4_0 ? x->minus_8 : x->minus_128;
      a0 = _mm512_set1_epi32(offset[0]);
      a1 = _mm512_set1_epi32(offset[1]);
      a2 = _mm512_set1_epi32(offset[2]);
    }
    const auto add = [&](__m512i w, int quad) {
      int32_t d[3];
      for (int i = 0; i < 3; i++) std::memcpy(&d[i], x->digits[i] + 4 * quad, 4);
      a0 = _mm512_dpbusd_epi32(a0, w, _mm512_set1_epi32(d[0]));
      a1 = _mm512_dpbusd_epi32(a1, w, _mm512_set1_epi32(d[1]));
      a2 = _mm512_dpbusd_epi32(a2, w, _mm512_set1_epi32(d[2]));
    };
#pragma GCC unroll 8
    for (int i = 0; i < static_cast<int>(quants / 64); i++) {
      const __m512i w = _mm512_loadu_si512(block + 64 * i);
      if constexpr (type == WeightType::Q8_0) {
        add(w, i);
      } else {
        add(_mm512_and_si512(w, nibble), i);
        add(_mm512_and_si512(_mm512_srli_epi32(w, 4), nibble), 4 + i);
      }
    }
    // |256·a0 + a1| < 2²⁸: exact in int32; the two conversions and the sum round as float32 does.
    const __m512 high = _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(a0, 8), a1));
    const __m512 fixed = _mm512_fmadd_ps(high, _mm512_set1_ps(256.0f), _mm512_cvtepi32_ps(a2));
    const __m512 d = _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + quants)));
    sum = _mm512_fmadd_ps(_mm512_mul_ps(fixed, _mm512_set1_ps(x->scale)), d, sum);
    if constexpr (type == WeightType::Q4_1) {
      const __m512 m = _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + quants + 32)));
      sum = _mm512_fmadd_ps(m, _mm512_set1_ps(x->sum), sum);
    }
  }
  return sum;
}

template <WeightType type>
void multiply(float* out, const Segment& s, const DigitBlock* x, int64_t cols, int64_t first, int64_t last) {
  const int64_t blocks = cols / 32;
  const uint8_t* group = s.data + static_cast<size_t>(first / kGroupRows * blocks) * block16(type);
  for (int64_t row = first; row < last; row += kGroupRows, group += static_cast<size_t>(blocks) * block16(type)) {
    const int64_t left = last - row;
    const __mmask16 present = left >= 16 ? 0xffff : static_cast<__mmask16>((1u << left) - 1);
    _mm512_mask_storeu_ps(out + s.first + row, present, multiply_group<type>(group, x, blocks));
  }
}

}  // namespace

bool to_digits(DigitBlock* out, const float* x, int64_t cols) {
  const __m512i half = _mm512_set1_epi32(128), byte = _mm512_set1_epi32(255);
  const __m256i ones = _mm256_set1_epi8(1);
  __mmask16 strange = 0;
  bool in_range = true;
  for (int64_t k = 0; k < cols; k += 32, out++) {
    const __m512 v[2] = {_mm512_loadu_ps(x + k), _mm512_loadu_ps(x + k + 16)};
    constexpr int kNanOrInfinity = 0x01 | 0x08 | 0x10 | 0x80;
    strange |= _mm512_fpclass_ps_mask(v[0], kNanOrInfinity) | _mm512_fpclass_ps_mask(v[1], kNanOrInfinity);
    const float largest = largest_of(v[0], v[1]);
    in_range &= has_digits(largest);
    const __m512 inverse = _mm512_set1_ps(largest > 0 ? kLargestFixed / largest : 0.0f);
    for (int i = 0; i < 2; i++) {
      __m512i n = _mm512_cvtps_epi32(_mm512_mul_ps(v[i], inverse));
      for (int digit = 2; digit > 0; digit--) {
        const __m512i low = _mm512_sub_epi32(_mm512_and_si512(_mm512_add_epi32(n, half), byte), half);
        _mm_storeu_si128(reinterpret_cast<__m128i*>(out->digits[digit] + 16 * i), _mm512_cvtepi32_epi8(low));
        n = _mm512_srai_epi32(_mm512_sub_epi32(n, low), 8);
      }
      _mm_storeu_si128(reinterpret_cast<__m128i*>(out->digits[0] + 16 * i), _mm512_cvtepi32_epi8(n));
    }
    __m256i sums[3];
    for (int i = 0; i < 3; i++) {
      const __m256i digits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(out->digits[i]));
      sums[i] = _mm256_dpbusd_epi32(_mm256_setzero_si256(), ones, digits);
    }
    alignas(16) int32_t total[4];
    _mm_store_si128(reinterpret_cast<__m128i*>(total), sum_lanes3(sums[0], sums[1], sums[2]));
    finish_block(out, largest, total);
  }
  return strange == 0 && in_range;
}

void multiply_digits(float* out, const Segment& s, const DigitBlock* x, int64_t cols, int64_t first, int64_t last) {
  with_blocks16_type(s.type, [&](auto type) { multiply<decltype(type)::value>(out, s, x, cols, first, last); });
}

}  // namespace phi3lab::cpu
