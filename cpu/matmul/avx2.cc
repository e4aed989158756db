// Products by AVX2, FMA and F16C.
#include "avx2_products.h"

namespace phi3lab::cpu {

void matmul_avx2(const Gemm& p) { multiply_mixed<Avx2Path<PairSums>>(p); }

}  // namespace phi3lab::cpu
