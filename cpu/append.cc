// Puts a pass's keys and values behind those that the caches hold, and positions of a cache into another.
#include <algorithm>

#include "backend.h"

namespace phi3lab::cpu {

void CpuBackend::append(Cache& cache, Tensor qkv, const PassInput& input, int64_t layer, const AttentionShape& shape) {
  qkv.expect_float32("append");
  const Attend* functions = &attend_;
  if (input.sequences > 1) {
    const TokenPlaces places(cache, input);
    stage([=](const Worker& w) {
      own_runs(qkv.rows * shape.kv_heads, w.thread, w.threads, [&](int64_t first, int64_t last) {
        for (int64_t i = first; i < last; i++) {
          const int64_t t = i / shape.kv_heads, h = i % shape.kv_heads, dim = shape.head_dim;
          const float* key = qkv.data + t * qkv.cols + (shape.heads + h) * dim;  // (dim,)
          places.cache(t).put(*functions, layer, h, places.position(t), key, key + shape.kv_heads * dim, dim);
        }
      });
    });
    return;
  }
  const CpuCache* target = static_cast<const CpuCache*>(&cache);
  stage([=](const Worker& w) {
    const int64_t dim = shape.head_dim, start = *input.position, end = start + qkv.rows;
    // A group of positions is one thread's: their keys share lines of memory.
    constexpr int64_t kGroup = 16;
    const int64_t first_group = start / kGroup, groups = (end - 1) / kGroup - first_group + 1;
    own_runs(groups * shape.kv_heads, w.thread, w.threads, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; i++) {
        const int64_t h = i % shape.kv_heads, group = (first_group + i / shape.kv_heads) * kGroup;
        for (int64_t position = std::max(start, group); position < std::min(end, group + kGroup); position++) {
          const float* keys = qkv.data + (position - start) * qkv.cols + (shape.heads + h) * dim;  // (dim,)
          target->put(*functions, layer, h, position, keys, keys + shape.kv_heads * dim, dim);
        }
      }
    });
  });
}

void CpuBackend::copy_positions(Cache& out, const Cache& in, int64_t first, int64_t end) {
  const auto *to = static_cast<const CpuCache*>(&out), *from = static_cast<const CpuCache*>(&in);
  stage([=](const Worker& w) {
    int64_t begin, last;
    split(to->parts(), 1, w.thread, w.threads, &begin, &last);
    for (int64_t i = begin; i < last; i++) to->copy(*from, i, first, end);
  });
}

}  // namespace phi3lab::cpu
