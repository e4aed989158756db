// The residual sum, biases, and copies.
#include "backend.h"
#include "cuda/device/device.cuh"
#include "cuda/device/launch.cuh"

namespace phi3lab::cuda {
namespace {

__global__ void add_kernel(float* out, const float* a, const float* b, int64_t count) {
  const int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (i < count) out[i] = a[i] + b[i];
}

__global__ void add_bias_kernel(float* out, const float* bias, int64_t count, int64_t cols) {
  const int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (i < count) out[i] += bias[i % cols];
}

}  // namespace

void CudaBackend::add(Tensor out, Tensor a, Tensor b) {
  a.expect_float32("add");
  b.expect_float32("add");
  const int64_t count = out.rows * out.cols;
  launch({dim3(static_cast<unsigned>((count + 255) / 256)), dim3(256), 0, stream()}, add_kernel, out.data, a.data,
         b.data, count);
}

void CudaBackend::add_bias(Tensor out, const Weight& bias) {
  out.expect_float32("add_bias");
  const int64_t count = out.rows * out.cols;
  launch({dim3(static_cast<unsigned>((count + 255) / 256)), dim3(256), 0, stream()}, add_bias_kernel, out.data,
         uploaded(bias).as<float>(), count, out.cols);
}

void CudaBackend::copy(Tensor out, Tensor in) {
  in.expect_float32("copy");
  PHI3LAB_CUDA_CHECK(cudaMemcpyAsync(out.data, in.data, static_cast<size_t>(in.rows * in.cols) * sizeof(float),
                                     cudaMemcpyDeviceToDevice, stream()));
}

}  // namespace phi3lab::cuda
