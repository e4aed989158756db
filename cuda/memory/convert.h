// A file's numbers into the backend's format, on the GPU.
#pragma once

#include "cuda/device/types.h"
#include "native/seam/tensor.h"

namespace phi3lab::cuda {

/** Whether rows of `type` lie in a file as they lie in memory of `dtype`. */
inline bool same_format(WeightType type, Dtype dtype) {
  return (type == WeightType::F32 && dtype == Dtype::float32) ||
         (type == WeightType::BF16 && dtype == Dtype::bfloat16) || (type == WeightType::F16 && dtype == Dtype::float16);
}

/** Row r of `source` (rows, cols), packed as its type lies in files, becomes row row_map[r] (r, if null) of target
 * (…, cols) `dtype`. float16 is clamped to its largest number. */
void convert_rows(void* target, const void* source, const int32_t* row_map, WeightType type, int64_t rows, int64_t cols,
                  Dtype dtype, cudaStream_t stream);

/** *largest = the larger of itself and the bits of the largest finite magnitude among `count` bfloat16 numbers. */
void find_largest_bfloat16(uint32_t* largest, const void* numbers, int64_t count, cudaStream_t stream);

/** Makes `count` bfloat16 numbers the nearest float16 ones, where they lie. From 2^-17 to 65504 that is exact; smaller
 * ones move by 2^-25 at most; infinity and NaN stay. */
void bfloat16_to_float16(void* numbers, int64_t count, cudaStream_t stream);

}  // namespace phi3lab::cuda
