// Products by AVX2, FMA and F16C: every format as it lies in its file.
#include "matmul_panels.h"
#include "simd_avx2.h"

namespace phi3lab::cpu {

void matmul_avx2(const Product& p) {
  for (int i = 0; i < p.segment_count; i++) multiply_filed<Avx2>(p, p.segments[i]);
}

}  // namespace phi3lab::cpu
