// AVX-VNNI by AVX2: its one instruction that the CPU backend uses, from its description, so that its products are
// tested on processors without it. Included before anything else in the file for AVX-VNNI (cpu/CMakeLists.txt).
#pragma once

#include <immintrin.h>

namespace phi3lab_twin {

/** Each dword of sums plus the products of its four bytes, a's unsigned and b's signed. */
static inline __m256i dpbusd_avx_epi32(__m256i sums, __m256i a, __m256i b) {
  const __m256i even = _mm256_set1_epi16(255);
  const __m256i evens = _mm256_madd_epi16(_mm256_and_si256(a, even), _mm256_srai_epi16(_mm256_slli_epi16(b, 8), 8));
  const __m256i odds = _mm256_madd_epi16(_mm256_srli_epi16(a, 8), _mm256_srai_epi16(b, 8));
  return _mm256_add_epi32(sums, _mm256_add_epi32(evens, odds));
}

}  // namespace phi3lab_twin

#define _mm256_dpbusd_avx_epi32 phi3lab_twin::dpbusd_avx_epi32
