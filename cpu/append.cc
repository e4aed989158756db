// Puts a pass's keys and values behind those that the cache holds.
#include <cstring>

#include "backend.h"

namespace phi3lab::cpu {

void CpuBackend::append(Cache& cache, Tensor qkv, const PassInput& input, int64_t layer, const AttentionShape& shape) {
  const CpuCache* target = static_cast<const CpuCache*>(&cache);
  stage([=](const Worker& w) {
    const int64_t dim = shape.head_dim;
    for (int64_t t = w.thread; t < qkv.rows; t += w.threads) {
      const float* keys = qkv.data + t * qkv.cols + shape.heads * dim;  // (kv_heads, dim)
      const float* values = keys + shape.kv_heads * dim;                // (kv_heads, dim)
      const int64_t position = *input.position + t;
      for (int64_t h = 0; h < shape.kv_heads; h++) {
        std::memcpy(target->keys(layer, h) + position * dim, keys + h * dim, static_cast<size_t>(dim) * sizeof(float));
        std::memcpy(target->values(layer, h) + position * dim, values + h * dim,
                    static_cast<size_t>(dim) * sizeof(float));
      }
    }
  });
}

}  // namespace phi3lab::cpu
