// Attention of one decoded token, with its rotation and the appending of its key and value: the fast way.
#pragma once

#include "cuda/device/partials.h"
#include "cuda/device/types.h"
#include "cuda/memory/cache_view.h"
#include "native/seam/tensor.h"

namespace phi3lab::cuda {

struct DecodeAttention {
  float* context;           // (1, heads * head_dim)
  const float* qkv;         // (1, qkv_cols), not rotated
  CacheView cache;          // written at the token's position
  const int32_t* position;  // of the token
  const float* table;       // (positions, head_dim): cosines, then sines
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
