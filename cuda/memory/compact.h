// Quantised weights as the GPU keeps them: every number of the file, in as many bits as the file has, but in planes
// that whole warps read in order: the quants' low bits, their high bits, the scales of blocks of 32 columns, and what
// blocks of 256 have besides.
#pragma once

#include "cuda/device/types.h"
#include "native/seam/dtype.h"

namespace phi3lab::cuda {

/** The planes of a format. */
struct CompactFormat {
  int bits = 0;         // of a quant; 0: the format is not kept so
  int scale_bytes = 0;  // a block of 32 columns
  int super_bytes = 0;  // a block of 256, 0 for formats that have none

  /** Of a block of 32: bytes of the first plane (low nibbles, or whole bytes), and of the bits above. */
  constexpr int quant_bytes() const { return bits == 8 ? 32 : 16; }
  constexpr int high_bytes() const { return bits == 8 ? 0 : 4 * (bits - 4); }
};

constexpr CompactFormat compact_format(WeightType type) {
  switch (type) {
    case WeightType::Q4_0:
      return {4, 2, 0};  // d
    case WeightType::Q4_1:
      return {4, 4, 0};  // d, m
    case WeightType::Q5_0:
      return {5, 2, 0};
    case WeightType::Q5_1:
      return {5, 4, 0};
    case WeightType::Q8_0:
      return {8, 2, 0};
    case WeightType::Q4_K:
      return {4, 2, 4};  // scale, minimum, a byte each; d, dmin
    case WeightType::Q5_K:
      return {5, 2, 4};
    case WeightType::Q6_K:
      return {6, 2, 2};  // two scales of 16 columns; d
    default:
      return {};
  }
}

/** Whether weights of this format stay as compact as their file has them. */
constexpr bool stays_compact(WeightType type) { return compact_format(type).bits > 0; }

/**
 * A matrix (rows, cols) of one format. Of a block of 32 columns:
 * - quants: a byte k has the low four bits of column k and, above them, of column k + 16; or an int8 a column;
 * - high: of column 4 i + b a fifth bit at 8 b + i of a word; or the fifth and sixth at 8 b + 2 (i % 4) of word i / 4.
 */
struct CompactMatrix {
  WeightType type = WeightType::F32;
  int64_t rows = 0, cols = 0;
  uint8_t *quants = nullptr, *high = nullptr, *scales = nullptr, *supers = nullptr;
};

/** Bytes of such a matrix, a multiple of 256. */
size_t compact_bytes(WeightType type, int64_t rows, int64_t cols);
/** The matrix whose planes lie one behind the other at `memory`, which is a multiple of 256. */
CompactMatrix compact_at(void* memory, WeightType type, int64_t rows, int64_t cols);

/** Row r of `source` (rows, cols), as files have it, becomes row first + row_map[r] (first + r, if null). */
void repack_rows(const CompactMatrix& target, int64_t first, const void* source, const int32_t* row_map, int64_t rows,
                 cudaStream_t stream);

/** out (rows, cols) `dtype` = rows [first, first + rows): float32 to the bit as the format defines them. `out` begins
 * on 16 bytes. */
void unpack_rows(void* out, const CompactMatrix& matrix, int64_t first, int64_t rows, Dtype dtype, cudaStream_t stream);

}  // namespace phi3lab::cuda
