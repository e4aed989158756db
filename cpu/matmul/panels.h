// Products for many tokens: weights are packed as float32 into panels of two vectors of rows, (cols, 2 · width), which
// stay in the second-level cache while a tile of tokens at a time runs over them with its sums in registers.
#pragma once

#include "rows.h"

namespace phi3lab::cpu {

/** tile (m, 2 · width) = x (m, x_stride) · panel (cols, 2 · width). */
template <class V, int m>
static inline void multiply_tile(float* tile, const float* x, int64_t x_stride, const float* panel, int64_t cols) {
  typename V::Vector a[m], b[m];
#pragma GCC unroll 16
  for (int t = 0; t < m; t++) a[t] = b[t] = V::zero();
  for (int64_t k = 0; k < cols; k++, panel += 2 * V::width) {
    const auto w0 = V::load(panel), w1 = V::load(panel + V::width);
#pragma GCC unroll 16
    for (int t = 0; t < m; t++) {
      const auto xt = V::set1(x[t * x_stride + k]);
      a[t] = V::multiply_add(xt, w0, a[t]);
      b[t] = V::multiply_add(xt, w1, b[t]);
    }
  }
#pragma GCC unroll 16
  for (int t = 0; t < m; t++) {
    V::store(tile + t * 2 * V::width, a[t]);
    V::store(tile + t * 2 * V::width + V::width, b[t]);
  }
}

/** `width` as_stored rows from `row` on, columns [first, first + count), into half of a panel; rows past the end are 0.
 */
template <class V, WeightType type>
static void pack_rows(float* panel, const Segment& s, size_t stride, int64_t row, int64_t first, int64_t count) {
  constexpr int64_t kSpan = 256;
  alignas(64) float rows[V::width][kSpan];
  for (int64_t k = 0; k < count; k += kSpan) {
    const int64_t n = count - k < kSpan ? count - k : kSpan;
    const int64_t padded = (n + V::width - 1) / V::width * V::width;
    for (int r = 0; r < V::width; r++) {
      const bool present = row + r < s.rows;
      if (present) dequantise_row<V, type>(rows[r], s.data + (row + r) * stride, first + k, n);
      for (int64_t i = present ? n : 0; i < padded; i++) rows[r][i] = 0;
    }
    for (int64_t i = 0; i < padded; i += V::width) {
      typename V::Vector v[V::width];
      for (int r = 0; r < V::width; r++) v[r] = V::load(rows[r] + i);
      V::transpose(v);
      for (int j = 0; j < V::width && i + j < n; j++) V::store(panel + (k + i + j) * 2 * V::width, v[j]);
    }
  }
}

/**
 * This thread's share of a segment. `pack(panel, row, first, count)` writes `width` rows into half of a panel: column
 * first + k of row `row` + r to panel[k * 2 * width + r].
 */
template <class V, class Pack>
static void multiply_panels(const Gemm& p, const Segment& s, Pack pack) {
  constexpr int rows = 2 * V::width, most = V::tile_tokens;
  constexpr int panels = static_cast<int>(Workspace::kPanelRows) / rows;
  float* packed = reinterpret_cast<float*>(p.own);
  alignas(64) float tile[most * rows];
  int64_t first_row, last_row;
  split(s.rows, rows, p.thread, p.threads, &first_row, &last_row);
  for (int64_t row = first_row; row < last_row; row += rows * panels) {
    for (int64_t first = 0; first < p.cols; first += Workspace::kPanelCols) {
      const int64_t cols = p.cols - first < Workspace::kPanelCols ? p.cols - first : Workspace::kPanelCols;
      const int count =
          static_cast<int>((last_row - row + rows - 1) / rows < panels ? (last_row - row + rows - 1) / rows : panels);
      for (int i = 0; i < 2 * count; i++) {
        pack(packed + (i / 2) * cols * rows + i % 2 * V::width, row + i * V::width, first, cols);
      }
      for (int64_t t = 0; t < p.tokens;) {
        const int64_t left = p.tokens - t;
        const int m = left >= most ? most : left >= 8 && most > 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
        for (int i = 0; i < count; i++) {
          const float* x = p.in + t * p.in_stride + first;
          const float* panel = packed + i * cols * rows;
          if (m == most)
            multiply_tile<V, most>(tile, x, p.in_stride, panel, cols);
          else if (m == 8)
            multiply_tile<V, 8>(tile, x, p.in_stride, panel, cols);
          else if (m == 4)
            multiply_tile<V, 4>(tile, x, p.in_stride, panel, cols);
          else if (m == 2)
            multiply_tile<V, 2>(tile, x, p.in_stride, panel, cols);
          else
            multiply_tile<V, 1>(tile, x, p.in_stride, panel, cols);
          const int64_t r0 = row + i * rows, present = last_row - r0 < rows ? last_row - r0 : rows;
          for (int u = 0; u < m; u++) {
            float* out = p.out + (t + u) * p.out_stride;
            for (int64_t r = 0; r < present; r++) {
              float& y = out[output_row(s, r0 + r)];
              y = first ? y + tile[u * rows + r] : tile[u * rows + r];
            }
          }
        }
        t += m;
      }
    }
  }
}

/** From how many tokens on packing a panel pays. */
constexpr int64_t kPanelTokens = 6;

/** This thread's share of a as_stored segment. */
template <class V, WeightType type>
static void multiply_filed(const Gemm& p, const Segment& s) {
  if (p.tokens < kPanelTokens) return multiply_rows<V, type>(p, s);
  const size_t stride = row_bytes(type, p.cols);
  multiply_panels<V>(p, s, [&](float* panel, int64_t row, int64_t first, int64_t count) {
    pack_rows<V, type>(panel, s, stride, row, first, count);
  });
}

template <class V>
static void multiply_filed(const Gemm& p, const Segment& s) {
  with_type(s.type, [&](auto type) { multiply_filed<V, decltype(type)::value>(p, s); });
}

}  // namespace phi3lab::cpu
