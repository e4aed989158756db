// Root-mean-square norm, in float32: a block a row, a warp a head of queries and keys.
#include "backend.h"
#include "cuda/device/device.cuh"
#include "cuda/device/launch.cuh"

namespace phi3lab::cuda {
namespace {

__global__ void __launch_bounds__(256)
    rms_norm_kernel(float* out, const float* in, const float* weight, int64_t cols, float eps) {
  __shared__ float sums[8];
  in += blockIdx.x * cols;
  out += blockIdx.x * cols;
  float sum = 0;
  for (int64_t i = threadIdx.x; i < cols; i += blockDim.x) sum = fmaf(in[i], in[i], sum);
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
  __syncthreads();
  sum = 0;
  for (int w = 0; w < 8; w++) sum += sums[w];
  const float scale = 1.0f / sqrtf(sum / static_cast<float>(cols) + eps);
  for (int64_t i = threadIdx.x; i < cols; i += blockDim.x) out[i] = in[i] * scale * weight[i];
}

/** A block a token, whose warps take q's and k's heads in turn. */
__global__ void __launch_bounds__(256)
    norm_heads_kernel(float* qkv, const float* q_norm, const float* k_norm, int64_t qkv_cols, int64_t heads,
                      int64_t kv_heads, int64_t head_dim, float eps) {
  const int64_t lane = threadIdx.x % 32;
  for (int64_t h = threadIdx.x / 32; h < heads + kv_heads; h += blockDim.x / 32) {
    float* head = qkv + blockIdx.x * qkv_cols + h * head_dim;
    const float* weight = h < heads ? q_norm : k_norm;
    float sum = 0;
    for (int64_t i = lane; i < head_dim; i += 32) sum = fmaf(head[i], head[i], sum);
    const float scale = 1.0f / sqrtf(warp_sum(sum) / static_cast<float>(head_dim) + eps);
    for (int64_t i = lane; i < head_dim; i += 32) head[i] = head[i] * scale * weight[i];
  }
}

}  // namespace

void CudaBackend::rms_norm(Tensor out, Tensor in, const Weight& weight, float eps) {
  in.expect_float32("rms_norm");
  launch({dim3(static_cast<unsigned>(in.rows)), dim3(256), 0, stream()}, rms_norm_kernel, out.data, in.data,
         uploaded(weight).as<float>(), in.cols, eps);
}

void CudaBackend::norm_heads(Tensor qkv, const Weight& q_norm, const Weight& k_norm, const AttentionShape& shape,
                             float eps) {
  qkv.expect_float32("norm_heads");
  launch({dim3(static_cast<unsigned>(qkv.rows)), dim3(256), 0, stream()}, norm_heads_kernel, qkv.data,
         uploaded(q_norm).as<float>(), uploaded(k_norm).as<float>(), qkv.cols, shape.heads, shape.kv_heads,
         shape.head_dim, eps);
}

}  // namespace phi3lab::cuda
