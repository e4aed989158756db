// Edits of an intermediate's rows: some of their numbers changed where a row stands at one of the edit's positions,
// which the kernel finds from the pass's position: a recorded pass edits what it comes to.
#include "backend.h"
#include "cuda/device/device.cuh"
#include "cuda/device/launch.cuh"

namespace phi3lab::cuda {
namespace {

constexpr int kThreads = 256;

/** x's part along value, in all threads of the block. */
__device__ float along(const float* x, const float* value, int64_t count) {
  __shared__ float sums[kThreads / 32];
  float sum = 0;
  for (int64_t i = threadIdx.x; i < count; i += kThreads) sum = fmaf(x[i], value[i], sum);
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
  __syncthreads();
  sum = 0;
  for (int w = 0; w < kThreads / 32; w++) sum += sums[w];
  return sum;
}

/** A block a row. */
__global__ void __launch_bounds__(kThreads)
    edit_rows_kernel(float* x, RowEdit edit, const int32_t* position, int64_t cols, int64_t first) {
  const int64_t n = edit.positions.index_of(*position + first + blockIdx.x), count = edit.last - edit.first;
  if (n < 0) return;
  x += blockIdx.x * cols + edit.first;
  const float* value = edit.value_rows > 1 ? edit.value + n * count : edit.value;
  const float part = edit.op == EditOp::project_out ? along(x, value, count) : 0.0f;
  for (int64_t i = threadIdx.x; i < count; i += kThreads) {
    if (edit.op == EditOp::add)
      x[i] += edit.scale * value[i];
    else if (edit.op == EditOp::multiply)
      x[i] *= value ? edit.scale * value[i] : edit.scale;
    else if (edit.op == EditOp::set)
      x[i] = value[i];
    else
      x[i] -= part * value[i];
  }
}

}  // namespace

void CudaBackend::edit_rows(Tensor x, const RowEdit& edit, const PassInput& input, int64_t first) {
  x.expect_float32("edit_rows");
  launch({dim3(static_cast<unsigned>(x.rows)), dim3(kThreads), 0, stream()}, edit_rows_kernel, x.data, edit,
         input.position, x.cols, first);
}

}  // namespace phi3lab::cuda
