// Matrices in every format with their definition in double precision, and how far a product may be from it.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "cpu/matmul/matmul.h"
#include "cpu/threads/thread_pool.h"
#include "test/native/ops/formats.h"

namespace phi3lab::cpu {

// Why each number. float32 sums: tiles and panels add up to 2,304 products in one chain, each addition rounding by at
// most 2⁻²⁵ of the sum so far; the sums so far walk at random, well below Σ|w·x|, and the largest of 10,000 errors here
// is 8e-7 (a mistake in one weight's last bit would be 1e-4). Fixed point: sums within a block are exact, so the chain
// is 32 times shorter, and 2⁻²⁴ of each block's largest activation is lost, which the scale counts with the terms.
// bfloat16: the definition's numbers are rounded first, and what is left are float32 sums of exact products.
struct Tolerance {
  const char* what;
  double error;
};
constexpr Tolerance kTolerances[] = {
    {"float32 sums", 1e-6},
    {"fixed point", 5e-7},
};

inline ops::Random generator(20260101);
constexpr uint16_t kSubnormal[] = {3, 0x8001};  // of float16

struct Part {
  WeightType type;
  int64_t rows;
  bool permuted;
};

/** A matrix, the memory behind it and its definition. */
struct Example {
  std::vector<std::vector<uint8_t>> bytes;
  std::vector<RowGroup> groups;
  std::vector<double> weights;  // (rows, cols), in output order
  int64_t rows = 0, cols;

  Example(const std::vector<Part>& parts, int64_t columns) : cols(columns) {
    for (const Part& part : parts) {
      const int64_t blocks = part.rows * cols / format_of(part.type).block_size;
      bytes.emplace_back(static_cast<size_t>(part.rows * row_bytes(part.type, cols)));
      ops::fill(generator, bytes.back().data(), part.type, blocks, 0.06);
      if (part.type == WeightType::F16 && blocks >= 2) std::memcpy(bytes.back().data(), kSubnormal, 4);
      RowGroup g;
      g.type = part.type;
      g.data = bytes.back().data();
      g.rows = part.rows;
      for (int32_t r = 0; part.permuted && r < part.rows; r++)
        g.output_row.push_back(static_cast<int32_t>((r * 7 + 3) % part.rows));
      groups.push_back(g);
      rows += part.rows;
    }
    define();
  }

  void define() {
    weights.assign(static_cast<size_t>(rows * cols), 0);
    int64_t first = 0;
    for (const RowGroup& g : groups) {
      for (int64_t r = 0; r < g.rows; r++) {
        const uint8_t* row = static_cast<const uint8_t*>(g.data) + static_cast<size_t>(r) * row_bytes(g.type, cols);
        const int64_t to = first + (g.output_row.empty() ? r : g.output_row[static_cast<size_t>(r)]);
        for (int64_t k = 0; k < cols; k++) weights[static_cast<size_t>(to * cols + k)] = ops::number_at(g.type, row, k);
      }
      first += g.rows;
    }
  }
};

inline std::vector<float> random_activations(int64_t tokens, int64_t cols) {
  std::vector<float> x(static_cast<size_t>(tokens * cols));
  for (size_t i = 0; i < x.size(); i++) x[i] = generator.uniform(-1, 1) * (i % 37 == 0 ? 30.0f : 1.0f);
  if (x.size() > 64) std::memset(&x[0], 0, 32 * sizeof(float));  // a block of nothing but zeros
  return x;
}

inline std::vector<float> product(const Isa& isa, const Example& e, const std::vector<float>& x, int64_t tokens,
                                  int threads, Arena* arena) {
  const Matrix matrix(isa, e.groups, e.cols, arena);
  ThreadPool pool(threads);
  const Workspace workspace(threads, e.cols);
  const int64_t stride = e.rows + 5;
  std::vector<float> out(static_cast<size_t>(tokens * stride), 77);
  pool.run(
      [&](int thread, int) { matmul(pool, thread, workspace, out.data(), x.data(), matrix, tokens, stride, e.cols); });
  for (int64_t t = 0; t < tokens; t++) {
    for (int64_t r = e.rows; r < stride; r++) {
      if (out[static_cast<size_t>(t * stride + r)] != 77) return {};  // wrote beside its rows
    }
  }
  std::vector<float> dense;
  for (int64_t t = 0; t < tokens; t++) dense.insert(dense.end(), &out[t * stride], &out[t * stride] + e.rows);
  return dense;
}

/** Both tolerances' scale is Σ|w·x|; where sums are in fixed point each |x| counts with 1/8 of its block's largest. */
inline double largest_error(const Example& e, const std::vector<float>& x, const std::vector<float>& out,
                            int64_t tokens, bool fixed) {
  if (out.empty()) return NAN;
  double worst = 0;
  for (int64_t t = 0; t < tokens; t++) {
    std::vector<double> size(static_cast<size_t>(e.cols));
    for (int64_t k = 0; k < e.cols; k++) {
      double largest = 0;
      for (int64_t i = k / 32 * 32; fixed && i < std::min(e.cols, k / 32 * 32 + 32); i++) {
        largest = std::max(largest, std::fabs(static_cast<double>(x[static_cast<size_t>(t * e.cols + i)])));
      }
      size[static_cast<size_t>(k)] =
          std::fabs(static_cast<double>(x[static_cast<size_t>(t * e.cols + k)])) + largest / 8;
    }
    for (int64_t r = 0; r < e.rows; r++) {
      double sum = 0, scale = 1e-30;
      const double* w = &e.weights[static_cast<size_t>(r * e.cols)];
      for (int64_t k = 0; k < e.cols; k++) {
        sum += w[k] * x[static_cast<size_t>(t * e.cols + k)];
        scale += std::fabs(w[k]) * size[static_cast<size_t>(k)];
      }
      const double error = std::fabs(out[static_cast<size_t>(t * e.rows + r)] - sum) / scale;
      if (!(error <= worst)) worst = error;
    }
  }
  return worst;
}

/** Makes a number of row 20 infinite, or NaN: of a quantised format the first block's scale, or (NaN) its minimum. */
inline void damage(Example& e, WeightType type, bool nan) {
  uint8_t* row = e.bytes[0].data() + 20 * row_bytes(type, e.cols);
  const float wide = nan ? NAN : std::numeric_limits<float>::infinity();
  const uint16_t half = nan ? 0x7e00 : 0x7c00, bf16 = nan ? 0x7fc0 : 0x7f80;
  using W = WeightType;
  if (type == W::F32) {
    std::memcpy(row, &wide, 4);
  } else if (type == W::BF16) {
    std::memcpy(row, &bf16, 2);
  } else {
    const bool behind = type == W::Q4_1 || type == W::Q5_1 || type == W::Q2_K || type == W::Q4_K || type == W::Q5_K;
    const int scale = type == W::Q2_K ? 80 : type == W::Q3_K ? 108 : type == W::Q6_K ? 208 : 0;
    std::memcpy(row + scale + (behind && nan ? 2 : 0), &half, 2);
  }
  e.define();
}

}  // namespace phi3lab::cpu
