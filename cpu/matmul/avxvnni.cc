// Products by AVX2 and AVX-VNNI, whose vpdpbusd sums bytes times quants exactly in 32 bits.
#include "avx2_products.h"

namespace phi3lab::cpu {
namespace {

struct WholeSums {
  static constexpr bool whole = true;
  static inline __m256i add(__m256i sums, __m256i quants, __m256i limbs) {
    return _mm256_dpbusd_avx_epi32(sums, quants, limbs);
  }
  static inline __m256i rows(__m256i sums) { return sums; }
};

}  // namespace

void matmul_avxvnni(const Gemm& p) { multiply_mixed<Avx2Path<WholeSums>>(p); }

}  // namespace phi3lab::cpu
