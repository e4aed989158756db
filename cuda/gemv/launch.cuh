// How a shape of the kernel of gemv.cuh is launched: blocks, and what they keep in shared memory.
#pragma once

#include <algorithm>

#include "cuda/device/launch.cuh"
#include "kernel.cuh"

namespace phi3lab::cuda {

constexpr int kSpareBytes = 2048;  // of a block's shared memory, for what kernels declare themselves

/** Whether kernels overlap and two large rings fit a multiprocessor together. */
inline bool large_rings(const DeviceProperties& device, const KernelSet& kernels) {
  return kernels.overlap && device.shared_memory_per_multiprocessor >= 200 << 10;
}

/** How a shape is launched. */
struct GemvTuning {
  int release_early = 2;
  bool interleaved = false;
};

/** What a launch of a shape is made of. */
struct GemvPlan {
  int warps, blocks, part_stride, shared_bytes;
};

/** Columns in chunks of 512 bytes, rows in units of `unit`. One block a multiprocessor, or as many more as it takes
 * for a block's sums to fit into shared memory beside its ring; shared_bytes is too many where the ring alone does not.
 */
template <class Shape>
GemvPlan plan_gemv(int chunks, int rows, int unit, const DeviceProperties& device) {
  const int warps = (chunks + Shape::kChunks - 1) / Shape::kChunks;
  const int ring = warps * Shape::kChunks * 512 * Shape::kRows * Shape::kDepth;
  for (int blocks = device.multiprocessors;; blocks += device.multiprocessors) {
    const int most = (rows / unit + blocks - 1) / blocks * unit;
    // Whole groups, and an odd number of 8 bytes, so that the warps' sums of a row lie in different banks.
    const int part_stride = (most + Shape::kRows - 1) / Shape::kRows * Shape::kRows / 16 * 16 + 18;
    const int bytes = ring + warps * part_stride * static_cast<int>(sizeof(float));
    const bool fits = bytes <= device.shared_memory_per_block - kSpareBytes;
    if (fits || most <= 16 || blocks + device.multiprocessors > kMostCandidates)
      return {warps, blocks, part_stride, bytes};
  }
}

/** Launches one shape; gives the number of blocks. */
template <class W, class Shape, bool kNormed, GemvEnd kEnd>
int launch_gemv(const Gemv& m, const DeviceProperties& device, const KernelSet& kernels, const GemvTuning& tuning,
                cudaStream_t stream) {
  const auto kernel = gemv_kernel<W, Shape, kNormed, kEnd>;
  constexpr int kUnit = kEnd == GemvEnd::swiglu ? 2 : 1;
  const int chunks = (m.cols + 32 * Packed16<W>::kNumbers - 1) / (32 * Packed16<W>::kNumbers);
  const GemvPlan plan = plan_gemv<Shape>(chunks, m.rows, kUnit, device);
  // What the GPU itself has, whatever it is taken for.
  static const int most = [&] {
    int bytes = 0;
    PHI3LAB_CUDA_CHECK(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device.index));
    PHI3LAB_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes - kSpareBytes));
    return bytes;
  }();
  // Of kernels that begin early no three blocks fit a multiprocessor, or no two where two kernels' rings do not: they
  // would crowd where the attention's have left one free, while others wait for work (5% of a token where three did,
  // half as much again where two did).
  const int crowd = large_rings(device, kernels) ? 3 : 2;
  const int shared = std::max(plan.shared_bytes, kernels.overlap ? most / crowd : 0);
  launch({dim3(static_cast<unsigned>(plan.blocks)), dim3(static_cast<unsigned>(plan.warps * 32)),
          static_cast<size_t>(shared), stream, kernels.overlap},
         kernel,
         GemvArguments{m, plan.part_stride, tuning.release_early, tuning.interleaved, kernels.overlap,
                       m.rows / kUnit / plan.blocks, m.rows / kUnit % plan.blocks});
  return plan.blocks;
}

}  // namespace phi3lab::cuda
