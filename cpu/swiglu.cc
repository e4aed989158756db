// The gate of the feed-forward network: up · silu(gate).
#include "backend.h"

namespace phi3lab::cpu {

void CpuBackend::swiglu(Tensor out, Tensor gate_up) {
  const auto swiglu_row = rowwise_.swiglu;
  stage([=](const Worker& w) {
    own_runs(out.rows, w.thread, w.threads, [&](int64_t first, int64_t last) {
      for (int64_t t = first; t < last; t++) {
        const float* gate = gate_up.data + t * gate_up.cols;
        swiglu_row(out.data + t * out.cols, gate, gate + out.cols, out.cols);
      }
    });
  });
}

}  // namespace phi3lab::cpu
