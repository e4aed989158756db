// What matmul/super_rows.h does to 32 bytes at a time as it unpacks quantised weights, byte by byte and so in whatever
// order a path has them, by AVX2, which AVX-512 has too. A template over the path's vector type, so that each path's
// instances have names of their own.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace phi3lab::cpu {

template <class Path>
struct Bytes32 {
  using Bytes = __m256i;

  /** (b >> shift) & mask, where the mask leaves no bit that comes from a neighbour. */
  static inline Bytes bits_of(Bytes b, int shift, int mask) {
    return _mm256_and_si256(_mm256_srli_epi16(b, shift), _mm256_set1_epi8(static_cast<char>(mask)));
  }
  /** low | high << shift, where that fits a byte. */
  static inline Bytes join(Bytes low, Bytes high, int shift) {
    return _mm256_or_si256(low, _mm256_slli_epi16(high, shift));
  }
  static inline Bytes minus(Bytes b, int n) { return _mm256_sub_epi8(b, _mm256_set1_epi8(static_cast<char>(n))); }
  /** table[b] of bytes below 16; `table` on a 16-byte boundary. */
  static inline Bytes look_up(const int8_t* table, Bytes b) {
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(*reinterpret_cast<const __m128i*>(table)), b);
  }
  /** out (8,) = d times eight int8 numbers. */
  static inline void scale8(float* out, float d, uint64_t bytes) {
    const __m256i n = _mm256_cvtepi8_epi32(_mm_cvtsi64_si128(static_cast<int64_t>(bytes)));
    _mm256_storeu_ps(out, _mm256_mul_ps(_mm256_set1_ps(d), _mm256_cvtepi32_ps(n)));
  }
};

}  // namespace phi3lab::cpu
