// Root-mean-square norm, in float32: each row by itself.
#include <cmath>

#include "backend.h"

namespace phi3lab::cpu {
namespace {

/** The mean in float64: exact to a float32's last bit whatever the order, so every path may sum as it likes. */
void rms_norm_row(float* out, const float* in, const float* weight, int64_t cols, float eps) {
  double sum = 0;
  for (int64_t i = 0; i < cols; i++) sum += static_cast<double>(in[i]) * in[i];
  const float mean = static_cast<float>(sum / static_cast<double>(cols));
  const float scale = 1.0f / std::sqrt(mean + eps);
  for (int64_t i = 0; i < cols; i++) out[i] = in[i] * scale * weight[i];
}

}  // namespace

void CpuBackend::rms_norm(Tensor out, Tensor in, const Weight& weight, float eps) {
  const float* norm = placed(weight).norm.data();
  stage([=](const Worker& w) {
    for (int64_t t = w.thread; t < in.rows; t += w.threads) {
      rms_norm_row(out.data + t * out.cols, in.data + t * in.cols, norm, in.cols, eps);
    }
  });
}

}  // namespace phi3lab::cpu
