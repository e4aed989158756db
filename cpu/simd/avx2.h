// AVX2 with FMA and F16C as matmul_rows.h, matmul_panels.h and attend_tiles.h speak it. Only for files compiled for
// these; each has instances of its own, since some are compiled for more (AVX-VNNI).
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "bytes_avx2.h"

namespace phi3lab::cpu {
namespace {

struct Avx2 : Bytes32<Avx2> {
  using Vector = __m256;
  static constexpr int width = 8;
  static constexpr int tile_tokens = 6;  // times two vectors of rows: 12 of 16 registers hold sums
  static constexpr bool fetches = true;

  static inline Vector zero() { return _mm256_setzero_ps(); }
  static inline Vector set1(float x) { return _mm256_set1_ps(x); }
  static inline Vector load(const float* p) { return _mm256_loadu_ps(p); }
  static inline Vector held(Vector v) { return v; }
  static inline void store(float* p, Vector v) { _mm256_storeu_ps(p, v); }
  static inline Vector add(Vector a, Vector b) { return _mm256_add_ps(a, b); }
  static inline Vector mul(Vector a, Vector b) { return _mm256_mul_ps(a, b); }
  static inline Vector multiply_add(Vector a, Vector b, Vector c) { return _mm256_fmadd_ps(a, b, c); }
  /** a where it is larger, else b: b where one of them is NaN. */
  static inline Vector max(Vector a, Vector b) { return _mm256_max_ps(a, b); }
  static inline float largest(Vector v) {
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
  }
  static inline float sum(Vector v) {
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
  }
  static inline float half(const void* p) {
    uint16_t h;
    std::memcpy(&h, p, 2);
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(h)));
  }

  /** 8 float16, bfloat16 or int8 numbers. */
  static inline Vector load_f16(const void* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(p)));
  }
  /** The nearest float16 numbers, ties to even. */
  static inline void store_f16(void* p, Vector v) {
    _mm_storeu_si128(static_cast<__m128i*>(p), _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static inline Vector load_bf16(const void* p) {
    const __m128i halves = _mm_loadu_si128(static_cast<const __m128i*>(p));
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
  }
  static inline Vector load_int8(const void* p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p))));
  }
  /** The low and the high nibbles of 8 bytes. */
  static inline void load_nibbles(Vector* low, Vector* high, const void* p) {
    const __m256i bytes = _mm256_cvtepu8_epi32(_mm_loadl_epi64(static_cast<const __m128i*>(p)));
    *low = _mm256_cvtepi32_ps(_mm256_and_si256(bytes, _mm256_set1_epi32(15)));
    *high = _mm256_cvtepi32_ps(_mm256_srli_epi32(bytes, 4));
  }

  // 32 quants lie in the order that lets one shuffle within each half widen eight of them: the first half has the
  // dwords 0, 2, 4 and 6, the second the dwords 1, 3, 5 and 7.
  static inline Bytes load32(const void* p) {
    const __m256i order = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
    return _mm256_permutevar8x32_epi32(_mm256_loadu_si256(static_cast<const __m256i*>(p)), order);
  }
  /** The low nibbles of 16 bytes, then their high ones. */
  static inline Bytes load_nibbles32(const void* p) {
    const __m256i order = _mm256_setr_epi32(0, 2, 0, 2, 1, 3, 1, 3), shift = _mm256_setr_epi32(0, 0, 4, 4, 0, 0, 4, 4);
    const __m256i bytes = _mm256_castsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(p)));
    return _mm256_and_si256(_mm256_srlv_epi32(_mm256_permutevar8x32_epi32(bytes, order), shift), _mm256_set1_epi8(15));
  }
  /** Byte i is 1 where bit i of the four bytes at p is set, else 0. */
  static inline Bytes spread_bits(const void* p) {
    int32_t bits;
    std::memcpy(&bits, p, 4);
    const __m256i place = _mm256_broadcastsi128_si256(_mm_setr_epi32(0, 0x01010101, 0x02020202, 0x03030303));
    const __m256i bit = _mm256_set_m128i(_mm_set1_epi32(static_cast<int>(0x80402010u)), _mm_set1_epi32(0x08040201));
    const __m256i copies = _mm256_and_si256(_mm256_shuffle_epi8(_mm256_set1_epi32(bits), place), bit);
    return _mm256_and_si256(_mm256_cmpeq_epi8(copies, bit), _mm256_set1_epi8(1));
  }
  /** What `to_floats` gives is to be multiplied by this. */
  static constexpr float quant_unit = 0x1p-24f;
  /** 32 int8 numbers, each times 2²⁴: the top byte of a dword carries its sign with it. */
  static inline void to_floats(Vector* out, Bytes b) {
    for (int i = 0; i < 4; i++) {
      const auto top = [&](int n) { return (4 * i + n) << 24 | 0x808080; };
      const __m256i place = _mm256_broadcastsi128_si256(_mm_setr_epi32(top(0), top(1), top(2), top(3)));
      out[i] = _mm256_cvtepi32_ps(_mm256_shuffle_epi8(b, place));
    }
  }

  /** v (8, 8) to its transpose. */
  static inline void transpose(__m256 v[8]) {
    __m256 t[8];
    for (int i = 0; i < 8; i += 2) {
      t[i] = _mm256_unpacklo_ps(v[i], v[i + 1]);
      t[i + 1] = _mm256_unpackhi_ps(v[i], v[i + 1]);
    }
    for (int i = 0; i < 8; i += 4) {
      for (int j = 0; j < 2; j++) {
        v[i + 2 * j] = _mm256_shuffle_ps(t[i + j], t[i + 2 + j], 0x44);
        v[i + 2 * j + 1] = _mm256_shuffle_ps(t[i + j], t[i + 2 + j], 0xee);
      }
    }
    for (int i = 0; i < 4; i++) {
      t[i] = _mm256_permute2f128_ps(v[i], v[i + 4], 0x20);
      t[i + 4] = _mm256_permute2f128_ps(v[i], v[i + 4], 0x31);
    }
    for (int i = 0; i < 8; i++) v[i] = t[i];
  }
};

}  // namespace
}  // namespace phi3lab::cpu
