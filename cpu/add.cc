// The residual sum, biases, and copies.
#include <cstring>

#include "backend.h"

namespace phi3lab::cpu {

void CpuBackend::add(Tensor out, Tensor a, Tensor b) {
  a.expect_float32("add");
  b.expect_float32("add");
  stage([=](const Worker& w) {
    each_own_token(out.rows, w, [&](int64_t t) {
      for (int64_t i = t * out.cols; i < (t + 1) * out.cols; i++) out.data[i] = a.data[i] + b.data[i];
    });
  });
}

void CpuBackend::add_bias(Tensor out, const Weight& bias) {
  out.expect_float32("add_bias");
  const float* numbers = uploaded(bias).numbers.data();
  stage([=](const Worker& w) {
    each_own_token(out.rows, w, [&](int64_t t) {
      for (int64_t i = 0; i < out.cols; i++) out.data[t * out.cols + i] += numbers[i];
    });
  });
}

void CpuBackend::copy(Tensor out, Tensor in) {
  in.expect_float32("copy");
  stage([=](const Worker& w) {
    int64_t first, last;
    split(in.rows * in.cols, 16, w.thread, w.threads, &first, &last);
    std::memcpy(out.data + first, in.data + first, static_cast<size_t>(last - first) * sizeof(float));
  });
}

}  // namespace phi3lab::cpu
