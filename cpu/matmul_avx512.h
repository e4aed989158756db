// Between the files of the AVX-512 path.
#pragma once

#include "matmul_blocks16.h"
#include "matmul_paths.h"

namespace phi3lab::cpu {

/** A block of 32 activations in 24-bit fixed point: x[k] = scale · (65536·digits[0][k] + 256·digits[1][k] +
 * digits[2][k]). */
struct alignas(64) DigitBlock {
  int8_t digits[3][32];
  float scale;
  float sum;             // of the block's x
  int32_t minus_8[3];    // −8 · the sum of digits[i]: what the offset of Q4_0's weights amounts to
  int32_t minus_128[3];  // and that of Q8_0's
};
static_assert(sizeof(DigitBlock) == 128, "two cache lines");

/**
 * x (cols,) in fixed point, exact to 2⁻²⁴ of each block's largest. false where that cannot be: a NaN, an infinity, or a
 * block whose largest number is next to the ends of float32's range.
 */
bool to_digits(DigitBlock* out, const float* x, int64_t cols);

/** out (rows [first, last) of a blocks16 segment), for one token in fixed point; `first` is a multiple of 16. VNNI. */
void multiply_digits(float* out, const Segment& s, const DigitBlock* x, int64_t cols, int64_t first, int64_t last);

/**
 * x (tokens, x_stride) transposed a tile of tokens at a time, columns [first, last) of `cols`: a tile of n tokens from
 * token t on is (cols, n) at out + t * cols. Both bounds are multiples of 32.
 */
void transpose_tiles(float* out, const float* x, int64_t x_stride, int64_t tokens, int64_t cols, int64_t first,
                     int64_t last);

/** Rows [first, last) of a blocks16 segment for up to Workspace::kSharedTokens tokens, from transposed tiles. */
void multiply_tiles(const Product& p, const Segment& s, const float* tiles, float* out, int64_t tokens, int64_t first,
                    int64_t last);

/** A whole product of many tokens, rounded to bfloat16. Isa::bf16. */
void multiply_bf16(const Product& p);

/** 16 rows of a blocks16 segment, columns [first, first + count), as float32 into half of a panel (32 rows wide). */
void unpack_blocks16(float* panel, const Segment& s, int64_t cols, int64_t row, int64_t first, int64_t count);

}  // namespace phi3lab::cpu
