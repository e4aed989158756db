// Activations in fixed point: what a dot product of bytes needs to give float32's exactness. Defined once for each
// architecture, by its instruction for such dot products (fixed24_avx512vnni.cc, fixed24_neondotprod.cc); AVX2,
// with AVX-VNNI or without, has its own (fixed24_avx2.h).
#pragma once

#include "interleaved16.h"

namespace phi3lab::cpu {

/** A block of 32 activations in 24-bit fixed point: x[k] = scale · (65536·limbs[0][k] + 256·limbs[1][k] +
 * limbs[2][k]). */
struct alignas(64) Fixed24Block {
  int8_t limbs[3][32];
  float scale;
  float sum;                 // of the block's x
  int32_t minus_8[3];        // −8 · the sum of limbs[i]: what the offset of Q4_0's weights amounts to
  int32_t minus_8_first[3];  // the same of the first 16 columns
};
static_assert(sizeof(Fixed24Block) == 128, "two cache lines");

constexpr float kLargestFixed = 8300000.0f;  // of the fixed-point numbers: 127·65536 is the most three limbs hold

/** Whether a block whose largest magnitude this is can be in fixed point; false for NaN as well. */
static inline bool fits_fixed24(float largest) { return largest == 0 || (largest >= 0x1p-96f && largest <= 0x1p96f); }

/** What a block holds besides its limbs, whose sums are `total`, of the first 16 columns `first`. */
static inline void finish_block(Fixed24Block* block, float largest, const int32_t* total, const int32_t* first) {
  block->scale = largest / kLargestFixed;
  block->sum = static_cast<float>(total[0] * 65536 + total[1] * 256 + total[2]) * block->scale;
  for (int i = 0; i < 3; i++) {
    block->minus_8[i] = -8 * total[i];
    block->minus_8_first[i] = -8 * first[i];
  }
}

/**
 * x (cols,) in fixed point, exact to 2⁻²⁴ of each block's largest. false where that cannot be: a NaN, an infinity, or a
 * block whose largest number is next to the ends of float32's range.
 */
bool to_fixed24(Fixed24Block* out, const float* x, int64_t cols);

/**
 * out (rows [first, last) of a interleaved16 segment), for one token in fixed point; `first` is a multiple of 16.
 * VNNI's fetches weights ahead where `isa` does.
 */
void multiply_fixed24(float* out, const Segment& s, const Fixed24Block* x, int64_t cols, int64_t first, int64_t last,
                      const Isa& isa);

}  // namespace phi3lab::cpu
