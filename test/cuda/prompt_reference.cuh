// What prompt_test.cu compares with and fills memory by: the naive twin of a prompt's attention, and helpers of tests.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "cuda/device/device.cuh"
#include "cuda/device/kernel_set.h"
#include "cuda/prompt/prompt.h"

namespace phi3lab::cuda::test {

/** The largest relative error of rounding to a format: half a step at the low end of a power of two. */
template <class T>
constexpr float kRounding = std::is_same_v<T, __half> ? 1.f / 2048 : 1.f / 256;

template <class T>
constexpr Dtype kDtype = std::is_same_v<T, __half> ? Dtype::float16 : Dtype::bfloat16;

inline float value(__half x) { return __half2float(x); }
inline float value(__nv_bfloat16 x) { return __bfloat162float(x); }
template <class T>
T number(float x) {
  if constexpr (std::is_same_v<T, __half>) return __float2half_rn(x);
  if constexpr (!std::is_same_v<T, __half>) return __float2bfloat16_rn(x);
}

/** Memory that grows to the largest case. */
template <class T>
struct Device {
  T* data = nullptr;
  size_t count = 0;
  Device() = default;
  explicit Device(const std::vector<T>& from) { *this = from; }
  Device(const Device&) = delete;
  ~Device() { cudaFree(data); }
  T* reserve(size_t wanted) {
    if (wanted > count) {
      cudaFree(data);
      PHI3LAB_CUDA_CHECK(cudaMalloc(&data, wanted * sizeof(T)));
      count = wanted;
    }
    return data;
  }
  void operator=(const std::vector<T>& from) {
    reserve(from.size());
    PHI3LAB_CUDA_CHECK(cudaMemcpy(data, from.data(), from.size() * sizeof(T), cudaMemcpyHostToDevice));
  }
  std::vector<T> read(size_t wanted) const {
    std::vector<T> to(wanted);
    PHI3LAB_CUDA_CHECK(cudaMemcpy(to.data(), data, wanted * sizeof(T), cudaMemcpyDeviceToHost));
    return to;
  }
};

/** What blocks leave for each other, as a backend on this GPU has it. */
struct PartialsMemory {
  Device<float> parts;
  Device<unsigned> arrived{std::vector<unsigned>(kPartialCounters)};
  explicit PartialsMemory(const DeviceProperties& device) {
    parts.reserve(size_t{kPartialFloats} * device.multiprocessors);
  }
  Partials get() const { return {parts.data, arrived.data, static_cast<int64_t>(parts.count), kPartialCounters}; }
};

/** Uniform in [-1, 1], by place and seed. */
__host__ __device__ inline float noise(uint64_t place, uint32_t seed) {
  uint64_t x = place * 0x9E3779B97F4A7C15ull + seed * 0xD1B54A32D192ED03ull + 0x632BE59BD9B4E019ull;
  x = (x ^ (x >> 29)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 32)) * 0x94D049BB133111EBull;
  return static_cast<float>(static_cast<int32_t>(x >> 32)) / 2147483648.f;
}

template <class T>
__global__ void fill_noise_kernel(T* to, int64_t count, float size, uint32_t seed) {
  for (int64_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) {
    to[i] = from_float<T>(size * noise(i, seed));
  }
}

/** Every 16 bits become `bits`; 0x7fff is NaN in both formats. */
static __global__ void fill_bits_kernel(uint16_t* to, int64_t count, uint16_t bits) {
  for (int64_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) to[i] = bits;
}

/** Keys and values of one layer's first `gridDim.x` positions; grid (positions, kv_heads). */
template <class T>
__global__ void fill_cache_kernel(CacheView cache, int layer, uint32_t seed) {
  for (int i = threadIdx.x; i < 2 * cache.head_dim; i += blockDim.x) {
    const bool values = i >= cache.head_dim;
    const int64_t at = cache.offset(layer, values, blockIdx.y, blockIdx.x) + i % cache.head_dim;
    static_cast<T*>(cache.data)[at] = from_float<T>(noise(at, seed));
  }
}

/** Queries (tokens, qkv_cols) of `size`; keys and values there become NaN, since nobody may read them. */
template <class T>
__global__ void fill_queries_kernel(T* qkv, int qkv_cols, int query_cols, float size, uint32_t seed) {
  for (int col = threadIdx.x; col < qkv_cols; col += blockDim.x) {
    const int64_t at = static_cast<int64_t>(blockIdx.x) * qkv_cols + col;
    qkv[at] = from_float<T>(col < query_cols ? size * noise(at, seed) : NAN);
  }
}

/** What a comparison found. */
struct Verdict {
  unsigned wrong;
  float worst;  // error by what is allowed
};

/** Attention of one query by one head, one step after another in float32, compared with `context`; grid (tokens,
 * heads), shared memory for a float32 a position.
 *
 * Allowed: the result's own rounding, u · |out|; that of each weight to 16 bits, independent errors of at most u · p
 * (deviation u · p / sqrt(3)), which add up to at most 4 u · sqrt(Σ p² v²) with certainty up to 16 keys and within
 * seven deviations beyond; and 2^-13 · Σ p |v| for float32's own (exp2's approximation, scores of up to about 20 summed
 * in another order, the tensor cores' truncated sums). */
template <class T>
__global__ void judge_attention_kernel(Verdict* verdict, const T* context, const T* qkv, CacheView cache,
                                       const int32_t* position, int layer, AttentionShape shape, float rounding) {
  extern __shared__ float weights[];
  __shared__ float of_warps[4];
  const int t = blockIdx.x, head = blockIdx.y, head_dim = cache.head_dim;
  const int kv_head = head / static_cast<int>(shape.heads / shape.kv_heads), at = *position + t;
  const int first = shape.window > 0 ? max(0, at - static_cast<int>(shape.window) + 1) : 0, count = at + 1 - first;
  const T* const data = static_cast<const T*>(cache.data);
  const T* const query = qkv + t * (shape.heads + 2 * shape.kv_heads) * head_dim + head * head_dim;
  const auto over_block = [&](float x, auto of_warp, auto combine) {
    x = of_warp(x);
    __syncthreads();
    if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = x;
    __syncthreads();
    return combine(combine(of_warps[0], of_warps[1]), combine(of_warps[2], of_warps[3]));
  };

  float largest = -INFINITY;
  for (int i = threadIdx.x; i < count; i += blockDim.x) {
    const T* const key = data + cache.offset(layer, false, kv_head, first + i);
    float score = 0;
    for (int d = 0; d < head_dim; ++d) score = fmaf(to_float(query[d]), to_float(key[d]), score);
    weights[i] = score * shape.scale;
    largest = fmaxf(largest, weights[i]);
  }
  largest = over_block(largest, warp_max, [](float a, float b) { return fmaxf(a, b); });
  float total = 0;
  for (int i = threadIdx.x; i < count; i += blockDim.x) total += weights[i] = expf(weights[i] - largest);
  total = over_block(total, warp_sum, [](float a, float b) { return a + b; });

  for (int d = threadIdx.x; d < head_dim; d += blockDim.x) {
    float expected = 0, spread = 0, squares = 0;
#pragma unroll 4
    for (int i = 0; i < count; ++i) {
      const float part = weights[i] / total * to_float(data[cache.offset(layer, true, kv_head, first + i) + d]);
      expected += part, spread += fabsf(part), squares += part * part;
    }
    const float allowed = rounding * (fabsf(expected) + 4 * sqrtf(squares)) + spread / 8192 + 1e-7f;
    const float error = fabsf(to_float(context[(t * shape.heads + head) * head_dim + d]) - expected);
    if (!(error <= allowed)) atomicAdd(&verdict->wrong, 1u);
    if (error >= 0) atomicMax(reinterpret_cast<int*>(&verdict->worst), __float_as_int(error / allowed));
  }
}

/** Counts what is no longer `bits`. */
static __global__ void count_changed_kernel(unsigned* changed, const uint16_t* in, int64_t count, uint16_t bits) {
  for (int64_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x) {
    if (in[i] != bits) atomicAdd(changed, 1u);
  }
}

}  // namespace phi3lab::cuda::test
