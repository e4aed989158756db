// The layout interleaved16: 16 rows interleaved, in the bytes that the file needs, so that a
// vector of 16 lanes holds 16 rows and a product needs no sum across lanes. A group of 16 rows is blocks on end; of
// 32 columns:
//
//   Q4_0, Q4_1, IQ4_NL  4 vectors of 64 bytes: dword r of vector i holds the bytes 4i … 4i + 3 of row r's nibbles
//   Q5_0, Q5_1          the same for the low four bits, then a dword a row with bit 8k + i for column 4i + k
//   Q8_0                8 vectors: dword r of vector i holds the weights 4i … 4i + 3 of row r, plus 128 (as unsigned
//                       bytes)
//   then                16 float16 scales d; for Q4_1 and Q5_1 also 16 float16 minima m
//
// Q4_K, Q5_K, Q6_K and IQ4_XS are blocks of 256 columns: eight parts of 32, then 16 float16 d and, for Q4_K and Q5_K,
// 16 float16 dmin. A part is
//
//   the low four bits as Q4_0's, then for Q5_K a dword a row as Q5_0's, for Q6_K two, for 16 columns each, with bits
//   8k + 2i and 8k + 2i + 1 for column 4i + k of them; then 16 bytes of scales and 16 of minima, for Q6_K 16 scales of
//   either half, for IQ4_XS scales alone. Q6_K's numbers are those of the file, before 32 is taken from them.
//
// The rows that fill up the last group of a segment have d = m = 0.
#pragma once

#include "formats.h"

namespace phi3lab::cpu {

constexpr int kGroupRows = 16;

/** Whether a format's blocks are of 256 columns. */
static constexpr bool is_super16(WeightType type) {
  return type == WeightType::Q4_K || type == WeightType::Q5_K || type == WeightType::Q6_K || type == WeightType::IQ4_XS;
}
/** Whether its quants have a fifth bit, apart from the other four. */
static constexpr bool has_fifth16(WeightType type) {
  return type == WeightType::Q5_0 || type == WeightType::Q5_1 || type == WeightType::Q5_K;
}
/** Whether its quants are places in kIQ4. */
static constexpr bool is_iq4(WeightType type) { return type == WeightType::IQ4_NL || type == WeightType::IQ4_XS; }
/** Whether a block of 32 columns has minima. */
static constexpr bool has_minima16(WeightType type) { return type == WeightType::Q4_1 || type == WeightType::Q5_1; }
/** And one of 256. */
static constexpr bool has_super_minima16(WeightType type) {
  return type == WeightType::Q4_K || type == WeightType::Q5_K;
}

/** Bytes of quants of 16 rows by 32 columns. */
static constexpr size_t quants16(WeightType type) {
  return type == WeightType::Q8_0 ? 512 : has_fifth16(type) ? 320 : type == WeightType::Q6_K ? 384 : 256;
}
/** Columns and bytes of a whole block of 16 rows; bytes of a part of one of 256 columns. */
static constexpr int64_t columns16(WeightType type) { return is_super16(type) ? 256 : 32; }
static constexpr size_t part16(WeightType type) { return quants16(type) + (type == WeightType::IQ4_XS ? 16 : 32); }
static constexpr size_t block16(WeightType type) {
  if (is_super16(type)) return 8 * part16(type) + (has_super_minima16(type) ? 64 : 32);
  return quants16(type) + (has_minima16(type) ? 64 : 32);
}

/**
 * Whether a format has this layout on a path. Dot products of bytes (VNNI) multiply all of them; where bfloat16 is
 * asked for, those stay as stored that its panels do not unpack.
 */
static inline bool has_interleaved16(WeightType type, const Isa& isa) {
  if (type == WeightType::Q4_0 || type == WeightType::Q4_1 || type == WeightType::Q8_0)
    return isa.path == Path::avx2 || isa.path == Path::avx512 || isa.dotprod;
  if (isa.path == Path::avx2) return type == WeightType::Q4_K || type == WeightType::Q5_K || type == WeightType::Q6_K;
  return isa.vnni && !isa.bf16 && (is_super16(type) || has_fifth16(type) || is_iq4(type));
}

/** Calls use(tag), with any type that has this layout as decltype(tag)::value. */
template <class Use>
static inline void with_any16_type(WeightType type, const Use& use) {
  with_type(type, [&](auto tag) {
    constexpr WeightType t = decltype(tag)::value;
    if constexpr (is_super16(t) || has_fifth16(t) || is_iq4(t) || t == WeightType::Q4_0 || t == WeightType::Q4_1 ||
                  t == WeightType::Q8_0)
      use(tag);
  });
}

/** The same for the types that every path with this layout has, of 32 columns a block. */
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

/** And for those of 256 columns that AVX2 and NEON have. */
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

/**
 * out[row] for rows [first, last) of a segment in this layout, times one token in (cols,), a row at a time as numbers:
 * for the rare token that fixed point does not hold. `numbers` (cols,) is scratch memory.
 */
void multiply_interleaved16_rows(float* out, const float* in, const Segment& s, int64_t cols, int64_t first,
                                 int64_t last, float* numbers);

/** Row `row` of a segment in this layout as float32: out (cols,). */
void read_interleaved16_row(float* out, const Segment& s, int64_t row, int64_t cols);

}  // namespace phi3lab::cpu
