// How a shape of the kernel of matvec.cuh is launched: blocks, and what they keep in shared memory.
#pragma once

#include <algorithm>

#include "launch.cuh"
#include "matvec.cuh"

namespace phi3lab::cuda {

constexpr int kSpareBytes = 2048;  // of a block's shared memory, for what kernels declare themselves

/** Whether kernels overlap and two large rings fit a multiprocessor together. */
inline bool large_rings(const Card& card, const Paths& paths) {
  return paths.overlap && card.shared_memory_per_multiprocessor >= 200 << 10;
}

/** How a shape is launched. */
struct MatvecTuning {
  int release_early = 2;
  bool interleaved = false;
};

/** What a launch of a shape is made of. */
struct MatvecPlan {
  int warps, blocks, part_stride, shared_bytes;
};

/** Columns in stripes of 512 bytes, rows in units of `unit`. One block a multiprocessor, or as many more as it takes
 * for a block's sums to fit into shared memory beside its ring; shared_bytes is too many where the ring alone does not.
 */
template <class Shape>
MatvecPlan plan_matvec(int stripes, int rows, int unit, const Card& card) {
  const int warps = (stripes + Shape::kStripes - 1) / Shape::kStripes;
  const int ring = warps * Shape::kStripes * 512 * Shape::kRows * Shape::kDepth;
  for (int blocks = card.multiprocessors;; blocks += card.multiprocessors) {
    const int most = (rows / unit + blocks - 1) / blocks * unit;
    // Whole groups, and an odd number of 8 bytes, so that the warps' sums of a row lie in different banks.
    const int part_stride = (most + Shape::kRows - 1) / Shape::kRows * Shape::kRows / 16 * 16 + 18;
    const int bytes = ring + warps * part_stride * static_cast<int>(sizeof(float));
    const bool fits = bytes <= card.shared_memory_per_block - kSpareBytes;
    if (fits || most <= 16 || blocks + card.multiprocessors > kMostCandidates)
      return {warps, blocks, part_stride, bytes};
  }
}

/** Launches one shape; gives the number of blocks. */
template <class W, class Shape, bool kNormed, MatvecEnd kEnd>
int launch_matvec(const Matvec& m, const Card& card, const Paths& paths, const MatvecTuning& tuning,
                  cudaStream_t stream) {
  const auto kernel = matvec_kernel<W, Shape, kNormed, kEnd>;
  constexpr int kUnit = kEnd == MatvecEnd::swiglu ? 2 : 1;
  const int stripes = (m.cols + 32 * Chunk<W>::kNumbers - 1) / (32 * Chunk<W>::kNumbers);
  const MatvecPlan plan = plan_matvec<Shape>(stripes, m.rows, kUnit, card);
  // What the card itself has, whatever it is taken for.
  static const int most = [&] {
    int bytes = 0;
    PHI3LAB_CUDA_CHECK(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, card.index));
    PHI3LAB_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes - kSpareBytes));
    return bytes;
  }();
  // Of kernels that begin early no three blocks fit a multiprocessor, or no two where two kernels' rings do not: they
  // would crowd where the attention's have left one free, while others wait for work (5% of a token where three did,
  // half as much again where two did).
  const int crowd = large_rings(card, paths) ? 3 : 2;
  const int shared = std::max(plan.shared_bytes, paths.overlap ? most / crowd : 0);
  launch({dim3(static_cast<unsigned>(plan.blocks)), dim3(static_cast<unsigned>(plan.warps * 32)),
          static_cast<size_t>(shared), stream, paths.overlap},
         kernel,
         MatvecArguments{m, plan.part_stride, tuning.release_early, tuning.interleaved, paths.overlap,
                         m.rows / kUnit / plan.blocks, m.rows / kUnit % plan.blocks});
  return plan.blocks;
}

}  // namespace phi3lab::cuda
