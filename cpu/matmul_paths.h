// Between `matmul` and its paths: each path is one function over all formats, in files compiled for its instructions.
#pragma once

#include "matmul.h"

namespace phi3lab::cpu {

/** One product, as a thread of the team sees it; the members are `matmul`'s arguments. */
struct Product {
  Team& team;
  int thread;
  const Workspace& workspace;
  float* out;
  const float* in;
  const Matrix& matrix;
  int64_t tokens, out_stride, in_stride;
};

void matmul_portable(const Product& p);
void matmul_avx2(const Product& p);
void matmul_avx512(const Product& p);
void matmul_neon(const Product& p);

/** Where row r of a filed segment goes in the output. */
static inline int64_t output_row(const Segment& s, int64_t r) {
  return s.first + (s.output_row ? s.output_row[r] : r);
}

/** Rows of one group of a filed segment that a thread is given at a time. */
constexpr int64_t kFiledUnit = 4;

}  // namespace phi3lab::cpu
