// Rotary position embedding, in place: of a head's first numbers, as many as the table has columns,
// i turns with i + half of them; the others stay.
#include "cpu/simd/rope.h"

#include "backend.h"

namespace phi3lab::cpu {
void CpuBackend::rope(Tensor qkv, const PassInput& input, Tensor table, const AttentionShape& shape) {
  qkv.expect_float32("rope");
  stage([=](const Worker& w) {
    const int64_t half = table.cols / 2;
    each_own_token(qkv.rows, w, [&](int64_t t) {
      const int64_t position = input.sequences > 1 ? input.position[t] : *input.position + t;
      const float* phases = table.data + position * table.cols;
      for (int64_t h = 0; h < shape.heads + shape.kv_heads; h++)  // q's heads, then k's
        rope_head(qkv.data + t * qkv.cols + h * shape.head_dim, phases, phases + half, half);
    });
  });
}

}  // namespace phi3lab::cpu
