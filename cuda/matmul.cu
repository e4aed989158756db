// out (T, rows) = in (T, cols) · weightᵀ. The fast ways are gemv/ for one token and gemm/ for 16-bit numbers; what they
// do not take is computed here in float32, for every shape and GPU.
#include "backend.h"
#include "cuda/device/device.cuh"
#include "cuda/device/launch.cuh"
#include "cuda/gemv/compact.h"
#include "cuda/prompt/prompt.h"

namespace phi3lab::cuda {
namespace {

constexpr int kFewTokens = 8;

/** A warp a row, all tokens, `stride` apart in `out`: grid (rows / 8), 8 warps. */
template <class W>
__global__ void __launch_bounds__(256) few_tokens_kernel(float* out, const float* in, const W* weight, int tokens,
                                                         int64_t rows, int64_t cols, int64_t stride) {
  const int64_t row = blockIdx.x * 8ll + threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  if (row >= rows) return;
  float sums[kFewTokens] = {};
  for (int64_t k = lane; k < cols; k += 32) {
    const float w = to_float(weight[row * cols + k]);
#pragma unroll
    for (int t = 0; t < kFewTokens; t++)
      if (t < tokens) sums[t] = fmaf(w, in[t * cols + k], sums[t]);
  }
#pragma unroll
  for (int t = 0; t < kFewTokens; t++) {
    if (t >= tokens) break;
    const float sum = warp_sum(sums[t]);
    if (lane == 0) out[t * stride + row] = sum;
  }
}

constexpr int kTile = 64, kDepth = 16;

/** A block a tile of 64 rows and 64 tokens, a thread 4 × 4 of it: grid (rows / 64, T / 64), 256 threads. */
template <class W>
__global__ void __launch_bounds__(256) tile_kernel(float* out, const float* in, const W* weight, int64_t tokens,
                                                   int64_t rows, int64_t cols, int64_t stride) {
  __shared__ __align__(16) float weights[kDepth][kTile + 4], inputs[kDepth][kTile + 4];
  const int64_t row0 = blockIdx.x * static_cast<int64_t>(kTile), token0 = blockIdx.y * static_cast<int64_t>(kTile);
  const int y = threadIdx.x / 16, x = threadIdx.x % 16;
  float sums[4][4] = {};
  for (int64_t k0 = 0; k0 < cols; k0 += kDepth) {
    for (int i = threadIdx.x; i < kTile * kDepth; i += 256) {
      const int r = i / kDepth, k = i % kDepth;
      const bool inside = k0 + k < cols;
      weights[k][r] = inside && row0 + r < rows ? to_float(weight[(row0 + r) * cols + k0 + k]) : 0.0f;
      inputs[k][r] = inside && token0 + r < tokens ? in[(token0 + r) * cols + k0 + k] : 0.0f;
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kDepth; k++) {
      const float4 w = *reinterpret_cast<const float4*>(&weights[k][4 * x]);
      const float4 v = *reinterpret_cast<const float4*>(&inputs[k][4 * y]);
      const float ws[4] = {w.x, w.y, w.z, w.w}, vs[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) sums[i][j] = fmaf(vs[i], ws[j], sums[i][j]);
    }
    __syncthreads();
  }
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++)
      if (token0 + 4 * y + i < tokens && row0 + 4 * x + j < rows)
        out[(token0 + 4 * y + i) * stride + row0 + 4 * x + j] = sums[i][j];
}

unsigned blocks_of(int64_t n, int64_t size) { return static_cast<unsigned>((n + size - 1) / size); }

}  // namespace

bool CudaBackend::token_fits(const CudaWeight& weight, int64_t tokens, GemvEnd end) const {
  if (tokens != 1) return false;
  if (weight.compact.empty()) return gemv_fits(weight.rows, weight.cols, weight.dtype, device_, kernels_);
  // Rows of several formats are products of their own: nothing that needs all rows at once can be theirs.
  const bool alone = end == GemvEnd::store || end == GemvEnd::residual;
  return (alone || weight.compact.size() == 1) && compact_gemv_fits(weight.compact.front(), device_);
}

int CudaBackend::gemv(Tensor out, Tensor in, const Weight& weight, GemvEnd end, const Weight* norm, float eps) {
  const CudaWeight& w = uploaded(weight);
  Gemv m;
  m.out = out.data;
  m.in = in.data;
  m.norm = norm ? uploaded(*norm).as<float>() : nullptr;
  m.weight = w.compact.empty() ? w.memory.data() : nullptr;
  m.candidates = candidates_.as<Candidate>();  // written by GemvEnd::logits alone
  m.rows = static_cast<int>(w.rows);
  m.cols = static_cast<int>(w.cols);
  m.eps = eps;
  m.dtype = w.dtype;
  m.end = end;
  if (w.compact.empty()) return cuda::gemv(m, device_, kernels_, stream());
  int blocks = 0;
  for (const CompactMatrix& matrix : w.compact) {
    m.rows = static_cast<int>(matrix.rows);
    blocks = compact_gemv(m, matrix, device_, kernels_, stream());
    m.out += matrix.rows;
  }
  return blocks;
}

bool CudaBackend::prompt_fits(int64_t tokens, int64_t cols) const {
  return tokens > 1 && has_tensor_cores() && gemm_fits(cols);
}

void CudaBackend::gemm(void* out, const void* in, const CudaWeight& weight, int64_t tokens, bool out_float32,
                       bool accumulate) {
  each_dense(weight, format_, [&](const void* numbers, int64_t first, int64_t rows) {
    Gemm p{out, in, numbers, tokens, rows, weight.cols, format_, out_float32, accumulate};
    p.out = static_cast<char*>(out) + first * (out_float32 ? sizeof(float) : size_of(format_));
    p.out_stride = weight.rows;
    p.fresh_weight = !weight.compact.empty();
    // Measured on an H200: few tokens are streamed faster by our own, and more of them multiplied faster by cuBLASLt.
    if (cublaslt_ && tokens > kStreamedTokens && cublaslt_->gemm(p, stream())) return;
    tensor_gemm(p, device_, kernels_, partials_, stream());
  });
}

void CudaBackend::matmul(Tensor out, Tensor in, const Weight& weight) {
  in.expect_float32("matmul");
  const CudaWeight& w = uploaded(weight);
  if (token_fits(w, in.rows)) {
    gemv(out, in, weight, GemvEnd::store);
    return;
  }
  if (prompt_fits(in.rows, in.cols) && static_cast<size_t>(in.rows * in.cols) * 2 <= halves_.bytes()) {
    prompt_convert(halves_.data(), in.data, in.rows * in.cols, format_, kernels_, stream());
    gemm(out.data, halves_.data(), w, in.rows, true, false);
    return;
  }
  // One token reads a compact weight exactly, whatever the kernel.
  const Dtype dtype = w.compact.empty() ? w.dtype : in.rows == 1 ? Dtype::float32 : format_;
  each_dense(w, dtype, [&](const void* numbers, int64_t first, int64_t rows) {
    dispatch(dtype, [&](auto tag) {
      using W = typename decltype(tag)::type;
      const auto* weights = static_cast<const W*>(numbers);
      if (in.rows <= kFewTokens)
        launch({dim3(blocks_of(rows, 8)), dim3(256), 0, stream()}, few_tokens_kernel<W>, out.data + first, in.data,
               weights, static_cast<int>(in.rows), rows, w.cols, w.rows);
      else
        launch({dim3(blocks_of(rows, kTile), blocks_of(in.rows, kTile)), dim3(256), 0, stream()}, tile_kernel<W>,
               out.data + first, in.data, weights, in.rows, rows, w.cols, w.rows);
    });
  });
}

}  // namespace phi3lab::cuda
