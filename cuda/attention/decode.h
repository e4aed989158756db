// Attention of decoded tokens, one a sequence, with their rotation and the appending of their keys and values: the fast
// way.
#pragma once

#include "cuda/device/partials.h"
#include "cuda/device/types.h"
#include "cuda/memory/cache_view.h"
#include "native/seam/tensor.h"

namespace phi3lab::cuda {

struct DecodeAttention {
  void* context;  // (sequences, heads * head_dim) float32, or `dtype` where `half`
  bool half;
  const float* qkv;    // (sequences, qkv_cols), not rotated
  TokenPlaces places;  // each cache is written at its token's position
  int64_t sequences;
  const float* table;  // (positions, head_dim): cosines, then sines
  int64_t layer;
  AttentionShape shape;
  Dtype dtype;
  cudaStream_t stream;
};

/** Whether `decode_attend` takes heads of this size. */
bool decode_attend_fits(const AttentionShape& shape);
void decode_attend(const DecodeAttention& a, const Partials& partials, const DeviceProperties& device,
                   const KernelSet& kernels);

}  // namespace phi3lab::cuda
