// Products in plain C++: one row's weights as float32, then one dot product a token, in eight partial sums.
#include "formats.h"
#include "paths.h"

namespace phi3lab::cpu {
namespace {

float dot(const float* a, const float* b, int64_t n) {
  float sums[8] = {};
  int64_t k = 0;
  for (; k + 8 <= n; k += 8) {
    for (int i = 0; i < 8; i++) sums[i] += a[k + i] * b[k + i];
  }
  float tail = 0;
  for (; k < n; k++) tail += a[k] * b[k];
  return (((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]))) + tail;
}

}  // namespace

void matmul_portable(const Gemm& p) {
  float* weights = reinterpret_cast<float*>(p.own);  // (cols,)
  for (int i = 0; i < p.segment_count; i++) {
    const Segment& s = p.segments[i];
    const size_t stride = row_bytes(s.type, p.cols);
    int64_t first, last;
    share_of(s, p.thread, p.threads, &first, &last);
    for (int64_t r = first; r < last; r++) {
      dequantise(weights, s.type, s.data + r * stride, 0, p.cols);
      float* out = p.out + output_row(s, r);
      for (int64_t t = 0; t < p.tokens; t++) out[t * p.out_stride] = dot(weights, p.in + t * p.in_stride, p.cols);
    }
  }
}

}  // namespace phi3lab::cpu
