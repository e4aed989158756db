// Attention of a pass's queries over the cache: causal, windowed, key-value heads shared between query heads.
#include <algorithm>
#include <cmath>

#include "backend.h"

namespace phi3lab::cpu {
namespace {

float dot(const float* a, const float* b, int64_t n) {
  float sums[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    for (int k = 0; k < 8; k++) sums[k] += a[i + k] * b[i + k];
  }
  float tail = 0;
  for (; i < n; i++) tail += a[i] * b[i];
  return (((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]))) + tail;
}

/** out (dim,) = softmax(scale · q keysᵀ) values over `count` positions; leaves the weights in scores (count,). */
void attend_row(float* out, float* scores, const float* query, const float* keys, const float* values, int64_t count,
                int64_t dim, float scale) {
  float largest = -INFINITY;
  for (int64_t p = 0; p < count; p++) {
    scores[p] = dot(query, keys + p * dim, dim) * scale;
    largest = std::max(largest, scores[p]);
  }
  float sum = 0;
  for (int64_t p = 0; p < count; p++) sum += scores[p] = std::exp(scores[p] - largest);
  const float inverse = 1.0f / sum;
  std::fill(out, out + dim, 0.0f);
  for (int64_t p = 0; p < count; p++) {
    const float weight = scores[p] *= inverse;
    for (int64_t i = 0; i < dim; i++) out[i] += weight * values[p * dim + i];
  }
}

}  // namespace

void CpuBackend::attend(Tensor context, AttentionWeights weights, Tensor qkv, const Cache& cache,
                        const PassInput& input, int64_t layer, const AttentionShape& shape) {
  const CpuCache* source = static_cast<const CpuCache*>(&cache);
  float* scratch = scores_.data();
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
                 source->keys(layer, h / group) + first * dim, source->values(layer, h / group) + first * dim, count, dim,
                 shape.scale);
      if (!weights.data) continue;
      float* row = weights.data + h * weights.head_stride + t * weights.row_stride;
      std::fill(row, row + weights.row_stride, 0.0f);
      std::copy(scores, scores + count, row + first);
    }
  });
}

}  // namespace phi3lab::cpu
