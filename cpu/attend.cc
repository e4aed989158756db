// Attention of a pass's queries over the cache: causal, windowed, key-value heads shared between query heads.
#include <algorithm>

#include "backend.h"

namespace phi3lab::cpu {

void CpuBackend::attend(Tensor context, AttentionWeights weights, Tensor qkv, const Cache& cache,
                        const PassInput& input, int64_t layer, const AttentionShape& shape) {
  const CpuCache* source = static_cast<const CpuCache*>(&cache);
  float* scratch = scores_.data();
  const auto attend_row = rowwise_.attend;
  const int64_t stride = static_cast<int64_t>(scores_.size()) / team_.size();
  stage([=](const Worker& w) {
    const int64_t dim = shape.head_dim, group = shape.heads / shape.kv_heads;
    float* scores = scratch + w.thread * stride;
    // Later queries see more keys, so the pairs are dealt out in turn rather than in two halves.
    for (int64_t pair = w.thread; pair < context.rows * shape.heads; pair += w.threads) {
      const int64_t t = pair / shape.heads, h = pair % shape.heads;
      const int64_t last = *input.position + t;
      const int64_t first = shape.window > 0 ? std::max<int64_t>(0, last + 1 - shape.window) : 0;
      const int64_t count = last + 1 - first;
      attend_row(context.data + t * context.cols + h * dim, scores, qkv.data + t * qkv.cols + h * dim,
                 source->keys(layer, h / group) + first * dim, source->values(layer, h / group) + first * dim, count,
                 dim, shape.scale);
      if (!weights.data) continue;
      float* row = weights.data + h * weights.head_stride + t * weights.row_stride;
      std::fill(row, row + weights.row_stride, 0.0f);
      std::copy(scores, scores + count, row + first);
    }
  });
}

}  // namespace phi3lab::cpu
