// out (T, ffn) = up * silu(gate), with gate and up side by side in each row of gate_up (T, 2 * ffn).
#include <cmath>

#include "backend.h"

namespace phi3lab::cpu {

void CpuBackend::swiglu(View out, View gate_up) {
  share(out.rows * out.cols, 16, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; i++) {
      const float* gate = gate_up.data + i / out.cols * gate_up.cols + i % out.cols;
      out.data[i] = gate[out.cols] * (gate[0] / (1.0f + std::exp(-gate[0])));
    }
  });
}

}  // namespace phi3lab::cpu
