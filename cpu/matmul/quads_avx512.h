// Parts of 16 rows by 32 columns in every interleaved16 format, as dot products of bytes take them: the rows' quants as
// unsigned bytes, four columns a vector, with scales and minima as float32.
#pragma once

#include <immintrin.h>

#include "fixed24.h"

namespace phi3lab::cpu {

/** Places within a row of parts: bytes from a group's start to its part `index`. */
template <WeightType type>
static inline size_t part_offset(int64_t index) {
  if constexpr (is_super16(type))
    return static_cast<size_t>(index / 8) * block16(type) + static_cast<size_t>(index % 8) * part16(type);
  else
    return static_cast<size_t>(index) * block16(type);
}

/** Into how many runs of columns with a scale of their own a part falls. */
static constexpr int runs_of(WeightType type) { return type == WeightType::Q6_K ? 2 : 1; }

/** A part's factors: the scale of each run; with one run, the minima in place of the second (0 where there are none).
 */
struct PartScales {
  __m512 first, second;
};

/** Calls use(quad, w) for each four columns of a part, w being the 16 rows' quants as unsigned bytes. */
template <WeightType type, class Use>
static inline void for_quads(const uint8_t* part, Use use) {
  const __m512i nibble = _mm512_set1_epi8(15);
  __m512i above[2] = {nibble, nibble};
  if constexpr (has_fifth16(type) || type == WeightType::Q6_K) above[0] = _mm512_loadu_si512(part + 256);
  if constexpr (type == WeightType::Q6_K) above[1] = _mm512_loadu_si512(part + 320);
#pragma GCC unroll 8
  for (int i = 0; i < (type == WeightType::Q8_0 ? 8 : 4); i++) {
    const __m512i w = _mm512_loadu_si512(part + 64 * i);
    if constexpr (type == WeightType::Q8_0) {
      use(i, w);
      continue;
    }
    __m512i low = _mm512_and_si512(w, nibble), high = _mm512_and_si512(_mm512_srli_epi32(w, 4), nibble);
    if constexpr (has_fifth16(type)) {
      const __m512i bit = _mm512_set1_epi8(16);  // bit 4 of a byte: what is i, or 4 + i, goes there
      low = _mm512_or_si512(low, _mm512_and_si512(_mm512_slli_epi32(above[0], 4 - i), bit));
      high = _mm512_or_si512(high, _mm512_and_si512(_mm512_srli_epi32(above[0], i), bit));
    }
    if constexpr (type == WeightType::Q6_K) {
      const __m512i bits = _mm512_set1_epi8(48);  // bits 4 and 5: what is 2i and 2i + 1 goes there
      const auto at = [&](__m512i v) {
        return i < 2 ? _mm512_slli_epi32(v, 4 - 2 * i) : _mm512_srli_epi32(v, 2 * i - 4);
      };
      low = _mm512_or_si512(low, _mm512_and_si512(at(above[0]), bits));
      high = _mm512_or_si512(high, _mm512_and_si512(at(above[1]), bits));
    }
    if constexpr (is_iq4(type)) {
      const __m512i numbers = _mm512_xor_si512(_mm512_broadcast_i32x4(*reinterpret_cast<const __m128i*>(kIQ4)),
                                               _mm512_set1_epi8(-128));  // each plus 128
      low = _mm512_shuffle_epi8(numbers, low);
      high = _mm512_shuffle_epi8(numbers, high);
    }
    use(i, low);
    use(4 + i, high);
  }
}

/** 16 float16 numbers. */
static inline __m512 halves_at(const uint8_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
/** 16 bytes as numbers, signed where the format's scales are. */
template <WeightType type>
static inline __m512 bytes_at(const uint8_t* p) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return _mm512_cvtepi32_ps(has_super_minima16(type) ? _mm512_cvtepu8_epi32(bytes) : _mm512_cvtepi8_epi32(bytes));
}

/** The factors of part `index`, at `part`. Products of float16's 11 bits with 8 are exact. */
template <WeightType type>
static inline PartScales scales_of(const uint8_t* part, int64_t index) {
  const uint8_t* own = part + quants16(type);
  if constexpr (is_super16(type)) {
    const uint8_t* tail = part + static_cast<size_t>(8 - index % 8) * part16(type);
    const __m512 d = halves_at(tail), first = _mm512_mul_ps(d, bytes_at<type>(own));
    if constexpr (type == WeightType::Q6_K) return {first, _mm512_mul_ps(d, bytes_at<type>(own + 16))};
    if constexpr (type == WeightType::IQ4_XS) return {first, _mm512_setzero_ps()};
    const __m512 minimum = _mm512_mul_ps(halves_at(tail + 32), bytes_at<type>(own + 16));
    return {first, _mm512_sub_ps(_mm512_setzero_ps(), minimum)};
  } else {
    return {halves_at(own), has_minima16(type) ? halves_at(own + 32) : _mm512_setzero_ps()};
  }
}

/** What the products of a part's run begin with, for each limb: the offset that its quants have been given. */
template <WeightType type>
static inline void begin_sums(__m512i* a, const Fixed24Block& x, int run) {
#pragma GCC unroll 3
  for (int i = 0; i < 3; i++) {
    if constexpr (type == WeightType::Q6_K) {
      const __m512i of_first = _mm512_set1_epi32(x.minus_8_first[i]);
      const __m512i of_run = run == 0 ? of_first : _mm512_sub_epi32(_mm512_set1_epi32(x.minus_8[i]), of_first);
      a[i] = _mm512_slli_epi32(of_run, 2);
    } else if constexpr (type == WeightType::Q4_0)
      a[i] = _mm512_set1_epi32(x.minus_8[i]);
    else if constexpr (type == WeightType::Q5_0)
      a[i] = _mm512_slli_epi32(_mm512_set1_epi32(x.minus_8[i]), 1);
    else if constexpr (type == WeightType::Q8_0 || is_iq4(type))
      a[i] = _mm512_slli_epi32(_mm512_set1_epi32(x.minus_8[i]), 4);
    else
      a[i] = _mm512_setzero_si512();
  }
}

/** sum + what a part's run adds. */
template <WeightType type>
static inline __m512 end_sums(__m512 sum, const __m512i* a, const Fixed24Block& x, int run, PartScales scales) {
  // |256·a₀ + a₁| < 2²⁸: exact in int32; the two conversions and the sum round as float32 does.
  const __m512 high = _mm512_cvtepi32_ps(_mm512_add_epi32(_mm512_slli_epi32(a[0], 8), a[1]));
  const __m512 fixed = _mm512_fmadd_ps(high, _mm512_set1_ps(256.0f), _mm512_cvtepi32_ps(a[2]));
  const __m512 scaled = _mm512_mul_ps(fixed, _mm512_set1_ps(x.scale));
  sum = _mm512_fmadd_ps(scaled, run == 0 ? scales.first : scales.second, sum);
  if constexpr (has_minima16(type) || has_super_minima16(type))
    sum = _mm512_fmadd_ps(scales.second, _mm512_set1_ps(x.sum), sum);
  return sum;
}

}  // namespace phi3lab::cpu
