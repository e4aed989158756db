// How fast the GPU's memory is read, by stream.cuh's kernel.
#include "cuda/memory/stream.cuh"

#include <algorithm>

#include "backend.h"

namespace phi3lab::cuda {
namespace {

// What is read: much more than any GPU's second-level cache, and less where there is not so much free memory.
constexpr size_t kBytes = size_t{4} << 30, kLeastBytes = size_t{128} << 20;
constexpr int kRounds = 12;  // by the two ways in turn; the first of each warms up

struct Event {
  Event() { PHI3LAB_CUDA_CHECK(cudaEventCreate(&it)); }
  ~Event() { cudaEventDestroy(it); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  cudaEvent_t it = nullptr;
};

}  // namespace

double CudaBackend::measure_stream() {
  std::shared_ptr<Buffer> memory;
  for (size_t bytes = kBytes; !memory; bytes /= 2) {
    try {
      memory = allocate(bytes);
    } catch (const OutOfMemory&) {
      if (bytes <= kLeastBytes) throw;
    }
  }
  const size_t count = memory->bytes / sizeof(uint4);
  auto* words = static_cast<uint4*>(memory->data);
  PHI3LAB_CUDA_CHECK(cudaMemsetAsync(words, 0x5a, memory->bytes, stream()));
  const Event start, end;
  float least = 0;
  for (int round = 0; round < kRounds; round++) {
    auto* result = reinterpret_cast<uint32_t*>(words);
    const auto blocks = static_cast<unsigned>(4 * device_.multiprocessors);
    PHI3LAB_CUDA_CHECK(cudaEventRecord(start.it, stream()));
    if (round % 2 == 0)
      read_kernel<8><<<blocks, 256, 0, stream()>>>(words, count, result);
    else
      read_kernel<4><<<blocks, 512, 0, stream()>>>(words, count, result);
    PHI3LAB_CUDA_CHECK(cudaGetLastError());
    PHI3LAB_CUDA_CHECK(cudaEventRecord(end.it, stream()));
    PHI3LAB_CUDA_CHECK(cudaEventSynchronize(end.it));
    float ms = 0;
    PHI3LAB_CUDA_CHECK(cudaEventElapsedTime(&ms, start.it, end.it));
    if (round > 1) least = least == 0 ? ms : std::min(least, ms);
  }
  return static_cast<double>(memory->bytes) / (least / 1e3);
}

}  // namespace phi3lab::cuda
