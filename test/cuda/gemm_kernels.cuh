// What the products' checks and their timings share: device memory, random numbers, and the ways to a product by name.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "cuda/device/kernel_set.h"
#include "cuda/gemm/tile.cuh"

namespace phi3lab::cuda::test {

/** Device memory of `bytes` bytes. */
class Memory {
 public:
  explicit Memory(size_t bytes) : bytes_(bytes) { PHI3LAB_CUDA_CHECK(cudaMalloc(&data_, bytes)); }
  Memory(Memory&& other) noexcept : data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) {}
  ~Memory() { cudaFree(data_); }
  void* get() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  size_t bytes_;
};

/** What blocks of a product leave for each other, as a backend on this GPU has it. */
class PartialsMemory {
 public:
  explicit PartialsMemory(const DeviceProperties& device)
      : parts_(size_t{4} * device.multiprocessors * kPartialFloats), arrived_(size_t{4} * kPartialCounters) {
    PHI3LAB_CUDA_CHECK(cudaMemset(arrived_.get(), 0, arrived_.bytes()));
  }
  Partials get() const {
    return {static_cast<float*>(parts_.get()), static_cast<unsigned*>(arrived_.get()),
            static_cast<int64_t>(parts_.bytes() / 4), kPartialCounters};
  }

 private:
  Memory parts_, arrived_;
};

/** A number in [-1, 1) that depends on `i` and `seed` alone. */
__host__ __device__ inline float random_number(uint64_t i, uint32_t seed) {
  uint64_t x = (i + 1) * 0x9e3779b97f4a7c15ull ^ static_cast<uint64_t>(seed) << 32;
  x = (x ^ x >> 31) * 0xbf58476d1ce4e5b9ull;
  x ^= x >> 29;
  return static_cast<float>(static_cast<int32_t>(x >> 20)) * 0x1p-31f;
}

template <class T>
__global__ void fill_kernel(T* out, int64_t count, uint32_t seed, float scale) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    out[i] = from_float<T>(scale * random_number(static_cast<uint64_t>(i), seed));
  }
}

inline void fill(void* out, int64_t count, Dtype dtype, uint32_t seed, float scale) {
  dispatch(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    fill_kernel<<<2048, 256>>>(static_cast<T*>(out), count, seed, scale);
  });
  PHI3LAB_CUDA_CHECK(cudaGetLastError());
}

/** A way to a product; false: this way does not take the shape. */
struct Path {
  std::string name;
  std::function<bool(const Gemm&, cudaStream_t)> gemm;
  bool gates = false;  // whether it has Gemm::up_after, for many tokens
};

}  // namespace phi3lab::cuda::test
