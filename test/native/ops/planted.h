// Keys before a pass: random, and planted where a mistake by one position would hide among many.
#pragma once

#include "device.h"
#include "twin.h"

namespace phi3lab::ops {

namespace twin {

/** Random rows of q, k and v, of `tokens` positions: scores with a deviation near 1. */
inline Numbers rows_of(Random& random, int64_t tokens, const AttentionShape& shape) {
  return numbers_of(random.floats(tokens * shape.qkv_cols(), -1.7f, 1.7f));
}

}  // namespace twin

/**
 * Plants keys for a few queries of the pass `now`, which stands behind `before` (both rows of qkv): the oldest key that
 * the window shows and the query's own get about a third of the weight each, and so would the ones just outside, if
 * they were seen. For the first query head of each key-value head.
 */
inline void plant(Numbers& before, Numbers& now, int64_t position, const AttentionShape& shape) {
  const int64_t cols = shape.qkv_cols(), dim = shape.head_dim;
  const int64_t tokens = static_cast<int64_t>(now.size()) / cols, group = shape.heads / shape.kv_heads;
  for (int64_t t : {int64_t{0}, tokens / 2, tokens - 1}) {
    const int64_t last = position + t, seen = shape.window > 0 ? std::min(shape.window, last + 1) : last + 1;
    for (int64_t h = 0; h < shape.kv_heads; h++) {
      const double* q = &now[t * cols + h * group * dim];
      double square = 0;
      for (int64_t i = 0; i < dim; i++) square += q[i] * q[i];
      const double score = std::log(static_cast<double>(seen)) + 1;
      for (int64_t p : {last - seen, last - seen + 1, last, last + 1}) {
        if (p < 0 || p >= position + tokens) continue;
        Numbers& rows = p < position ? before : now;
        double* k = &rows[(p < position ? p : p - position) * cols + (shape.heads + h) * dim];
        for (int64_t i = 0; i < dim; i++) k[i] = q[i] * score / (square * static_cast<double>(shape.scale));
      }
    }
  }
}

/** Puts `positions` rows into a cache by `append`, in passes that the backend is prepared for. */
class Prefix {
 public:
  Prefix(Bench& bench, const AttentionShape& shape, int64_t positions)
      : bench_(bench), shape_(shape), positions_(positions) {}

  void append(Cache& cache, twin::Cache& expected, int64_t layer, const Numbers& rows) {
    Backend& backend = bench_.backend;
    const std::vector<float> values = floats_of(rows);
    cache.commit(positions_);
    for (int64_t first = 0; first < positions_; first += kMostTokens) {
      const int64_t tokens = std::min(kMostTokens, positions_ - first), cols = shape_.qkv_cols();
      const Guarded qkv(backend, tokens, cols,
                        {values.begin() + first * cols, values.begin() + (first + tokens) * cols});
      DevicePass pass(backend, 1);
      backend.append(cache, qkv.tensor(), pass.at(first, tokens), layer, shape_);
      backend.synchronize();
    }
    twin::append(expected, numbers_of(values), 0, shape_, bench_.kv);
  }

 private:
  Bench& bench_;
  AttentionShape shape_;
  int64_t positions_;
};

}  // namespace phi3lab::ops
