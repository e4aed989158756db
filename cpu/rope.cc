// Rotates q and k in place: in each head the halves (x1, x2) become (x1 cos - x2 sin, x2 cos + x1 sin).
#include "backend.h"

namespace phi3lab::cpu {

void CpuBackend::rope(View qkv, const Pass& pass, const float* angles, const AttentionShape& shape) {
  const int64_t half = shape.head_dim / 2, heads = shape.heads + shape.kv_heads;
  share(pass.tokens, 1, [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; t++) {
      const float* turn = angles + (*pass.position + t) * shape.head_dim;  // (half, {cos, sin})
      for (int64_t head = 0; head < heads; head++) {
        float* x = qkv.data + t * qkv.cols + head * shape.head_dim;
        for (int64_t i = 0; i < half; i++) {
          const float a = x[i], b = x[half + i], c = turn[2 * i], s = turn[2 * i + 1];
          x[i] = a * c - b * s;
          x[half + i] = b * c + a * s;
        }
      }
    }
  });
}

}  // namespace phi3lab::cpu
