// The choice among the number formats of matvec.h.
#include "matvec_shapes.cuh"

namespace phi3lab::cuda {

bool matvec_fits(int64_t rows, int64_t cols, Dtype dtype, const Card& card, const Paths& paths) {
  const int64_t bytes = cols * size_of(dtype), stripes = (bytes + 511) / 512;
  if (!paths.async_copies || bytes % 16 != 0 || stripes > kMostStripes) return false;
  bool fits = true;
  const auto look = [&](auto shape) {
    const MatvecPlan plan = plan_matvec<decltype(shape)>(static_cast<int>(stripes), static_cast<int>(rows), 1, card);
    fits = fits && plan.shared_bytes <= card.shared_memory_per_block - kSpareBytes;
  };
  with_shape<MatvecEnd::store>(static_cast<int>(stripes), card, paths, look);
  with_shape<MatvecEnd::residual>(static_cast<int>(stripes), card, paths, look);
  return fits;
}

int matvec(const Matvec& m, const Card& card, const Paths& paths, cudaStream_t stream) {
  int blocks = 0;
  dispatch(m.dtype, [&](auto tag) { blocks = matvec_of<typename decltype(tag)::type>(m, card, paths, stream); });
  return blocks;
}

}  // namespace phi3lab::cuda
