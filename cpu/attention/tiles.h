// The functions of attend.h as templates over the vector type (simd_*.h) and the type of keys and values: tiles of
// queries against a block, their sums in registers. Each sum runs in one order: over a head's numbers, over positions.
#pragma once

#include <cfloat>
#include <cmath>
#include <type_traits>

#include "attend.h"
#include "cpu/simd/exponential.h"

namespace phi3lab::cpu {

/** `T` is float, or uint16_t for float16. */
template <class V, class T>
static inline typename V::Vector load_kv(const T* p) {
  if constexpr (std::is_same_v<T, float>)
    return V::load(p);
  else
    return V::load_f16(p);
}

/** Calls use(m, first) with constants m for tiles of rows [first, first + m) that fill [0, rows). */
template <class V, int m, class Use>
static inline void tiles_of(int first, int rows, const Use& use) {
  if constexpr (m <= V::tile_tokens) {
    for (; first + m <= rows; first += m) use(std::integral_constant<int, m>(), first);
  }
  if constexpr (m > 1) tiles_of<V, (m > 8 ? 8 : m > 6 ? 6 : m > 4 ? 4 : m - 1)>(first, rows, use);
}

/** Whether m queries are few: then memory's latency counts, and sums that wait for each other. */
template <class V>
static constexpr bool is_few(int m) {
  return 2 * m <= V::tile_tokens;
}

/** Of few queries, in bytes: how far ahead keys and values are fetched where that helps; elsewhere how much between. */
constexpr int64_t kAhead = 8192, kMeanwhile = 2048;

/** s (m, n) += x (m,), which lie `stride` apart, times n vectors from `from` on. */
template <class V, class T, int m, int n>
static inline void add_products(typename V::Vector (&s)[m][n], const float* x, int64_t stride, const T* from) {
  const auto vector = [&](int j) {
    const T* at = from + j * V::width;
    if (V::fetches && is_few<V>(m) && j * V::width * sizeof(T) % 64 == 0)
      __builtin_prefetch(reinterpret_cast<const char*>(at) + kAhead);
    return V::held(load_kv<V>(at));
  };
  // Few factors stay in registers, and a vector is read when its turn comes; many would not all fit.
  if constexpr (is_few<V>(m)) {
    typename V::Vector factors[m];
#pragma GCC unroll 16
    for (int r = 0; r < m; r++) factors[r] = V::set1(x[r * stride]);
#pragma GCC unroll 4
    for (int j = 0; j < n; j++) {
      const auto v = vector(j);
#pragma GCC unroll 16
      for (int r = 0; r < m; r++) s[r][j] = V::multiply_add(factors[r], v, s[r][j]);
    }
  } else {
    typename V::Vector v[n];
#pragma GCC unroll 4
    for (int j = 0; j < n; j++) v[j] = vector(j);
#pragma GCC unroll 16
    for (int r = 0; r < m; r++) {
      const auto factor = V::set1(x[r * stride]);
#pragma GCC unroll 4
      for (int j = 0; j < n; j++) s[r][j] = V::multiply_add(factor, v[j], s[r][j]);
    }
  }
}

/** scores (m, kAttendBlock), columns [at, at + n · width) = scale · queries (m, dim) · keysᵀ. */
template <class V, class T, int m, int n>
static inline void score_tile(float* scores, const float* queries, const T* keys, int64_t at, int64_t dim,
                              float scale) {
  typename V::Vector s[m][n];
#pragma GCC unroll 16
  for (int r = 0; r < m; r++)
#pragma GCC unroll 4
    for (int j = 0; j < n; j++) s[r][j] = V::zero();
  for (int64_t i = 0; i < dim; i++) add_products<V, T, m, n>(s, queries + i, dim, keys + i * kAttendBlock + at);
  const auto factor = V::set1(scale);
#pragma GCC unroll 16
  for (int r = 0; r < m; r++)
#pragma GCC unroll 4
    for (int j = 0; j < n; j++) V::store(scores + r * kAttendBlock + at + j * V::width, V::mul(s[r][j], factor));
}

/** scores (m, kAttendBlock) of the rows' queries; −∞ where a row sees nothing. */
template <class V, class T, int m>
static inline void score_block(float* scores, const float* queries, const T* keys, const Seen* seen, int64_t dim,
                               float scale) {
  constexpr int n = is_few<V>(m) ? 4 : 2;  // few queries need more positions for enough sums in flight
  constexpr int64_t step = n * V::width;
  for (int64_t at = seen[0].first / step * step; at < seen[m - 1].last; at += step)
    score_tile<V, T, m, n>(scores, queries, keys, at, dim, scale);
  for (int r = 0; r < m; r++) {
    float* row = scores + r * kAttendBlock;
    for (int64_t c = 0; c < seen[r].first; c++) row[c] = -INFINITY;
    for (int64_t c = seen[r].last; c < kAttendBlock; c++) row[c] = -INFINITY;
  }
}

/**
 * Makes scores (m, kAttendBlock) e^(score − largest), and puts each row's largest and the sum behind its sums.
 * Reductions stand in loops of their own, for the rows' to overlap.
 */
template <class V, int m>
static inline void exponentials(float* scores, float* sums, int64_t dim) {
  float* ends[m];
  for (int r = 0; r < m; r++) {
    const float* row = scores + r * kAttendBlock;
    // A finite floor, so that −∞ has no weight instead of NaN; a row of nothing else has the sum 0, and so NaN at last.
    auto most = V::set1(-FLT_MAX);
    for (int64_t c = 0; c < kAttendBlock; c += V::width) most = V::max(V::load(row + c), most);
    ends[r] = sums + r * partial_stride(dim) + padded_dim(dim);
    ends[r][0] = V::largest(most);
  }
  for (int r = 0; r < m; r++) {
    float* row = scores + r * kAttendBlock;
    const float largest = ends[r][0];
    for (int64_t c = 0; c < kAttendBlock; c++) row[c] = exponential_below(row[c] - largest);
  }
  for (int r = 0; r < m; r++) {
    const float* row = scores + r * kAttendBlock;
    auto total = V::load(row);
    for (int64_t c = V::width; c < kAttendBlock; c += V::width) total = V::add(total, V::load(row + c));
    ends[r][1] = V::sum(total);
  }
}

/**
 * sums (m, stride), columns [at, at + n · width) += p (m, kAttendBlock) · values, of positions [first, last).
 */
template <class V, class T, int m, int n>
static inline void mix_columns(float* sums, const float* p, const T* values, int64_t first, int64_t last, int64_t at,
                               int64_t dim) {
  const int64_t padded = padded_dim(dim), stride = partial_stride(dim);
  typename V::Vector s[m][n];
#pragma GCC unroll 16
  for (int r = 0; r < m; r++)
#pragma GCC unroll 4
    for (int j = 0; j < n; j++) s[r][j] = V::load(sums + r * stride + at + j * V::width);
  for (int64_t c = first; c < last; c++) add_products<V, T, m, n>(s, p + c, kAttendBlock, values + c * padded + at);
#pragma GCC unroll 16
  for (int r = 0; r < m; r++)
#pragma GCC unroll 4
    for (int j = 0; j < n; j++) V::store(sums + r * stride + at + j * V::width, s[r][j]);
}

template <class V, class T, int m>
static inline void mix_tile(float* sums, const float* p, const T* values, int64_t first, int64_t last, int64_t dim) {
  const int64_t padded = padded_dim(dim);
  int64_t at = 0;
  // Few queries take more columns at a time: whole lines of memory in turn, and enough sums in flight.
  if constexpr (is_few<V>(m)) {
    for (; at + 4 * V::width <= padded; at += 4 * V::width)
      mix_columns<V, T, m, 4>(sums, p, values, first, last, at, dim);
  }
  for (; at + 2 * V::width <= padded; at += 2 * V::width)
    mix_columns<V, T, m, 2>(sums, p, values, first, last, at, dim);
  for (; at < padded; at += V::width) mix_columns<V, T, m, 1>(sums, p, values, first, last, at, dim);
}

/** sums (m, stride) = p (m, kAttendBlock) · values: each row's positions from its first to its last. */
template <class V, class T, int m>
static inline void mix_block(float* sums, const float* p, const T* values, const Seen* seen, int64_t dim) {
  for (int r = 0; r < m; r++)
    for (int64_t i = 0; i < padded_dim(dim); i++) sums[r * partial_stride(dim) + i] = 0;
  const auto alone = [&](int r, int64_t first, int64_t last) {
    if (first < last) mix_tile<V, T, 1>(sums + r * partial_stride(dim), p + r * kAttendBlock, values, first, last, dim);
  };
  // What all rows see is taken together; a weight of 0 for the rest would let its NaN through.
  const int64_t first = seen[m - 1].first, last = seen[0].last;
  if (first >= last) {
    for (int r = 0; r < m; r++) alone(r, seen[r].first, seen[r].last);
    return;
  }
  for (int r = 0; r < m; r++) alone(r, seen[r].first, first);
  mix_tile<V, T, m>(sums, p, values, first, last, dim);
  for (int r = 0; r < m; r++) alone(r, last, seen[r].last);
}

template <class V, class T>
static void attend_block(float* partials, const float* queries, const void* keys, const void* values, const Seen* seen,
                         int rows, int64_t dim, float scale) {
  tiles_of<V, kAttendRows>(0, rows, [&](auto count, int row) {
    constexpr int m = decltype(count)::value;
    alignas(64) float p[m * kAttendBlock];
    float* sums = partials + row * partial_stride(dim);
    score_block<V, T, m>(p, queries + row * dim, static_cast<const T*>(keys), seen + row, dim, scale);
    // Few queries' values are on their way while there is nothing else to read.
    for (int64_t at = 0; !V::fetches && is_few<V>(m) && at < kMeanwhile; at += 64)
      __builtin_prefetch(static_cast<const char*>(values) + at);
    exponentials<V, m>(p, sums, dim);
    mix_block<V, T, m>(sums, p, static_cast<const T*>(values), seen + row, dim);
  });
}

/** How many partials are combined at a time, for their exponentials to make whole vectors. */
constexpr int kMerged = 16;

/** sums (n · width,) = sums · keep + part · take for `count` partials in turn, `step` floats apart. */
template <class V, int n>
static inline void combine_columns(float* sums, const float* partials, int64_t step, int count, const float* keep,
                                   const float* take) {
  typename V::Vector s[n];
  for (int j = 0; j < n; j++) s[j] = V::load(sums + j * V::width);
  for (int i = 0; i < count; i++, partials += step) {
    const auto keeps = V::set1(keep[i]), takes = V::set1(take[i]);
    for (int j = 0; j < n; j++) s[j] = V::multiply_add(V::load(partials + j * V::width), takes, V::mul(s[j], keeps));
  }
  for (int j = 0; j < n; j++) V::store(sums + j * V::width, s[j]);
}

template <class V>
static void combine_partials(float* states, int64_t to_next, const float* partials, int64_t step, int64_t count,
                             int64_t dim) {
  const int64_t padded = padded_dim(dim);
  float keep[kMerged] = {}, take[kMerged] = {};
  while (count > 0) {
    const int some = static_cast<int>(count < kMerged ? count : kMerged), run = to_next == 0 ? some : 1;
    for (int i = 0; i < some; i++) {
      float& largest = states[i * to_next + padded];
      const float before = largest, now = partials[i * step + padded];
      if (now > before) largest = now;
      keep[i] = before - largest;
      take[i] = now - largest;
    }
    for (float& x : keep) x = exponential_below(x);
    for (float& x : take) x = exponential_below(x);
    for (int first = 0; first < some; first += run, states += to_next, partials += run * step) {
      const float *keeps = keep + first, *takes = take + first;
      float& total = states[padded + 1];
      for (int i = 0; i < run; i++) total = total * keeps[i] + partials[i * step + padded + 1] * takes[i];
      int64_t c = 0;
      for (; c + 4 * V::width <= padded; c += 4 * V::width)
        combine_columns<V, 4>(states + c, partials + c, step, run, keeps, takes);
      for (; c < padded; c += V::width) combine_columns<V, 1>(states + c, partials + c, step, run, keeps, takes);
    }
    count -= some;
  }
}

template <class V, class T>
static void weigh_block(float* weights, const float* states, const float* queries, const void* keys, const Seen* seen,
                        int rows, int64_t dim, float scale) {
  tiles_of<V, kAttendRows>(0, rows, [&](auto count, int row) {
    constexpr int m = decltype(count)::value;
    float* scores = weights + row * kAttendBlock;
    score_block<V, T, m>(scores, queries + row * dim, static_cast<const T*>(keys), seen + row, dim, scale);
    for (int r = 0; r < m; r++) {
      const float* end = states + (row + r) * partial_stride(dim) + padded_dim(dim);
      const float inverse = 1.0f / end[1];
      for (int64_t c = 0; c < kAttendBlock; c++) {
        float& x = scores[r * kAttendBlock + c];
        x = exponential_below(x - end[0]) * inverse;
      }
    }
  });
}

/** out (width,) = the nearest of in (count ≤ width,), what is out of range clamped; NaN stays NaN. */
template <class V>
static inline void halves_of(uint16_t* out, const float* in, int64_t count) {
  constexpr float most = 65504;
  float numbers[V::width] = {};
  for (int64_t i = 0; i < count; i++) numbers[i] = in[i] > most ? most : in[i] < -most ? -most : in[i];
  V::store_f16(out, V::load(numbers));
}

template <class V, class T>
static void put_position(void* keys, void* values, const float* k, const float* v, int64_t lane, int64_t dim) {
  T* to_keys = static_cast<T*>(keys) + lane;
  T* to_values = static_cast<T*>(values);
  if constexpr (std::is_same_v<T, float>) {
    for (int64_t i = 0; i < dim; i++) to_keys[i * kAttendBlock] = k[i];
    for (int64_t i = 0; i < dim; i++) to_values[i] = v[i];
  } else {
    for (int64_t first = 0; first < dim; first += V::width) {
      const int64_t count = dim - first < V::width ? dim - first : V::width;
      T numbers[V::width];
      halves_of<V>(numbers, k + first, count);
      for (int64_t i = 0; i < count; i++) to_keys[(first + i) * kAttendBlock] = numbers[i];
      halves_of<V>(numbers, v + first, count);
      for (int64_t i = 0; i < count; i++) to_values[first + i] = numbers[i];
    }
  }
}

/** What a path's file defines its table of. */
template <class V, class T>
static constexpr Attend attend_functions() {
  return {put_position<V, T>, attend_block<V, T>, combine_partials<V>, weigh_block<V, T>};
}

}  // namespace phi3lab::cpu
