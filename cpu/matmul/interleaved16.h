// The layout interleaved16 of Q4_0, Q4_1 and Q8_0: 16 rows interleaved, in the bytes that the file needs, so that a
// vector of 16 lanes holds 16 rows and a product needs no sum across lanes. A group of 16 rows is `cols` / 32 blocks on
// end:
//
//   Q4_0, Q4_1   4 vectors of 64 bytes: dword r of vector i holds the bytes 4i … 4i + 3 of row r's nibbles
//   Q8_0         8 vectors: dword r of vector i holds the weights 4i … 4i + 3 of row r, plus 128 (as unsigned bytes)
//   then         16 float16 scales d; for Q4_1 also 16 float16 minima m
//
// The rows that fill up the last group of a segment have d = m = 0.
#pragma once

#include "formats.h"

namespace phi3lab::cpu {

constexpr int kGroupRows = 16;

/** Bytes of quants, and of a whole block, of 16 rows by 32 columns. */
static constexpr size_t quants16(WeightType type) { return type == WeightType::Q8_0 ? 512 : 256; }
static constexpr size_t block16(WeightType type) { return quants16(type) + (type == WeightType::Q4_1 ? 64 : 32); }

/** Whether a format has this layout at all. */
static constexpr bool has_interleaved16(WeightType type) {
  return type == WeightType::Q4_0 || type == WeightType::Q4_1 || type == WeightType::Q8_0;
}

/** Calls use(tag), with a type that has this layout as decltype(tag)::value. */
template <class Use>
static inline void with_interleaved16_type(WeightType type, const Use& use) {
  switch (type) {
    case WeightType::Q4_0:
      return use(std::integral_constant<WeightType, WeightType::Q4_0>());
    case WeightType::Q4_1:
      return use(std::integral_constant<WeightType, WeightType::Q4_1>());
    default:
      return use(std::integral_constant<WeightType, WeightType::Q8_0>());
  }
}

/** Whether all scales and minima are finite: fixed-point sums carry no infinity and no NaN. */
bool finite_scales(const RowGroup& group, int64_t cols);

/**
 * Repacks a group's rows, in their output order, behind `out` (as many whole groups of 16 rows as needed). The mapped
 * pages are given back as it goes, so that the weights never lie in memory twice.
 */
void repack_interleaved16(uint8_t* out, const RowGroup& group, int64_t cols);

/** Row `row` of a segment in this layout as float32: out (cols,). */
void read_interleaved16_row(float* out, const Segment& s, int64_t row, int64_t cols);

}  // namespace phi3lab::cpu
