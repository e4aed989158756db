// Token embedding: out (T, hidden) = rows `ids` of table (vocab, hidden).
#include "backend.h"
#include "cuda/device/device.cuh"
#include "cuda/device/launch.cuh"

namespace phi3lab::cuda {
namespace {

/** A block a token. An id that no token has (-1: a score was NaN) reads row 0: the host stops when it receives it. */
template <class W>
__global__ void embed_kernel(float* out, const W* table, const int32_t* ids, int64_t cols) {
  wait_previous();
  release_next();
  const int64_t row = max(ids[blockIdx.x], 0);
  for (int64_t i = threadIdx.x; i < cols; i += blockDim.x) out[blockIdx.x * cols + i] = to_float(table[row * cols + i]);
}

}  // namespace

void CudaBackend::embed(Tensor out, const PassInput& input, const Weight& table) {
  const CudaWeight& weight = uploaded(table);
  dispatch(weight.dtype, [&](auto tag) {
    using W = typename decltype(tag)::type;
    launch({dim3(static_cast<unsigned>(out.rows)), dim3(384), 0, stream(), kernels_.overlap}, embed_kernel<W>, out.data,
           weight.as<W>(), input.ids, out.cols);
  });
}

}  // namespace phi3lab::cuda
