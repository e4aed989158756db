// The choice among the number formats of matvec.h.
#include "matvec_shapes.cuh"

namespace phi3lab::cuda {

bool matvec_fits(int64_t cols, Dtype dtype) {
  const int64_t bytes = cols * size_of(dtype);
  return bytes % 16 == 0 && bytes <= kMostStripes * 512;
}

int matvec(const Matvec& m, const Card& card, cudaStream_t stream) {
  int blocks = 0;
  dispatch(m.dtype, [&](auto tag) { blocks = matvec_of<typename decltype(tag)::type>(m, card, stream); });
  return blocks;
}

}  // namespace phi3lab::cuda
