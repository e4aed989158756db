// Products for many tokens where the first-level cache is 32 KiB: a panel of two vectors of rows by some hundred
// columns is unpacked into it as float32, and tiles of tokens, packed column by column so that they are one stream, run
// over it with their sums in registers.
#pragma once

#include "panels.h"

namespace phi3lab::cpu {

/** Tokens of a product from `first` on: tiles on end, in each the numbers of its tokens column by column. */
struct PackedTokens {
  const float* x;
  int64_t first, tokens;
};

/** Columns of a panel: 16 rows of them take 24 of 32 KiB. */
constexpr int64_t kTileCols = 384;

/** Tokens of the tile that comes next where so many are left. A tile of one or two has too few sums for a processor to
 * add to meanwhile, and takes as long as one of four: eight tokens are four and four, not six and two. */
template <class V>
static inline int tile_tokens(int64_t left) {
  constexpr int most = V::tile_tokens;
  if (most > 4 && (left == most + 2 || left == most + 3)) return 4;
  return left >= V::tile_tokens ? V::tile_tokens : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

/** out (cols, m): columns [first, last) of a tile of m tokens. */
template <class V>
static void pack_tile(float* out, const float* x, int64_t x_stride, int m, int64_t first, int64_t last) {
  int64_t k = first;
  // A vector may reach into the columns behind it, which come later, but not behind the last one.
  for (; k + 2 * V::width <= last; k += V::width) {
    typename V::Vector v[V::width];
    for (int t = 0; t < V::width; t++) v[t] = t < m ? V::load(x + t * x_stride + k) : V::zero();
    V::transpose(v);
    for (int i = 0; i < V::width; i++) V::store(out + (k + i) * m, v[i]);
  }
  for (; k < last; k++)
    for (int t = 0; t < m; t++) out[k * m + t] = x[t * x_stride + k];
}

/**
 * Calls use(tokens) for as many tokens at a time as the shared memory holds, packed by all threads. Barriers part it
 * from what uses that memory before and after.
 */
template <class V, class Use>
static void for_packed_tokens(const Gemm& p, const Use& use) {
  constexpr int64_t most = Workspace::kSharedTokens;
  static_assert(most % V::tile_tokens == 0 && V::tile_tokens <= V::width, "whole tiles, each packed at once");
  int64_t first_col, last_col;
  split(p.cols, 32, p.thread, p.threads, &first_col, &last_col);
  for (int64_t done = 0; done < p.tokens; done += most) {
    const PackedTokens tokens{p.shared, done, p.tokens - done < most ? p.tokens - done : most};
    for (int64_t t = 0, m; t < tokens.tokens; t += m) {
      m = tile_tokens<V>(tokens.tokens - t);
      pack_tile<V>(p.shared + t * p.cols, p.in + (done + t) * p.in_stride, p.in_stride, static_cast<int>(m), first_col,
                   last_col);
    }
    p.pool->barrier(p.thread);
    use(tokens);
    p.pool->barrier(p.thread);
  }
}

/** sums (m, 2 · width) += x (cols, m)ᵀ · panel (cols, 2 · width); the first columns begin them. */
template <class V, int m>
static inline void add_tile(float* sums, bool begin, const float* x, const float* panel, int64_t cols) {
  typename V::Vector a[m], b[m];
#pragma GCC unroll 8
  for (int t = 0; t < m; t++) {
    a[t] = begin ? V::zero() : V::load(sums + t * 2 * V::width);
    b[t] = begin ? V::zero() : V::load(sums + t * 2 * V::width + V::width);
  }
#pragma GCC unroll 4
  for (int64_t k = 0; k < cols; k++, panel += 2 * V::width, x += m) {
    const auto w0 = V::load(panel), w1 = V::load(panel + V::width);
#pragma GCC unroll 8
    for (int t = 0; t < m; t++) {
      const auto xt = V::set1(x[t]);
      a[t] = V::multiply_add(xt, w0, a[t]);
      b[t] = V::multiply_add(xt, w1, b[t]);
    }
  }
#pragma GCC unroll 8
  for (int t = 0; t < m; t++) {
    V::store(sums + t * 2 * V::width, a[t]);
    V::store(sums + t * 2 * V::width + V::width, b[t]);
  }
}

/** The sums of `present` rows from `row` on, into out of each token. */
template <class V>
static void put_sums(const Gemm& p, const Segment& s, const PackedTokens& tokens, const float* sums, int64_t row,
                     int64_t present) {
  constexpr int rows = 2 * V::width;
  float* out = p.out + tokens.first * p.out_stride;
  for (int64_t t = 0; t < tokens.tokens; t++, out += p.out_stride, sums += rows) {
    if (present == rows && !s.output_row) {
      for (int i = 0; i < rows; i += V::width) V::store(out + s.first + row + i, V::load(sums + i));
    } else {
      for (int64_t r = 0; r < present; r++) out[output_row(s, row + r)] = sums[r];
    }
  }
}

/**
 * This thread's share of a segment. `pack(panel, row, first, count)` writes `width` rows into half of a panel, as for
 * multiply_panels; `first` is a multiple of `unit`, columns that are unpacked whole.
 */
template <class V, class Pack>
static void multiply_tokens(const Gemm& p, const Segment& s, const PackedTokens& tokens, int64_t unit, Pack pack) {
  constexpr int rows = 2 * V::width;
  float *panel = reinterpret_cast<float*>(p.own), *sums = panel + rows * kTileCols;
  static_assert(rows * (kTileCols + Workspace::kSharedTokens) <= Workspace::kPanelRows * Workspace::kPanelCols,
                "fits a thread's own");
  // As few panels as can be, of as many columns each.
  const int64_t panels = (p.cols + kTileCols - 1) / kTileCols;
  const int64_t even = ((p.cols + panels - 1) / panels + unit - 1) / unit * unit;
  const int64_t most = even > kTileCols ? kTileCols / unit * unit : even;
  int64_t first_row, last_row;
  split(s.rows, rows, p.thread, p.threads, &first_row, &last_row);
  for (int64_t row = first_row; row < last_row; row += rows) {
    for (int64_t first = 0; first < p.cols; first += most) {
      const int64_t cols = p.cols - first < most ? p.cols - first : most;
      for (int i = 0; i < 2; i++) pack(panel + i * V::width, row + i * V::width, first, cols);
      for (int64_t t = 0; t < tokens.tokens;) {
        const int m = tile_tokens<V>(tokens.tokens - t);
        const float* x = tokens.x + t * p.cols + first * m;
        float* to = sums + t * rows;
        if (m == V::tile_tokens)
          add_tile<V, V::tile_tokens>(to, first == 0, x, panel, cols);
        else if (m == 4)
          add_tile<V, 4>(to, first == 0, x, panel, cols);
        else if (m == 2)
          add_tile<V, 2>(to, first == 0, x, panel, cols);
        else
          add_tile<V, 1>(to, first == 0, x, panel, cols);
        t += m;
      }
    }
    put_sums<V>(p, s, tokens, sums, row, last_row - row < rows ? last_row - row : rows);
  }
}

}  // namespace phi3lab::cpu
