// Token embedding: out (T, hidden) = rows `ids` of table (vocab, hidden).
#include "backend.h"
#include "cuda/device/device.cuh"
#include "cuda/device/launch.cuh"
#include "cuda/memory/compact.cuh"

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

/** The same of a compact table: eight columns a thread and turn. */
template <WeightType kType>
__global__ void embed_compact_kernel(float* out, CompactMatrix table, const int32_t* ids) {
  wait_previous();
  release_next();
  const int64_t row = max(ids[blockIdx.x], 0);
  float* to = out + blockIdx.x * table.cols;
  for (int i = threadIdx.x; i < table.cols / 8; i += blockDim.x) {
    float numbers[8];
    compact_eight<kType>(numbers, table, static_cast<unsigned>(row * (table.cols / 32) + i / 4), i % 4);
#pragma unroll
    for (int k = 0; k < 8; k++) to[8 * i + k] = numbers[k];
  }
}

}  // namespace

void CudaBackend::embed(Tensor out, const PassInput& input, const Weight& table) {
  const CudaWeight& weight = uploaded(table);
  if (!weight.compact.empty()) {
    const CompactMatrix& rows = weight.compact.front();
    with_compact_type(rows.type, [&](auto type) {
      launch({dim3(static_cast<unsigned>(out.rows)), dim3(384), 0, stream(), kernels_.overlap},
             embed_compact_kernel<decltype(type)::value>, out.data, rows, input.ids);
    });
    return;
  }
  dispatch(weight.dtype, [&](auto tag) {
    using W = typename decltype(tag)::type;
    launch({dim3(static_cast<unsigned>(out.rows)), dim3(384), 0, stream(), kernels_.overlap}, embed_kernel<W>, out.data,
           weight.as<W>(), input.ids, out.cols);
  });
}

}  // namespace phi3lab::cuda
