// Between the files of the AVX-512 path.
#pragma once

#include "fixed24.h"
#include "paths.h"

namespace phi3lab::cpu {

/**
 * x (tokens, x_stride) transposed a tile of tokens at a time, columns [first, last) of `cols`: a tile of n tokens from
 * token t on is (cols, n) at out + t * cols. Both bounds are multiples of 32.
 */
void transpose_tiles(float* out, const float* x, int64_t x_stride, int64_t tokens, int64_t cols, int64_t first,
                     int64_t last);

/** Whether `multiply_tiles` has a format: those that processors without dot products of bytes have as interleaved16. */
static constexpr bool has_tiles(WeightType type) {
  return type == WeightType::Q4_0 || type == WeightType::Q4_1 || type == WeightType::Q8_0;
}

/** Rows [first, last) of a interleaved16 segment for up to Workspace::kSharedTokens tokens, from transposed tiles. */
void multiply_tiles(const Gemm& p, const Segment& s, const float* tiles, float* out, int64_t tokens, int64_t first,
                    int64_t last);

/** Tokens of a product from `first` on: x (tokens, cols / 32) in fixed point. */
struct Fixed24Run {
  const Fixed24Block* x;
  int64_t first, tokens;
};

/**
 * Rows [first, last) of a interleaved16 segment for the tokens of `count` runs, out (all tokens, out_stride): the
 * numbers of `multiply_fixed24` for each of them, to the bit. `scratch`: kFixed24Scratch bytes on a 64-byte boundary.
 */
void multiply_fixed24_tiles(float* out, int64_t out_stride, const Segment& s, const Fixed24Run* runs, int count,
                            int64_t cols, int64_t first, int64_t last, uint8_t* scratch);
constexpr int64_t kFixed24Blocks = 256;  // of 32 columns that it unpacks at a time, at most
constexpr size_t kFixed24Scratch = 2 * kFixed24Blocks * (512 + 128);

/** A whole product of many tokens, rounded to bfloat16. Isa::bf16. */
void multiply_bf16(const Gemm& p);

/** 16 rows of a interleaved16 segment, columns [first, first + count), as float32 into half of a panel (32 rows wide).
 */
void unpack_interleaved16(float* panel, const Segment& s, int64_t cols, int64_t row, int64_t first, int64_t count);

}  // namespace phi3lab::cpu
