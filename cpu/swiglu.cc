// The gate of the feed-forward network: up · silu(gate).
#include "backend.h"

namespace phi3lab::cpu {

void CpuBackend::swiglu(Tensor out, Tensor gate_up) {
  const auto swiglu_row = rowwise_.swiglu;
  stage([=](const Worker& w) {
    int64_t first, last;
    split(out.cols, 16, w.thread, w.threads, &first, &last);
    for (int64_t t = 0; t < out.rows; t++) {
      const float* gate = gate_up.data + t * gate_up.cols;
      const float* up = gate + out.cols;
      swiglu_row(out.data + t * out.cols + first, gate + first, up + first, last - first);
    }
  });
}

}  // namespace phi3lab::cpu
