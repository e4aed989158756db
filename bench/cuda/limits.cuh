// How fast the GPU reads memory once through, and how a piece of work is timed on it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "cuda/device/types.h"
#include "cuda/memory/stream.cuh"

__global__ inline void fill_kernel(uint4* memory, size_t count) {
  for (size_t i = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x; i < count;
       i += gridDim.x * static_cast<size_t>(blockDim.x)) {
    // Of each 16 bits sign and mantissa are random, and the exponent small: no zeros, no infinities in either format.
    const uint32_t x = static_cast<uint32_t>(i) * 2654435761u, y = x * 3 ^ x >> 13;
    memory[i] = make_uint4((x & 0x807f807fu) | 0x3c003c00u, (y & 0x807f807fu) | 0x3b803b80u,
                           (x * 5 & 0x807f807fu) | 0x3c003c00u, (y * 7 & 0x807f807fu) | 0x3b803b80u);
  }
}

inline void fill(void* memory, size_t bytes, cudaStream_t stream) {
  if (bytes >= sizeof(uint4)) fill_kernel<<<2048, 256, 0, stream>>>(static_cast<uint4*>(memory), bytes / sizeof(uint4));
}

/** Milliseconds of `work`, a figure a round; the first two warm up. */
template <class Work>
std::vector<float> times_ms(cudaStream_t stream, int rounds, const Work& work) {
  cudaEvent_t start, end;
  PHI3LAB_CUDA_CHECK(cudaEventCreate(&start));
  PHI3LAB_CUDA_CHECK(cudaEventCreate(&end));
  std::vector<float> times;
  for (int i = 0; i < rounds + 2; i++) {
    PHI3LAB_CUDA_CHECK(cudaEventRecord(start, stream));
    work();
    PHI3LAB_CUDA_CHECK(cudaEventRecord(end, stream));
    PHI3LAB_CUDA_CHECK(cudaEventSynchronize(end));
    float ms = 0;
    PHI3LAB_CUDA_CHECK(cudaEventElapsedTime(&ms, start, end));
    if (i >= 2) times.push_back(ms);
  }
  std::sort(times.begin(), times.end());
  cudaEventDestroy(start);
  cudaEventDestroy(end);
  return times;
}

template <class Work>
double median_ms(cudaStream_t stream, int rounds, const Work& work) {
  return times_ms(stream, rounds, work)[static_cast<size_t>(rounds) / 2];
}

/** The GPU's read stream, GB/s: the best way of two, the best round of ten, over what a token of Phi-3-mini reads. */
inline double read_gbps(cudaStream_t stream) {
  cudaDeviceProp device{};
  PHI3LAB_CUDA_CHECK(cudaGetDeviceProperties(&device, 0));
  size_t free = 0, total = 0;
  PHI3LAB_CUDA_CHECK(cudaMemGetInfo(&free, &total));
  const size_t bytes = std::min<size_t>(free / 2, size_t{7445} * 1000 * 1000) / 4096 * 4096, count = bytes / 16;
  uint4* memory = nullptr;
  uint32_t* result = nullptr;
  PHI3LAB_CUDA_CHECK(cudaMalloc(&memory, bytes));
  PHI3LAB_CUDA_CHECK(cudaMalloc(&result, sizeof(uint32_t)));
  fill(memory, bytes, stream);
  const int blocks = 4 * device.multiProcessorCount;
  const double four = times_ms(
      stream, 10, [&] { phi3lab::cuda::read_kernel<4><<<blocks, 512, 0, stream>>>(memory, count, result); })[0];
  const double eight = times_ms(
      stream, 10, [&] { phi3lab::cuda::read_kernel<8><<<blocks, 256, 0, stream>>>(memory, count, result); })[0];
  PHI3LAB_CUDA_CHECK(cudaGetLastError());
  cudaFree(memory);
  cudaFree(result);
  return static_cast<double>(bytes) / std::min(four, eight) / 1e6;
}
