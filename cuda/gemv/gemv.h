// A matrix times one vector, at the speed at which the GPU reads the matrix: decoding's products, with the norm before
// them and the step after them in the same kernel.
#pragma once

#include "cuda/device/types.h"

namespace phi3lab::cuda {

/** What becomes of the sums: kept; added to `out`; gate and up made one activation; kept, with the best of each block.
 */
enum class GemvEnd : uint8_t { store, residual, swiglu, logits };

/** A score with its index, ordered: the larger score is greater, of equals the smaller index; NaN above everything. */
using Candidate = unsigned long long;
constexpr int kMostCandidates = 4096;  // that a product gives

struct Gemv {
  float* out = nullptr;             // (rows,), for swiglu (rows / 2,)
  const float* in = nullptr;        // (cols,)
  const float* norm = nullptr;      // (cols,): the root-mean-square norm's weight; null: `in` as it is
  const void* weight = nullptr;     // (rows, cols) `dtype`; for swiglu gate (ffn, cols), then up
  Candidate* candidates = nullptr;  // for logits: one a block
  int rows = 0, cols = 0;
  float eps = 0;
  Dtype dtype = Dtype::bfloat16;
  GemvEnd end = GemvEnd::store;
};

/** Whether such a matrix is taken: its rows begin on 16 bytes and are not too long for the warps of a block, and what a
 * block keeps of them fits the GPU's shared memory. */
bool gemv_fits(int64_t rows, int64_t cols, Dtype dtype, const DeviceProperties& device, const KernelSet& kernels);
/** Launches it; gives the number of blocks, which is the number of candidates. */
int gemv(const Gemv& m, const DeviceProperties& device, const KernelSet& kernels, cudaStream_t stream);

}  // namespace phi3lab::cuda
