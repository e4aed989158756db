// What the GPU can do: how fast it reads memory once through, and how fast it takes pinned host memory. Prints JSON,
// GB/s.
#include "limits.cuh"

#include <cstdio>

int main() {
  try {
    cudaStream_t stream;
    PHI3LAB_CUDA_CHECK(cudaStreamCreate(&stream));
    cudaDeviceProp gpu{};
    PHI3LAB_CUDA_CHECK(cudaGetDeviceProperties(&gpu, 0));
    const double read = read_gbps(stream);
    const size_t bytes = size_t{256} << 20;
    void *host = nullptr, *device = nullptr;
    PHI3LAB_CUDA_CHECK(cudaHostAlloc(&host, bytes, cudaHostAllocDefault));
    PHI3LAB_CUDA_CHECK(cudaMalloc(&device, bytes));
    const double copy = times_ms(stream, 6, [&] {
      PHI3LAB_CUDA_CHECK(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream));
    })[0];
    std::printf("{\"gpu\":\"%s\",\"read_GBps\":%.1f,\"host_to_device_GBps\":%.2f}\n", gpu.name, read,
                static_cast<double>(bytes) / copy / 1e6);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
