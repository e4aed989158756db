// The gate of the feed-forward network: up · silu(gate).
#include "backend.h"
#include "cuda/device/device.cuh"
#include "cuda/device/launch.cuh"

namespace phi3lab::cuda {
namespace {

/** out (T, ffn), gate_up (T, 2 * ffn): gate, then up. grid (ffn / 256, T). */
__global__ void swiglu_kernel(float* out, const float* gate_up, int64_t ffn) {
  const int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x, t = blockIdx.y;
  if (i >= ffn) return;
  const float gate = gate_up[t * 2 * ffn + i], up = gate_up[t * 2 * ffn + ffn + i];
  out[t * ffn + i] = up * (gate / (1.0f + expf(-gate)));
}

}  // namespace

void CudaBackend::swiglu(Tensor out, Tensor gate_up) {
  gate_up.expect_float32("swiglu");
  launch({dim3(static_cast<unsigned>((out.cols + 255) / 256), static_cast<unsigned>(out.rows)), dim3(256), 0, stream()},
         swiglu_kernel, out.data, gate_up.data, out.cols);
}

}  // namespace phi3lab::cuda
