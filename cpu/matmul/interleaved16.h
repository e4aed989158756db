// The layout interleaved16: 16 rows interleaved, in the bytes that the file needs, so that a
// vector of 16 lanes holds 16 rows and a product needs no sum across lanes. A group of 16 rows is blocks on end; of
// 32 columns, for Q4_0, Q4_1 and Q8_0:
//
//   Q4_0, Q4_1   4 vectors of 64 bytes: dword r of vector i holds the bytes 4i … 4i + 3 of row r's nibbles
//   Q8_0         8 vectors: dword r of vector i holds the weights 4i … 4i + 3 of row r, plus 128 (as unsigned bytes)
//   then         16 float16 scales d; for Q4_1 also 16 float16 minima m
//
// Q4_K, Q5_K and Q6_K, for AVX2, are blocks of 256 columns: eight parts of 32, then 16 float16 d and, but for Q6_K, 16
// float16 dmin. A part is
//
//   the low four bits as Q4_0's, then for Q5_K a dword a row with bit 8k + i for column 4i + k, for Q6_K two, for 16
//   columns each, with bits 8k + 2i and 8k + 2i + 1 for column 4i + k of them; then 16 bytes of scales and 16 of
//   minima, for Q6_K 16 scales of either half. Q6_K's numbers are those of the file, before 32 is taken from them.
//
// The rows that fill up the last group of a segment have d = m = 0.
#pragma once

#include "formats.h"

namespace phi3lab::cpu {

constexpr int kGroupRows = 16;

/** Whether a format's blocks are of 256 columns. */
static constexpr bool is_super16(WeightType type) {
  return type == WeightType::Q4_K || type == WeightType::Q5_K || type == WeightType::Q6_K;
}

/** Bytes of quants of 16 rows by 32 columns. */
static constexpr size_t quants16(WeightType type) {
  return type == WeightType::Q8_0 ? 512 : type == WeightType::Q5_K ? 320 : type == WeightType::Q6_K ? 384 : 256;
}
/** Columns and bytes of a whole block of 16 rows; bytes of a part of one of 256 columns. */
static constexpr int64_t columns16(WeightType type) { return is_super16(type) ? 256 : 32; }
static constexpr size_t part16(WeightType type) { return quants16(type) + 32; }
static constexpr size_t block16(WeightType type) {
  if (is_super16(type)) return 8 * part16(type) + (type == WeightType::Q6_K ? 32 : 64);
  return quants16(type) + (type == WeightType::Q4_1 ? 64 : 32);
}

/** Whether a format has this layout on a path: blocks of 256 columns AVX2 alone can multiply. */
static inline bool has_interleaved16(WeightType type, const Isa& isa) {
  if (is_super16(type)) return isa.path == Path::avx2;
  const bool is_block = type == WeightType::Q4_0 || type == WeightType::Q4_1 || type == WeightType::Q8_0;
  return is_block && (isa.path == Path::avx2 || isa.path == Path::avx512 || isa.dotprod);
}

/** Calls use(tag), with a type of 32 columns a block that has this layout as decltype(tag)::value. */
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

/** The same for those of 256 columns. */
template <class Use>
static inline void with_super16_type(WeightType type, const Use& use) {
  switch (type) {
    case WeightType::Q4_K:
      return use(std::integral_constant<WeightType, WeightType::Q4_K>());
    case WeightType::Q5_K:
      return use(std::integral_constant<WeightType, WeightType::Q5_K>());
    default:
      return use(std::integral_constant<WeightType, WeightType::Q6_K>());
  }
}

/** Whether all scales and minima are finite: fixed-point sums carry no infinity and no NaN. */
bool finite_scales(const RowGroup& group, int64_t cols);

/**
 * Repacks a group's rows, in their output order, behind `out` (as many whole groups of 16 rows as needed), on the
 * threads of `pool` where there is one. The mapped pages are given back as it goes, so that the weights never lie in
 * memory twice.
 */
void repack_interleaved16(uint8_t* out, const RowGroup& group, int64_t cols, ThreadPool* pool);

/** Row `row` of a segment in this layout as float32: out (cols,). */
void read_interleaved16_row(float* out, const Segment& s, int64_t row, int64_t cols);

}  // namespace phi3lab::cpu
