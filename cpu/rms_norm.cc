// Root-mean-square norm, in float32: each row by itself.
#include "backend.h"

namespace phi3lab::cpu {

void CpuBackend::rms_norm(Tensor out, Tensor in, const Weight& weight, float eps) {
  in.expect_float32("rms_norm");
  const float* norm = uploaded(weight).norm.data();
  const auto rms_norm_row = rowwise_.rms_norm;
  stage([=](const Worker& w) {
    each_own_token(in.rows, w, [&](int64_t t) {
      rms_norm_row(out.data + t * out.cols, in.data + t * in.cols, norm, in.cols, eps);
    });
  });
}

}  // namespace phi3lab::cpu
