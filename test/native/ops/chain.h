// What chains of verbs that end in a sum are measured by.
#pragma once

#include <algorithm>
#include <cmath>

#include "table.h"

namespace phi3lab::ops {

// Relative to the largest number that the chain adds to its row of hidden, or to its rows on average where that is more
// (a row's values may cancel). Why each:
// - float32, and one token of a 16-bit backend: sums of up to 3,072 products, 2⁻²⁵ a rounding, a sum of n terms being
//   about √n of them large and meeting its roundings n-fold but at random; thrice in a row. In fixed point (the CPU's
//   quantised weights) as exact. Measured: 3e-6.
// - a 16-bit backend, or 16-bit keys and values, besides rounds each key and value as the definition does, except where
// one lies within 1e-6 of a
//   tie: then a last bit, 2u, of it differs. `fresh`, the largest weight that a query gives to positions that were
//   computed, by the size of values over the context's, reaches the context, and one of √width shares of the product. A
//   key's also moves its weight, and several may meet: eight are allowed. 40 tables of an imitation of such a backend
//   on the CPU kept to it.
// - a 16-bit prompt rounds the normed row, qkv, q and k once rotated, the softmax's weights and the context: six
//   roundings of about u / 2.5 in root mean square, √6 · u / 2.5 ≈ u in all. A key that a query is aligned with meets
//   them with its score of up to log(2047) + 1, which in heads of 12 numbers averages little: 10u was measured at the
//   worst row of 40 tables with every one of these steps rounded. What such a pass leaves in the cache serves those
//   that follow.
constexpr double kFloat32Chain = 1e-5;
inline double decode_chain(Dtype dtype, double fresh, int64_t width) {
  return kFloat32Chain + 8 * 2 * unit_roundoff(dtype) * fresh / std::sqrt(static_cast<double>(width));
}
inline double prompt_chain(Dtype dtype) { return 14 * unit_roundoff(dtype); }

/** The root mean square. */
inline double size_of(const Numbers& numbers) {
  double squares = 0;
  for (double x : numbers) squares += x * x;
  return std::sqrt(squares / static_cast<double>(numbers.size()));
}

/** Each row's numbers measured by the row's largest addition, or the rows' average of these. */
inline Numbers scale_of(const Numbers& added, int64_t cols) {
  Numbers scale(added.size());
  const int64_t rows = static_cast<int64_t>(added.size()) / cols;
  double average = 0;
  for (int64_t i = 0; i < rows * cols; i += cols) {
    double largest = 0;
    for (int64_t k = i; k < i + cols; k++) largest = std::max(largest, std::fabs(added[k]));
    std::fill_n(&scale[i], cols, largest);
    average += largest / static_cast<double>(rows);
  }
  for (double& x : scale) x = std::max(x, average);
  return scale;
}

}  // namespace phi3lab::ops
