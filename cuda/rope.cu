// Rotary position embedding, in place: of a head's first numbers, as many as the table has columns,
// i turns with i + half of them; the others stay.
#include "backend.h"
#include "cuda/device/device.cuh"
#include "cuda/device/launch.cuh"

namespace phi3lab::cuda {
namespace {

/** A block a token. table (positions, dims): cosines, then sines. */
__global__ void rope_kernel(float* qkv, TokenPlaces places, const float* table, int64_t qkv_cols, int64_t heads,
                            int64_t head_dim, int64_t dims) {
  const int64_t half = dims / 2;
  float* row = qkv + blockIdx.x * qkv_cols;
  const float* phases = table + places.position_of(blockIdx.x) * dims;
  for (int64_t i = threadIdx.x; i < heads * half; i += blockDim.x) {
    float* head = row + i / half * head_dim;
    const int64_t d = i % half;
    const float cosine = phases[d], sine = phases[half + d], a = head[d], b = head[half + d];
    head[d] = a * cosine - b * sine;
    head[half + d] = b * cosine + a * sine;
  }
}

}  // namespace

void CudaBackend::rope(Tensor qkv, const PassInput& input, Tensor table, const AttentionShape& shape) {
  qkv.expect_float32("rope");
  // No cache is looked at: whose the positions are is all that counts.
  void* const none = nullptr;
  const TokenPlaces places{{}, input.sequences > 1 ? &none : nullptr, input.position};
  launch({dim3(static_cast<unsigned>(qkv.rows)), dim3(256), 0, stream()}, rope_kernel, qkv.data, places, table.data,
         qkv.cols, shape.heads + shape.kv_heads, shape.head_dim, table.cols);
}

}  // namespace phi3lab::cuda
