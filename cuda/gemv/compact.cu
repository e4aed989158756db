// The choice among the formats of compact.h.
#include "compact_shapes.cuh"

namespace phi3lab::cuda {

namespace {
// Below it the largest of a block of 32 numbers may be most of a row's sum; such rows cost nothing in float32, either.
constexpr int64_t kLeastCols = 256;
}  // namespace

bool compact_gemv_fits(const CompactMatrix& weight, const DeviceProperties& device) {
  const int64_t vector = Fixed24Vector::bytes(static_cast<int>(weight.cols));
  // Beside the vector: sums of eight rows of so many chunks, of 512 columns at least.
  return weight.cols >= kLeastCols && vector + weight.cols / 512 * 32 + 4096 <= device.shared_memory_per_block;
}

int compact_gemv(const Gemv& m, const CompactMatrix& weight, const DeviceProperties& device, const KernelSet& kernels,
                 cudaStream_t stream) {
  int blocks = 0;
  with_compact_type(weight.type, [&](auto type) {
    blocks = compact_gemv_of<decltype(type)::value>(m, weight, device, kernels, stream);
  });
  return blocks;
}

}  // namespace phi3lab::cuda
