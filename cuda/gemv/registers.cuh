// A matrix times one vector by rows that come into registers: of compact weights (compact.h) on every GPU, and of dense
// ones where the GPU has no asynchronous copies (kernel.cuh). The block prepares the vector in its shared memory; a
// warp owns the columns of its lanes in every few rows of the block, with its share of the vector in registers, and has
// the next rows on their way while it multiplies; the first before the previous kernel has ended. The warps' sums meet
// once, at the end. What a lane has of a row, and how it multiplies, is its type's (lane.cuh, dense_lane.cuh).
#pragma once

#include <algorithm>

#include "cuda/device/launch.cuh"
#include "kernel.cuh"
#include "launch.cuh"

namespace phi3lab::cuda {

/** Rows that a warp sums together, lots of them under way, warps a block, blocks a multiprocessor. */
template <int kRows_, int kDepth_, int kWarps_, int kBlocks_>
struct RegisterShape {
  static constexpr int kRows = kRows_, kDepth = kDepth_, kWarps = kWarps_, kBlocks = kBlocks_;
};

/** What a launch is made of. */
struct RegisterPlan {
  int chunks;       // of a row: what a warp's lanes have at once
  int stripes;      // warps that share a row
  int warps;        // a multiple of `stripes`
  int blocks;       // with runs of rows
  int part_stride;  // rows a block has room for in the partial sums
  int shared_bytes;
};

/** The order in which a warp takes lots of rows, chunk by chunk. */
struct RegisterWalk {
  int chunk, lot;
  __device__ __forceinline__ void next(int group, int groups, int lots, int stripes) {
    lot += groups;
    if (lot >= lots) lot = group, chunk += stripes;
  }
};

/** `OfLane`: see above. Shared memory: the vector, (chunks, part_stride) float32. */
template <class OfLane, class Shape, bool kNormed, GemvEnd kEnd>
__global__ void __launch_bounds__(Shape::kWarps * 32, Shape::kBlocks)
    register_gemv_kernel(Gemv m, typename OfLane::Matrix weight, RegisterPlan plan) {
  constexpr int kRows = Shape::kRows, kUnit = kEnd == GemvEnd::swiglu ? 2 : 1;  // gate and up stay together
  extern __shared__ __align__(128) unsigned char shared[];
  __shared__ float squares[Shape::kWarps];
  __shared__ Candidate bests[Shape::kWarps];
  const typename OfLane::Shared vector(shared, m.cols);
  float* parts = reinterpret_cast<float*>(shared + OfLane::Shared::bytes(m.cols));
  const int thread = threadIdx.x, threads = blockDim.x, lane = thread % 32, warp = thread / 32;
  const int groups = plan.warps / plan.stripes, group = warp / plan.stripes;
  const int units = m.rows / kUnit;
  const auto unit_from = [&](int block) {
    return static_cast<int>(static_cast<long long>(block) * units / static_cast<int>(gridDim.x));
  };
  const int first = unit_from(blockIdx.x) * kUnit, count = unit_from(blockIdx.x + 1) * kUnit - first;
  const int lots = (count + kRows - 1) / kRows, places = m.cols / OfLane::kColumns;
  const auto place_in = [&](int chunk) { return chunk * 32 + lane; };
  const auto place_of = [&](int i, int chunk) {
    const int row = first + i, at = kUnit == 2 ? row / 2 + row % 2 * units : row;
    return static_cast<size_t>(at) * places + place_in(chunk);
  };
  RegisterWalk now{group < lots ? warp % plan.stripes : plan.chunks, group}, asked = now;
  OfLane rows[Shape::kDepth][kRows];
  const auto request = [&](OfLane(&into)[kRows]) {
    if (asked.chunk >= plan.chunks) return;
#pragma unroll
    for (int r = 0; r < kRows; r++) {
      const int i = asked.lot * kRows + r;
      if (i < count && place_in(asked.chunk) < places)
        into[r].load(weight, place_of(i, asked.chunk));
      else
        into[r].clear();
    }
    asked.next(group, groups, lots, plan.stripes);
  };
#pragma unroll
  for (int slot = 0; slot < Shape::kDepth; slot++) request(rows[slot]);
  float square = 0, residual = 0;
  vector.template fill<kNormed>(m.in, m.norm, square);
  if constexpr (kEnd == GemvEnd::residual)
    if (thread < count) residual = __ldcg(m.out + first + thread);
  release_next();  // after the wait: decode_attend reads what earlier kernels wrote before it waits for this one
  if constexpr (kNormed) {
    square = warp_sum(square);
    if (lane == 0) squares[warp] = square;
  }
  __syncthreads();
  typename OfLane::Vector x;
  int chunk = -1;
  const auto multiply = [&](OfLane(&lot)[kRows]) {
    if (now.chunk != chunk) {
      chunk = now.chunk;
      if (place_in(chunk) < places)
        x.load(vector, place_in(chunk));
      else
        x.clear();
    }
    float sums[kRows];
#pragma unroll
    for (int r = 0; r < kRows; r++) sums[r] = lot[r].dot(x);
    request(lot);
    const float sum = fold_rows<kRows>(sums, lane);
    if (lane % (32 / kRows) == 0) parts[chunk * plan.part_stride + now.lot * kRows + lane / (32 / kRows)] = sum;
    now.next(group, groups, lots, plan.stripes);
  };
  while (now.chunk < plan.chunks) {
#pragma unroll
    for (int slot = 0; slot < Shape::kDepth; slot++)
      if (now.chunk < plan.chunks) multiply(rows[slot]);
  }
  __syncthreads();
  float scale = 1;
  if constexpr (kNormed) {
    float total = 0;
    for (int w = 0; w < plan.warps; w++) total += squares[w];
    scale = 1.0f / sqrtf(total / static_cast<float>(m.cols) + m.eps);
  }
  const auto total = [&](int i) {
    float sum = 0;
    for (int c = 0; c < plan.chunks; c++) sum += parts[c * plan.part_stride + i];
    return sum * scale;
  };
  if constexpr (kEnd == GemvEnd::swiglu) {
    for (int i = thread; i < count / 2; i += threads) {
      const float gate = total(2 * i), up = total(2 * i + 1);
      m.out[first / 2 + i] = up * (gate / (1.0f + expf(-gate)));
    }
  } else if constexpr (kEnd == GemvEnd::logits) {
    Candidate best = 0;
    for (int i = thread; i < count; i += threads) {
      const float score = total(i);
      m.out[first + i] = score;
      best = max(best, candidate(score, first + i));
    }
    best = warp_max(best);
    if (lane == 0) bests[warp] = best;
    __syncthreads();
    if (thread == 0) {
      for (int w = 1; w < plan.warps; w++) best = max(best, bests[w]);
      m.candidates[blockIdx.x] = best;
    }
  } else {
    for (int i = thread; i < count; i += threads) {
      float sum = total(i);
      if constexpr (kEnd == GemvEnd::residual) sum += i == thread ? residual : __ldcg(m.out + first + i);
      m.out[first + i] = sum;
    }
  }
}

/** Rows come in units of `unit`. Blocks as many as the GPU holds at once, or more where their sums would not fit. */
template <class OfLane, class Shape>
RegisterPlan plan_registers(int rows, int cols, int unit, const DeviceProperties& device) {
  RegisterPlan plan{};
  plan.chunks = (cols / OfLane::kColumns + 31) / 32;
  const int turns = (plan.chunks + Shape::kWarps - 1) / Shape::kWarps;
  plan.stripes = (plan.chunks + turns - 1) / turns;
  plan.warps = Shape::kWarps / plan.stripes * plan.stripes;
  const int held = Shape::kBlocks * device.multiprocessors, units = rows / unit;
  for (plan.blocks = held;; plan.blocks += held) {
    const int most = (units + plan.blocks - 1) / plan.blocks * unit;
    plan.part_stride = (most + Shape::kRows - 1) / Shape::kRows * Shape::kRows;
    plan.shared_bytes = OfLane::Shared::bytes(cols) + plan.chunks * plan.part_stride * static_cast<int>(sizeof(float));
    const bool fits = plan.shared_bytes <= device.shared_memory_per_block - kSpareBytes;
    if (fits || most <= Shape::kRows || plan.blocks + held > kMostCandidates) return plan;
  }
}

template <class OfLane, class Shape, bool kNormed, GemvEnd kEnd>
int launch_registers(const Gemv& m, const typename OfLane::Matrix& weight, const DeviceProperties& device,
                     const KernelSet& kernels, cudaStream_t stream) {
  const auto kernel = register_gemv_kernel<OfLane, Shape, kNormed, kEnd>;
  const RegisterPlan plan = plan_registers<OfLane, Shape>(m.rows, m.cols, kEnd == GemvEnd::swiglu ? 2 : 1, device);
  static const bool prepared = [&] {
    int bytes = 0;
    PHI3LAB_CUDA_CHECK(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device.index));
    PHI3LAB_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes - kSpareBytes));
    return true;
  }();
  (void)prepared;
  launch({dim3(static_cast<unsigned>(plan.blocks)), dim3(static_cast<unsigned>(plan.warps * 32)),
          static_cast<size_t>(plan.shared_bytes), stream, kernels.overlap},
         kernel, m, weight, plan);
  return plan.blocks;
}

/** Calls run(std::bool_constant<whether it is normed>(), std::integral_constant<its end>()). */
template <class Run>
int with_end(const Gemv& m, const Run& run) {
  if (m.norm) {
    if (m.end == GemvEnd::swiglu) return run(std::true_type(), std::integral_constant<GemvEnd, GemvEnd::swiglu>());
    if (m.end == GemvEnd::logits) return run(std::true_type(), std::integral_constant<GemvEnd, GemvEnd::logits>());
    return run(std::true_type(), std::integral_constant<GemvEnd, GemvEnd::store>());
  }
  if (m.end == GemvEnd::residual) return run(std::false_type(), std::integral_constant<GemvEnd, GemvEnd::residual>());
  return run(std::false_type(), std::integral_constant<GemvEnd, GemvEnd::store>());
}

}  // namespace phi3lab::cuda
