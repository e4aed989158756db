// The gate of the feed-forward network: up · silu(gate).
#include "backend.h"

namespace phi3lab::cpu {

void CpuBackend::swiglu(Tensor out, Tensor gate_up) {
  gate_up.expect_float32("swiglu");
  const auto swiglu_row = rowwise_.swiglu;
  stage([=](const Worker& w) {
    each_own_token(out.rows, w, [&](int64_t t) {
      const float* gate = gate_up.data + t * gate_up.cols;
      swiglu_row(out.data + t * out.cols, gate, gate + out.cols, out.cols);
    });
  });
}

}  // namespace phi3lab::cpu
