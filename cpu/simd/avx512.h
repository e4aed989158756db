// AVX-512 as matmul_rows.h, matmul_panels.h and attend_tiles.h speak it. Only for files compiled for AVX-512 F, BW, DQ
// and VL.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "bytes_avx2.h"

namespace phi3lab::cpu {

struct Avx512 : Bytes32<Avx512> {
  using Vector = __m512;
  static constexpr int width = 16;
  static constexpr int tile_tokens = 12;  // times two vectors of rows: 24 of 32 registers hold sums
  static constexpr bool fetches = true;   // Isa::fetches

  static inline Vector zero() { return _mm512_setzero_ps(); }
  static inline Vector set1(float x) { return _mm512_set1_ps(x); }
  static inline Vector load(const float* p) { return _mm512_loadu_ps(p); }
  /** v in a register: GCC else reads what is used several times from memory as often. */
  static inline Vector held(Vector v) {
#ifdef __AVX512F__
    __asm__("" : "+v"(v));
#endif
    return v;
  }
  static inline void store(float* p, Vector v) { _mm512_storeu_ps(p, v); }
  static inline Vector add(Vector a, Vector b) { return _mm512_add_ps(a, b); }
  static inline Vector mul(Vector a, Vector b) { return _mm512_mul_ps(a, b); }
  static inline Vector multiply_add(Vector a, Vector b, Vector c) { return _mm512_fmadd_ps(a, b, c); }
  /** a where it is larger, else b: b where one of them is NaN. */
  static inline Vector max(Vector a, Vector b) { return _mm512_max_ps(a, b); }
  static inline float largest(Vector v) { return _mm512_reduce_max_ps(v); }
  static inline float sum(Vector v) { return _mm512_reduce_add_ps(v); }
  static inline float half(const void* p) {
    uint16_t h;
    std::memcpy(&h, p, 2);
    return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(h)));
  }

  /** 16 float16, bfloat16 or int8 numbers. */
  static inline Vector load_f16(const void* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p)));
  }
  /** The nearest float16 numbers, ties to even. */
  static inline void store_f16(void* p, Vector v) {
    _mm256_storeu_si256(static_cast<__m256i*>(p), _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
  }
  static inline Vector load_bf16(const void* p) {
    const __m256i halves = _mm256_loadu_si256(static_cast<const __m256i*>(p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
  }
  static inline Vector load_int8(const void* p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p))));
  }
  /** The low and the high nibbles of 16 bytes. */
  static inline void load_nibbles(Vector* low, Vector* high, const void* p) {
    const __m512i bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(static_cast<const __m128i*>(p)));
    *low = _mm512_cvtepi32_ps(_mm512_and_si512(bytes, _mm512_set1_epi32(15)));
    *high = _mm512_cvtepi32_ps(_mm512_srli_epi32(bytes, 4));
  }

  static inline Bytes load32(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
  /** The low nibbles of 16 bytes, then their high ones. */
  static inline Bytes load_nibbles32(const void* p) {
    const __m128i bytes = _mm_loadu_si128(static_cast<const __m128i*>(p));
    return bits_of(_mm256_inserti128_si256(_mm256_castsi128_si256(bytes), _mm_srli_epi16(bytes, 4), 1), 0, 15);
  }
  /** Byte i is 1 where bit i of the four bytes at p is set, else 0. */
  static inline Bytes spread_bits(const void* p) {
    __mmask32 bits;
    std::memcpy(&bits, p, 4);
    return _mm256_maskz_set1_epi8(bits, 1);
  }
  /** What `to_floats` gives is to be multiplied by this. */
  static constexpr float quant_unit = 1;
  /** 32 int8 numbers. */
  static inline void to_floats(Vector* out, Bytes b) {
    out[0] = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_castsi256_si128(b)));
    out[1] = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm256_extracti128_si256(b, 1)));
  }

  /** v (16, 16) to its transpose. */
  static inline void transpose(__m512 v[16]) {
    __m512 t[16];
    for (int i = 0; i < 16; i += 2) {
      t[i] = _mm512_unpacklo_ps(v[i], v[i + 1]);
      t[i + 1] = _mm512_unpackhi_ps(v[i], v[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
      for (int j = 0; j < 2; j++) {
        const __m512d a = _mm512_castps_pd(t[i + j]), b = _mm512_castps_pd(t[i + 2 + j]);
        v[i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
        v[i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
      }
    }
    for (int i = 0; i < 8; i++) {  // the 128-bit quarters: rows i and i + 4 of each half
      const int row = i / 4 * 8 + i % 4;
      t[row] = _mm512_shuffle_f32x4(v[row], v[row + 4], 0x88);
      t[row + 4] = _mm512_shuffle_f32x4(v[row], v[row + 4], 0xdd);
    }
    for (int i = 0; i < 8; i++) {
      v[i] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0x88);
      v[i + 8] = _mm512_shuffle_f32x4(t[i], t[i + 8], 0xdd);
    }
  }
};

/** For processors that read a stream fastest by themselves: without Isa::fetches. */
struct Avx512Unaided : Avx512 {
  static constexpr bool fetches = false;
};

}  // namespace phi3lab::cpu
