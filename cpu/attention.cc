// context (T, heads * head_dim) = softmax(q k' / sqrt(head_dim)) v over the positions that each query sees: its own and
// those before it, at most `window` of them. Heads share keys and values in groups.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "backend.h"

namespace phi3lab::cpu {
namespace {

float dot(const float* a, const float* b, int64_t n) {
  float sum = 0;
  for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

// Scores to weights, in place.
void softmax(float* scores, int64_t n) {
  const float most = *std::max_element(scores, scores + n);
  float sum = 0;
  for (int64_t i = 0; i < n; i++) sum += scores[i] = std::exp(scores[i] - most);
  for (int64_t i = 0; i < n; i++) scores[i] /= sum;
}

}  // namespace

void CpuBackend::attention(View context, View weights, View qkv, const Cache& cache, const Pass& pass,
                           const AttentionShape& shape, int layer) {
  const auto& mine = static_cast<const CpuCache&>(cache);
  const int64_t dim = shape.head_dim, group = shape.heads / shape.kv_heads;
  const float scale = 1.0f / std::sqrt(static_cast<float>(dim));
  team_.run([&](int thread, int threads) {
    std::vector<float>& scores = scores_[static_cast<size_t>(thread)];
    scores.resize(static_cast<size_t>(std::max<int64_t>(pass.limit, static_cast<int64_t>(scores.size()))));
    int64_t first, last;
    split(shape.heads * pass.tokens, 1, thread, threads, &first, &last);
    for (int64_t item = first; item < last; item++) {
      const int64_t head = item / pass.tokens, t = item % pass.tokens;
      const int64_t position = *pass.position + t, least = std::max<int64_t>(0, position + 1 - shape.window);
      const float* q = qkv.data + t * qkv.cols + head * dim;
      float* out = context.data + t * context.cols + head * dim;
      for (int64_t p = least; p <= position; p++) {
        const float* k = mine.keys(layer, head / group, p / CpuCache::kPositions) + p % CpuCache::kPositions * dim;
        scores[static_cast<size_t>(p - least)] = dot(q, k, dim) * scale;
      }
      softmax(scores.data(), position + 1 - least);
      std::fill(out, out + dim, 0.0f);
      for (int64_t p = least; p <= position; p++) {
        const float* v = mine.values(layer, head / group, p / CpuCache::kPositions) + p % CpuCache::kPositions * dim;
        const float w = scores[static_cast<size_t>(p - least)];
        for (int64_t i = 0; i < dim; i++) out[i] += w * v[i];
      }
      if (weights.data) {
        float* row = weights.data + (head * pass.tokens + t) * weights.cols;
        std::fill(row, row + weights.cols, 0.0f);
        std::memcpy(row + least, scores.data(), static_cast<size_t>(position + 1 - least) * 4);
      }
    }
  });
}

}  // namespace phi3lab::cpu
