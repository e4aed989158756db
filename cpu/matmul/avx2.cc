// Products by AVX2, FMA and F16C: every format as it lies in its file.
#include "cpu/simd/avx2.h"
#include "panels.h"

namespace phi3lab::cpu {

void matmul_avx2(const Gemm& p) {
  for (int i = 0; i < p.segment_count; i++) multiply_filed<Avx2>(p, p.segments[i]);
}

}  // namespace phi3lab::cpu
