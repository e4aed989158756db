// Puts a pass's keys and values behind those that the caches hold, and positions of a cache into another.
#include "backend.h"
#include "cuda/device/device.cuh"
#include "cuda/device/launch.cuh"

namespace phi3lab::cuda {
namespace {

/** A block a token and head of keys, then of values: grid (2 * kv_heads, T). */
template <class T>
__global__ void append_kernel(TokenPlaces places, const float* qkv, int64_t qkv_cols, int64_t heads, int64_t layer) {
  const int64_t t = blockIdx.y;
  const CacheView cache = places.cache_of(t);
  const int head = blockIdx.x % cache.kv_heads;
  const bool values = blockIdx.x >= static_cast<unsigned>(cache.kv_heads);
  const float* row = qkv + t * qkv_cols + (heads + blockIdx.x) * cache.head_dim;  // q, then k, then v
  T* target = static_cast<T*>(cache.data) + cache.offset(layer, values, head, places.position_of(t));
  for (int i = threadIdx.x; i < cache.head_dim; i += blockDim.x) target[i] = from_float<T>(row[i]);
}

}  // namespace

void CudaBackend::append(Cache& cache, Tensor qkv, const PassInput& input, int64_t layer, const AttentionShape& shape) {
  qkv.expect_float32("append");
  dispatch(format_, [&](auto tag) {
    using T = typename decltype(tag)::type;
    launch({dim3(static_cast<unsigned>(2 * shape.kv_heads), static_cast<unsigned>(qkv.rows)), dim3(64), 0, stream()},
           append_kernel<T>, places_of(cache, input), qkv.data, qkv.cols, shape.heads, layer);
  });
}

void CudaBackend::copy_positions(Cache& out, const Cache& in, int64_t first, int64_t end) {
  static_cast<const CudaCache&>(in).copy_to(static_cast<const CudaCache&>(out), first, end, stream());
}

}  // namespace phi3lab::cuda
