// The functions of attend.h as templates over the vector type (simd_*.h) and the type of keys and values: tiles of
// queries against a block, their sums in registers. Each sum runs in one order: over a head's numbers, over positions.
#pragma once

#include <cfloat>
#include <cmath>
#include <type_traits>

#include "attend.h"
#include "exponential.h"

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

/** How far ahead few queries' keys and values are fetched: the processor by itself asks for too few at a time. */
constexpr int64_t kAhead = 8192;

/** From a row of keys or values on, what is read kAhead bytes later: rows further on, or of what is read next. */
template <class T>
struct Ahead {
  int64_t here, next, turn;
  /** Of `rows` rows of `stride` numbers; what is read next begins `to_next` numbers behind their first. */
  Ahead(int64_t rows, int64_t stride, int64_t to_next) {
    here = kAhead / static_cast<int64_t>(sizeof(T));
    next = to_next - rows * stride + here;
    turn = rows - here / stride;
  }
  /** How many numbers behind row `row` it lies. */
  int64_t of(int64_t row) const { return row < turn ? here : next; }
};

/** n vectors from `from` on; where `fetch`, the lines `ahead` numbers further on are brought near meanwhile. */
template <class V, class T, int n, bool fetch>
static inline void load_vectors(typename V::Vector* out, const T* from, int64_t ahead) {
#pragma GCC unroll 4
  for (int j = 0; j < n; j++) {
    out[j] = load_kv<V>(from + j * V::width);
    if (fetch && j * V::width * sizeof(T) % 64 == 0) __builtin_prefetch(from + j * V::width + ahead);
  }
}

/**
 * scores (m, kAttendBlock), columns [at, at + n · width) = scale · queries (m, dim) · keysᵀ. The values lie
 * `to_values` numbers behind the keys.
 */
template <class V, class T, int m, int n>
static inline void score_tile(float* scores, const float* queries, const T* keys, int64_t to_values, int64_t at,
                              int64_t dim, float scale) {
  typename V::Vector s[m][n];
#pragma GCC unroll 16
  for (int r = 0; r < m; r++)
#pragma GCC unroll 4
    for (int j = 0; j < n; j++) s[r][j] = V::zero();
  keys += at;
  const Ahead<T> ahead(dim, kAttendBlock, to_values);
  for (int64_t i = 0; i < dim; i++, keys += kAttendBlock) {
    typename V::Vector k[n];
    load_vectors<V, T, n, is_few<V>(m)>(k, keys, ahead.of(i));
#pragma GCC unroll 16
    for (int r = 0; r < m; r++) {
      const auto q = V::set1(queries[r * dim + i]);
#pragma GCC unroll 4
      for (int j = 0; j < n; j++) s[r][j] = V::multiply_add(q, k[j], s[r][j]);
    }
  }
  const auto factor = V::set1(scale);
#pragma GCC unroll 16
  for (int r = 0; r < m; r++)
#pragma GCC unroll 4
    for (int j = 0; j < n; j++) V::store(scores + r * kAttendBlock + at + j * V::width, V::mul(s[r][j], factor));
}

/** scores (m, kAttendBlock) of the rows' queries; −∞ where a row sees nothing. */
template <class V, class T, int m>
static inline void score_block(float* scores, const float* queries, const T* keys, int64_t to_values, const Seen* seen,
                               int64_t dim, float scale) {
  constexpr int n = is_few<V>(m) ? 4 : 2;  // few queries need more positions for enough sums in flight
  constexpr int64_t step = n * V::width;
  for (int64_t at = seen[0].first / step * step; at < seen[m - 1].last; at += step)
    score_tile<V, T, m, n>(scores, queries, keys, to_values, at, dim, scale);
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
    ends[r] = sums + r * part_stride(dim) + padded_dim(dim);
    ends[r][0] = V::largest(most);
  }
  for (int r = 0; r < m; r++) {
    float* row = scores + r * kAttendBlock;
    const float largest = ends[r][0];
    for (int64_t c = 0; c < kAttendBlock; c++) row[c] = exponential(row[c] - largest);
  }
  for (int r = 0; r < m; r++) {
    const float* row = scores + r * kAttendBlock;
    auto total = V::load(row);
    for (int64_t c = V::width; c < kAttendBlock; c += V::width) total = V::add(total, V::load(row + c));
    ends[r][1] = V::sum(total);
  }
}

/**
 * sums (m, stride), columns [at, at + n · width) += p (m, kAttendBlock) · values, of positions [first, last). The next
 * keys lie `to_next` numbers behind the values.
 */
template <class V, class T, int m, int n>
static inline void mix_columns(float* sums, const float* p, const T* values, int64_t to_next, int64_t first,
                               int64_t last, int64_t at, int64_t dim) {
  const int64_t padded = padded_dim(dim), stride = part_stride(dim);
  typename V::Vector s[m][n];
#pragma GCC unroll 16
  for (int r = 0; r < m; r++)
#pragma GCC unroll 4
    for (int j = 0; j < n; j++) s[r][j] = V::load(sums + r * stride + at + j * V::width);
  values += first * padded + at;
  const Ahead<T> ahead(kAttendBlock, padded, to_next);
  for (int64_t c = first; c < last; c++, values += padded) {
    typename V::Vector v[n];
    load_vectors<V, T, n, is_few<V>(m)>(v, values, ahead.of(c));
#pragma GCC unroll 16
    for (int r = 0; r < m; r++) {
      const auto weight = V::set1(p[r * kAttendBlock + c]);
#pragma GCC unroll 4
      for (int j = 0; j < n; j++) s[r][j] = V::multiply_add(weight, v[j], s[r][j]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < m; r++)
#pragma GCC unroll 4
    for (int j = 0; j < n; j++) V::store(sums + r * stride + at + j * V::width, s[r][j]);
}

template <class V, class T, int m>
static inline void mix_tile(float* sums, const float* p, const T* values, int64_t to_next, int64_t first, int64_t last,
                            int64_t dim) {
  const int64_t padded = padded_dim(dim);
  int64_t at = 0;
  // Few queries take more columns at a time: whole lines of memory in turn, and enough sums in flight.
  if constexpr (is_few<V>(m)) {
    for (; at + 4 * V::width <= padded; at += 4 * V::width)
      mix_columns<V, T, m, 4>(sums, p, values, to_next, first, last, at, dim);
  }
  for (; at + 2 * V::width <= padded; at += 2 * V::width)
    mix_columns<V, T, m, 2>(sums, p, values, to_next, first, last, at, dim);
  for (; at < padded; at += V::width) mix_columns<V, T, m, 1>(sums, p, values, to_next, first, last, at, dim);
}

/** sums (m, stride) = p (m, kAttendBlock) · values: each row's positions from its first to its last. */
template <class V, class T, int m>
static inline void mix_block(float* sums, const float* p, const T* values, int64_t to_next, const Seen* seen,
                             int64_t dim) {
  for (int r = 0; r < m; r++)
    for (int64_t i = 0; i < padded_dim(dim); i++) sums[r * part_stride(dim) + i] = 0;
  const auto alone = [&](int r, int64_t first, int64_t last) {
    if (first < last)
      mix_tile<V, T, 1>(sums + r * part_stride(dim), p + r * kAttendBlock, values, to_next, first, last, dim);
  };
  // What all rows see is taken together; a weight of 0 for the rest would let its NaN through.
  const int64_t first = seen[m - 1].first, last = seen[0].last;
  if (first >= last) {
    for (int r = 0; r < m; r++) alone(r, seen[r].first, seen[r].last);
    return;
  }
  for (int r = 0; r < m; r++) alone(r, seen[r].first, first);
  mix_tile<V, T, m>(sums, p, values, to_next, first, last, dim);
  for (int r = 0; r < m; r++) alone(r, last, seen[r].last);
}

template <class V, class T>
static void attend_block(float* parts, const float* queries, const void* keys, const void* values,
                         const void* next_keys, const Seen* seen, int rows, int64_t dim, float scale) {
  const T *k = static_cast<const T*>(keys), *v = static_cast<const T*>(values);
  const int64_t to_values = v - k, to_next = next_keys ? static_cast<const T*>(next_keys) - v : 0;
  tiles_of<V, kAttendRows>(0, rows, [&](auto count, int row) {
    constexpr int m = decltype(count)::value;
    alignas(64) float p[m * kAttendBlock];
    float* sums = parts + row * part_stride(dim);
    score_block<V, T, m>(p, queries + row * dim, k, to_values, seen + row, dim, scale);
    exponentials<V, m>(p, sums, dim);
    mix_block<V, T, m>(sums, p, v, to_next, seen + row, dim);
  });
}

template <class V>
static void merge_parts(float* states, const float* parts, int rows, int64_t dim) {
  const int64_t padded = padded_dim(dim);
  for (int r = 0; r < rows; r++, states += part_stride(dim), parts += part_stride(dim)) {
    const float before = states[padded], now = parts[padded], largest = now > before ? now : before;
    const float keep = exponential(before - largest), take = exponential(now - largest);
    const auto keeps = V::set1(keep), takes = V::set1(take);
    for (int64_t i = 0; i < padded; i += V::width)
      V::store(states + i, V::multiply_add(V::load(parts + i), takes, V::mul(V::load(states + i), keeps)));
    states[padded] = largest;
    states[padded + 1] = states[padded + 1] * keep + parts[padded + 1] * take;
  }
}

template <class V, class T>
static void weigh_block(float* weights, const float* states, const float* queries, const void* keys, const Seen* seen,
                        int rows, int64_t dim, float scale) {
  tiles_of<V, kAttendRows>(0, rows, [&](auto count, int row) {
    constexpr int m = decltype(count)::value;
    float* scores = weights + row * kAttendBlock;
    score_block<V, T, m>(scores, queries + row * dim, static_cast<const T*>(keys), 0, seen + row, dim, scale);
    for (int r = 0; r < m; r++) {
      const float* end = states + (row + r) * part_stride(dim) + padded_dim(dim);
      const float inverse = 1.0f / end[1];
      for (int64_t c = 0; c < kAttendBlock; c++) {
        float& x = scores[r * kAttendBlock + c];
        x = exponential(x - end[0]) * inverse;
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
  return {put_position<V, T>, attend_block<V, T>, merge_parts<V>, weigh_block<V, T>};
}

}  // namespace phi3lab::cpu
