// The gate of the feed-forward network: up · silu(gate).
#include <cmath>

#include "backend.h"

namespace phi3lab::cpu {

void CpuBackend::swiglu(Tensor out, Tensor gate_up) {
  stage([=](const Worker& w) {
    int64_t first, last;
    split(out.cols, 16, w.thread, w.threads, &first, &last);
    for (int64_t t = 0; t < out.rows; t++) {
      const float* gate = gate_up.data + t * gate_up.cols;
      const float* up = gate + out.cols;
      for (int64_t i = first; i < last; i++) out.data[t * out.cols + i] = up[i] * (gate[i] / (1.0f + std::exp(-gate[i])));
    }
  });
}

}  // namespace phi3lab::cpu
