// out (T, cols) = in / rms(in) * weight, a row at a time, in float32: mean of squares, epsilon, inverse root, weight.
#include <cmath>

#include "backend.h"

namespace phi3lab::cpu {

void CpuBackend::rms_norm(View out, View in, const phi3lab::Weight& weight, float eps) {
  const float* w = static_cast<const CpuWeight&>(weight).vector.data();
  share(in.rows, 1, [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; t++) {
      const float* x = in.data + t * in.cols;
      float* y = out.data + t * out.cols;
      double sum = 0;
      for (int64_t i = 0; i < in.cols; i++) sum += static_cast<double>(x[i]) * x[i];
      const float scale = 1.0f / std::sqrt(static_cast<float>(sum / static_cast<double>(in.cols)) + eps);
      for (int64_t i = 0; i < in.cols; i++) y[i] = w[i] * (x[i] * scale);
    }
  });
}

}  // namespace phi3lab::cpu
