// The choice among the number formats of matvec.h.
#include <algorithm>

#include "matvec_shapes.cuh"

namespace phi3lab::cuda {

bool matvec_fits(int64_t rows, int64_t cols, Dtype dtype, const Card& card) {
  const int64_t bytes = cols * size_of(dtype), stripes = (bytes + 511) / 512;
  if (bytes % 16 != 0 || stripes > kMostStripes) return false;
  // The most that a shape for so many stripes keeps under way, and the warps' sums of a block's rows.
  const int64_t ring = stripes <= 16   ? stripes * Narrow::kRows * Narrow::kDepth
                       : stripes <= 32 ? (stripes + 3) / 4 * 4 * WideBetween::kDepth
                       : stripes <= 64 ? (stripes + 3) / 4 * 4 * Wider::kDepth
                                       : (stripes + 5) / 6 * 6 * Widest::kDepth;
  const int64_t sums = std::min<int64_t>(stripes, 16) * (rows / card.multiprocessors + 36) * 4;
  return ring * 512 + sums <= card.shared_memory_per_block - kSpareBytes;
}

int matvec(const Matvec& m, const Card& card, cudaStream_t stream) {
  int blocks = 0;
  dispatch(m.dtype, [&](auto tag) { blocks = matvec_of<typename decltype(tag)::type>(m, card, stream); });
  return blocks;
}

}  // namespace phi3lab::cuda
