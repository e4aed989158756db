// The choice among the number formats of gemv.h.
#include "shapes.cuh"

namespace phi3lab::cuda {

bool gemv_fits(int64_t rows, int64_t cols, Dtype dtype, const DeviceProperties& device, const KernelSet& kernels) {
  const int64_t bytes = cols * size_of(dtype), chunks = (bytes + 511) / 512;
  if (bytes % 16 != 0) return false;
  // Beside the vector, sums of eight rows of so many chunks.
  if (!kernels.async_copies)
    return FloatVector::bytes(static_cast<int>(cols)) + chunks * 32 + 4096 <= device.shared_memory_per_block;
  if (chunks > kMostChunks) return false;
  bool fits = true;
  const auto look = [&](auto shape) {
    const GemvPlan plan = plan_gemv<decltype(shape)>(static_cast<int>(chunks), static_cast<int>(rows), 1, device);
    fits = fits && plan.shared_bytes <= device.shared_memory_per_block - kSpareBytes;
  };
  with_shape<GemvEnd::store>(static_cast<int>(chunks), device, kernels, look);
  with_shape<GemvEnd::residual>(static_cast<int>(chunks), device, kernels, look);
  return fits;
}

int gemv(const Gemv& m, const DeviceProperties& device, const KernelSet& kernels, cudaStream_t stream) {
  int blocks = 0;
  dispatch(m.dtype, [&](auto tag) { blocks = gemv_of<typename decltype(tag)::type>(m, device, kernels, stream); });
  return blocks;
}

}  // namespace phi3lab::cuda
