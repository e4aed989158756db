// Writes the k and v parts of qkv (T, q | k | v) into the cache behind the positions that it holds.
#include <cstring>

#include "backend.h"

namespace phi3lab::cpu {

void CpuBackend::append(Cache& cache, View qkv, const Pass& pass, const AttentionShape& shape, int layer) {
  const auto& mine = static_cast<const CpuCache&>(cache);
  const auto bytes = static_cast<size_t>(shape.head_dim) * 4;
  share(pass.tokens, 1, [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; t++) {
      const int64_t position = *pass.position + t;
      const int64_t block = position / CpuCache::kPositions, row = position % CpuCache::kPositions * shape.head_dim;
      const float* k = qkv.data + t * qkv.cols + shape.q_size();
      const float* v = k + shape.kv_size();
      for (int64_t head = 0; head < shape.kv_heads; head++) {
        std::memcpy(mine.keys(layer, head, block) + row, k + head * shape.head_dim, bytes);
        std::memcpy(mine.values(layer, head, block) + row, v + head * shape.head_dim, bytes);
      }
    }
  });
}

}  // namespace phi3lab::cpu
