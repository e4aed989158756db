// Activations in fixed point: what a dot product of bytes needs to give float32's exactness. Defined once for each
// architecture, by its instruction for such dot products: matmul_digits_avx512vnni.cc, matmul_digits_neondotprod.cc.
#pragma once

#include "matmul_blocks16.h"

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

constexpr float kLargestFixed = 8300000.0f;  // of the fixed-point numbers: 127·65536 is the most three digits hold

/** Whether a block whose largest magnitude this is can be in fixed point; false for NaN as well. */
static inline bool has_digits(float largest) { return largest == 0 || (largest >= 0x1p-96f && largest <= 0x1p96f); }

/** What a block holds besides its digits, whose sums are `total`. */
static inline void finish_block(DigitBlock* block, float largest, const int32_t* total) {
  block->scale = largest / kLargestFixed;
  block->sum = static_cast<float>(total[0] * 65536 + total[1] * 256 + total[2]) * block->scale;
  for (int i = 0; i < 3; i++) {
    block->minus_8[i] = -8 * total[i];
    block->minus_128[i] = -128 * total[i];
  }
}

/**
 * x (cols,) in fixed point, exact to 2⁻²⁴ of each block's largest. false where that cannot be: a NaN, an infinity, or a
 * block whose largest number is next to the ends of float32's range.
 */
bool to_digits(DigitBlock* out, const float* x, int64_t cols);

/**
 * out (rows [first, last) of a blocks16 segment), for one token in fixed point; `first` is a multiple of 16. VNNI's
 * fetches weights ahead where `isa` does.
 */
void multiply_digits(float* out, const Segment& s, const DigitBlock* x, int64_t cols, int64_t first, int64_t last,
                     const Isa& isa);

}  // namespace phi3lab::cpu
