// Root-mean-square norm, in float32: a block a row.
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

}  // namespace

void CudaBackend::rms_norm(Tensor out, Tensor in, const Weight& weight, float eps) {
  in.expect_float32("rms_norm");
  launch({dim3(static_cast<unsigned>(in.rows)), dim3(256), 0, stream()}, rms_norm_kernel, out.data, in.data,
         uploaded(weight).as<float>(), in.cols, eps);
}

}  // namespace phi3lab::cuda
