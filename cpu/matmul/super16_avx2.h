// Fixed-point products with blocks of 256 columns, Q4_K, Q5_K and Q6_K, by AVX2 or AVX-VNNI, and such blocks as
// float32.
#pragma once

#include "fixed24_avx2.h"

namespace phi3lab::cpu {

/** 8 bytes as 32-bit numbers; 8 int8 numbers. */
static inline __m256i load_bytes(const uint8_t* p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
static inline __m256i load_signed(const uint8_t* p) {
  return _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}

/** s += the sums a times a scale a row, each twice in `by` as 16 bits where the sums are in pairs; a is 0 again. */
template <class Dots>
static inline void widen(__m256i* s, __m256i* a, __m256i by) {
#pragma GCC unroll 3
  for (int i = 0; i < 3; i++) {
    s[i] = _mm256_add_epi32(s[i], Dots::whole ? _mm256_mullo_epi32(a[i], by) : _mm256_madd_epi16(a[i], by));
    a[i] = _mm256_setzero_si256();
  }
}

/** Vector i of 8 rows of a part: the quants of columns 4i … and of columns 16 + 4i …, in whole. */
template <WeightType type>
static inline void load_quants16(__m256i* low, __m256i* high, const uint8_t* part, int i, const __m256i* above) {
  const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(part + 64 * i)), nibble = _mm256_set1_epi8(15);
  *low = _mm256_and_si256(w, nibble);
  *high = _mm256_and_si256(_mm256_srli_epi16(w, 4), nibble);
  if constexpr (type == WeightType::Q5_K) {
    const __m256i bit = _mm256_set1_epi8(16);  // bit 4 of a byte: what is i, or 4 + i, goes there
    *low = _mm256_or_si256(*low, _mm256_and_si256(_mm256_slli_epi32(above[0], 4 - i), bit));
    *high = _mm256_or_si256(*high, _mm256_and_si256(_mm256_srli_epi32(above[0], i), bit));
  }
  if constexpr (type == WeightType::Q6_K) {
    const __m256i bits = _mm256_set1_epi8(48);  // bits 4 and 5: what is 2i and 2i + 1 goes there
    const auto at = [&](__m256i v) {
      return i < 2 ? _mm256_slli_epi32(v, 4 - 2 * i) : _mm256_srli_epi32(v, 2 * i - 4);
    };
    *low = _mm256_or_si256(*low, _mm256_and_si256(at(above[0]), bits));
    *high = _mm256_or_si256(*high, _mm256_and_si256(at(above[1]), bits));
  }
}

/** What lies above the low four bits of 8 rows of a part. */
template <WeightType type>
static inline void load_above(__m256i* above, const uint8_t* part) {
  if constexpr (type != WeightType::Q4_K) above[0] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(part + 256));
  if constexpr (type == WeightType::Q6_K) above[1] = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(part + 320));
}

/**
 * sum + 8 rows of a part of 32 columns times a token's; d and dmin are the block's. A 16-bit sum takes 8 products of
 * 4-bit quants, 4 of 5-bit ones and 2 of 6-bit ones: 2·63·128·2 = 32,256.
 */
template <class Dots, WeightType type>
static inline __m256 multiply_part(__m256 sum, const uint8_t* part, const uint8_t* scales, const Fixed24Block& x,
                                   __m256 d, __m256 dmin) {
  __m256i above[2], s[3], low[3], high[3];
  load_above<type>(above, part);
#pragma GCC unroll 3
  for (int i = 0; i < 3; i++) low[i] = high[i] = s[i] = _mm256_setzero_si256();
  const __m256 scale = _mm256_set1_ps(x.scale);
  if constexpr (type == WeightType::Q6_K) {
    const __m256i by[2] = {load_signed(scales), load_signed(scales + 16)};
    __m256i pair[2];
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++)
      pair[h] = Dots::whole
                    ? by[h]
                    : _mm256_or_si256(_mm256_slli_epi32(by[h], 16), _mm256_and_si256(by[h], _mm256_set1_epi32(0xffff)));
    // The quants are 32 too large.
    const __m256i by_4[2] = {_mm256_slli_epi32(by[0], 2), _mm256_slli_epi32(by[1], 2)};
#pragma GCC unroll 3
    for (int i = 0; i < 3; i++) {
      const __m256i of_first = _mm256_set1_epi32(x.minus_8_first[i]);
      const __m256i of_second = _mm256_sub_epi32(_mm256_set1_epi32(x.minus_8[i]), of_first);
      s[i] = _mm256_add_epi32(_mm256_mullo_epi32(by_4[0], of_first), _mm256_mullo_epi32(by_4[1], of_second));
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      __m256i first, second;
      load_quants16<type>(&first, &second, part, i, above);
      add_products<Dots>(low, first, x, i);
      add_products<Dots>(high, second, x, 4 + i);
      if (i == 3 || (i == 1 && !Dots::whole)) {
        widen<Dots>(s, low, pair[0]);
        widen<Dots>(s, high, pair[1]);
      }
    }
    // Sums of numbers times a scale: each exact in int32, and of up to 2²⁴ in float32.
    const __m256 most = _mm256_fmadd_ps(_mm256_cvtepi32_ps(s[0]), _mm256_set1_ps(256.0f), _mm256_cvtepi32_ps(s[1]));
    const __m256 fixed = _mm256_fmadd_ps(most, _mm256_set1_ps(256.0f), _mm256_cvtepi32_ps(s[2]));
    return _mm256_fmadd_ps(_mm256_mul_ps(fixed, scale), d, sum);
  } else {
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      __m256i first, second;
      load_quants16<type>(&first, &second, part, i, above);
      add_products<Dots>(low, first, x, i);
      add_products<Dots>(Dots::whole || type == WeightType::Q4_K ? low : high, second, x, 4 + i);
    }
#pragma GCC unroll 3
    for (int i = 0; i < 3; i++) {
      s[i] = Dots::rows(low[i]);
      if constexpr (!Dots::whole && type == WeightType::Q5_K) s[i] = _mm256_add_epi32(s[i], Dots::rows(high[i]));
    }
    const __m256 by = _mm256_mul_ps(d, _mm256_cvtepi32_ps(load_bytes(scales)));
    const __m256 minimum = _mm256_mul_ps(dmin, _mm256_cvtepi32_ps(load_bytes(scales + 16)));
    sum = _mm256_fmadd_ps(_mm256_mul_ps(sum_of_limbs(s), scale), by, sum);
    return _mm256_fnmadd_ps(minimum, _mm256_set1_ps(x.sum), sum);
  }
}

/** 16 rows of Q4_K, Q5_K or Q6_K times a token; `blocks` of 256 columns. */
template <class Dots, WeightType type>
static inline void multiply_super_group(__m256* sums, const uint8_t* block, const Fixed24Block* x, int64_t blocks,
                                        bool fetch) {
  constexpr size_t bytes = part16(type);
  sums[0] = sums[1] = _mm256_setzero_ps();
  for (int64_t b = 0; b < blocks; b++, block += block16(type)) {
    const uint8_t *tail = block + 8 * bytes, *part = block;
    for (int j = 0; j < 8; j++, x++, part += bytes) {
      if (fetch) fetch_ahead(part, bytes);
#pragma GCC unroll 2
      for (int h = 0; h < 2; h++) {
        const __m256 d = Avx2::load_f16(tail + 16 * h);
        const __m256 dmin = type == WeightType::Q6_K ? d : Avx2::load_f16(tail + 32 + 16 * h);
        sums[h] = multiply_part<Dots, type>(sums[h], part + 32 * h, part + quants16(type) + 8 * h, *x, d, dmin);
      }
    }
  }
}

/** 8 of 16 rows of Q4_K, Q5_K or Q6_K, from `block` on, as float32 into half of a panel. */
template <WeightType type>
static inline void unpack_super(float* panel, const uint8_t* block, int half, int64_t blocks) {
  for (int64_t b = 0; b < blocks; b++, block += block16(type)) {
    if (half == 1) fetch_next(block, block16(type), static_cast<size_t>(blocks) * block16(type));
    const uint8_t* tail = block + 8 * part16(type);
    const __m256 d = Avx2::load_f16(tail + 16 * half);
    for (int j = 0; j < 8; j++, panel += 32 * kGroupRows) {
      const uint8_t *part = block + j * part16(type) + 32 * half,
                    *scales = block + j * part16(type) + quants16(type) + 8 * half;
      __m256i above[2];
      load_above<type>(above, part);
      __m256 by[2], offset[2];
      if constexpr (type == WeightType::Q6_K) {
        for (int h = 0; h < 2; h++) {
          by[h] = _mm256_mul_ps(d, _mm256_cvtepi32_ps(load_signed(scales + 16 * h)));
          offset[h] = _mm256_mul_ps(by[h], _mm256_set1_ps(-32.0f));
        }
      } else {
        const __m256 dmin = Avx2::load_f16(tail + 32 + 16 * half);
        by[0] = by[1] = _mm256_mul_ps(d, _mm256_cvtepi32_ps(load_bytes(scales)));
        offset[0] = offset[1] =
            _mm256_mul_ps(_mm256_sub_ps(_mm256_setzero_ps(), dmin), _mm256_cvtepi32_ps(load_bytes(scales + 16)));
      }
      for (int i = 0; i < 4; i++) {
        __m256i quants[2];
        load_quants16<type>(&quants[0], &quants[1], part, i, above);
        for (int h = 0; h < 2; h++) {
          for (int k = 0; k < 4; k++)
            _mm256_storeu_ps(panel + (16 * h + 4 * i + k) * kGroupRows,
                             _mm256_fmadd_ps(by[h], column_of(quants[h], k), offset[h]));
        }
      }
    }
  }
}

}  // namespace phi3lab::cpu
