// The steps of a prompt's pass between its products, on 16-bit activations: only launches, nothing waits.
#pragma once

#include "cuda/device/partials.h"
#include "cuda/device/types.h"
#include "cuda/memory/cache_view.h"
#include "native/seam/tensor.h"

namespace phi3lab::cuda {

/** out (tokens, cols) `dtype` = in / sqrt(mean(in²) + eps) · weight (cols,), in float32 (tokens, cols). */
void prompt_rms_norm(void* out, const float* in, const float* weight, int64_t tokens, int64_t cols, float eps,
                     Dtype dtype, const KernelSet& kernels, cudaStream_t stream);

/** Rotates q and k of qkv (tokens, qkv_cols) `dtype` by their positions and puts k and v into the cache. q is rotated
 * in place; what happens to k in qkv is undefined. `table` (positions, head_dim) float32: cosines, then sines. */
void prompt_rope_append(void* qkv, CacheView cache, const int32_t* position, const float* table, int64_t tokens,
                        int64_t layer, const AttentionShape& shape, Dtype dtype, const KernelSet& kernels,
                        cudaStream_t stream);

/** Whether `prompt_attend` takes heads of this size. */
bool prompt_attend_fits(const AttentionShape& shape, const DeviceProperties& device);

/** context (tokens, heads * head_dim) `dtype` = softmax(scale · q kᵀ, causal, windowed) v over the cache, which holds
 * the pass's own keys and values already; query t stands at *position + t. What blocks share meets in `partials` where
 * the GPU has no clusters. */
void prompt_attend(void* context, const void* qkv, CacheView cache, const int32_t* position, int64_t tokens,
                   int64_t layer, const AttentionShape& shape, Dtype dtype, const DeviceProperties& device,
                   const KernelSet& kernels, const Partials& partials, cudaStream_t stream);

/** out (tokens, ffn) = up · silu(gate), of gate_up (tokens, 2 * ffn): gate, then up; both `dtype`. */
void prompt_swiglu(void* out, const void* gate_up, int64_t tokens, int64_t ffn, Dtype dtype, const KernelSet& kernels,
                   cudaStream_t stream);

/** out (count,) `dtype` = in (count,) float32; float16 is clamped to its largest number. */
void prompt_convert(void* out, const float* in, int64_t count, Dtype dtype, const KernelSet& kernels,
                    cudaStream_t stream);

}  // namespace phi3lab::cuda
