// The kernel of compact.h. The block turns the vector into fixed point in its shared memory; a warp owns the columns of
// its lanes in every few rows of the block, with its share of the vector in registers, and asks for the next rows while
// it multiplies. The first rows are on their way before the previous kernel has ended. The warps' sums meet once, at
// the end.
#pragma once

#include <algorithm>

#include "cuda/device/launch.cuh"
#include "kernel.cuh"
#include "lane.cuh"

namespace phi3lab::cuda {

/** Rows that a warp sums together, warps a block, blocks a multiprocessor. */
template <int kRows_, int kWarps_, int kBlocks_>
struct CompactShape {
  static constexpr int kRows = kRows_, kWarps = kWarps_, kBlocks = kBlocks_;
};

/** What a launch is made of. */
struct CompactPlan {
  int chunks;       // of a row: what a warp's lanes have at once
  int stripes;      // warps that share a row
  int warps;        // a multiple of `stripes`
  int blocks;       // with runs of rows
  int part_stride;  // rows a block has room for in the partial sums
  int shared_bytes;
};

/** Rows come in units of `unit`. Blocks as many as the GPU holds at once, or more where their sums would not fit. */
template <class Shape>
CompactPlan plan_compact(const CompactMatrix& weight, int unit, const DeviceProperties& device) {
  const int columns = weight.type == WeightType::Q8_0 ? 16 : 32;
  CompactPlan plan{};
  plan.chunks = static_cast<int>((weight.cols / columns + 31) / 32);
  const int turns = (plan.chunks + Shape::kWarps - 1) / Shape::kWarps;
  plan.stripes = (plan.chunks + turns - 1) / turns;
  plan.warps = Shape::kWarps / plan.stripes * plan.stripes;
  const int held = Shape::kBlocks * device.multiprocessors, units = static_cast<int>(weight.rows) / unit;
  for (plan.blocks = held;; plan.blocks += held) {
    const int most = (units + plan.blocks - 1) / plan.blocks * unit;
    plan.part_stride = (most + Shape::kRows - 1) / Shape::kRows * Shape::kRows;
    plan.shared_bytes = Fixed24Vector::bytes(static_cast<int>(weight.cols / 32)) +
                        plan.chunks * plan.part_stride * static_cast<int>(sizeof(float));
    const bool fits = plan.shared_bytes <= device.shared_memory_per_block - 2048;
    if (fits || most <= Shape::kRows || plan.blocks + held > kMostCandidates) return plan;
  }
}

/** Shared memory: the vector, then (chunks, part_stride) float32. */
template <WeightType kType, class Shape, bool kNormed, GemvEnd kEnd>
__global__ void __launch_bounds__(Shape::kWarps * 32, Shape::kBlocks)
    compact_gemv_kernel(Gemv m, CompactMatrix weight, CompactPlan plan) {
  using OfLane = Lane<kType>;
  constexpr int kRows = Shape::kRows, kUnit = kEnd == GemvEnd::swiglu ? 2 : 1;  // gate and up stay together
  extern __shared__ __align__(16) unsigned char shared[];
  __shared__ float squares[Shape::kWarps];
  __shared__ Candidate bests[Shape::kWarps];
  const Fixed24Vector vector(shared, m.cols / 32);
  float* parts = reinterpret_cast<float*>(shared + Fixed24Vector::bytes(vector.blocks));
  const int thread = threadIdx.x, threads = blockDim.x, lane = thread % 32, warp = thread / 32;
  const int groups = plan.warps / plan.stripes, group = warp / plan.stripes;
  const int units = m.rows / kUnit;
  const auto unit_from = [&](int block) {
    return static_cast<int>(static_cast<long long>(block) * units / static_cast<int>(gridDim.x));
  };
  const int first = unit_from(blockIdx.x) * kUnit, count = unit_from(blockIdx.x + 1) * kUnit - first;
  const int lots = (count + kRows - 1) / kRows, places = m.cols / OfLane::kColumns;
  OfLane rows[kRows];
  int chunk = warp % plan.stripes;
  const auto load = [&](int lot, int of_chunk) {
    const int place = of_chunk * 32 + lane;
#pragma unroll
    for (int r = 0; r < kRows; r++) {
      const int i = lot * kRows + r;
      if (i < count && place < places) {
        const int row = first + i, at = kUnit == 2 ? row / 2 + row % 2 * units : row;
        rows[r].load(weight, static_cast<size_t>(at) * places + place);
      } else {
        rows[r].clear();
      }
    }
  };
  load(group, chunk);
  wait_previous();
  float square = 0, residual = 0;
  if constexpr (kEnd == GemvEnd::residual)
    if (thread < count) residual = __ldcg(m.out + first + thread);
  to_fixed24<kNormed>(vector, m.in, m.norm, square);
  release_next();  // after the wait: decode_attend reads what earlier kernels wrote before it waits for this one
  if constexpr (kNormed) {
    square = warp_sum(square);
    if (lane == 0) squares[warp] = square;
  }
  __syncthreads();
  for (; chunk < plan.chunks; chunk += plan.stripes) {
    typename OfLane::Vector x;
    if (chunk * 32 + lane < places)
      x.load(vector, chunk * 32 + lane);
    else
      x.clear();
    for (int lot = group; lot < lots; lot += groups) {
      float sums[kRows];
#pragma unroll
      for (int r = 0; r < kRows; r++) sums[r] = rows[r].dot(x);
      if (lot + groups < lots)
        load(lot + groups, chunk);
      else if (chunk + plan.stripes < plan.chunks)
        load(group, chunk + plan.stripes);
      const float sum = fold_rows<kRows>(sums, lane);
      if (lane % (32 / kRows) == 0) parts[chunk * plan.part_stride + lot * kRows + lane / (32 / kRows)] = sum;
    }
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

template <WeightType kType, class Shape, bool kNormed, GemvEnd kEnd>
int launch_compact(const Gemv& m, const CompactMatrix& weight, const DeviceProperties& device,
                   const KernelSet& kernels, cudaStream_t stream) {
  const auto kernel = compact_gemv_kernel<kType, Shape, kNormed, kEnd>;
  const CompactPlan plan = plan_compact<Shape>(weight, kEnd == GemvEnd::swiglu ? 2 : 1, device);
  static const bool prepared = [&] {
    int bytes = 0;
    PHI3LAB_CUDA_CHECK(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device.index));
    PHI3LAB_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes - 2048));
    return true;
  }();
  (void)prepared;
  launch({dim3(static_cast<unsigned>(plan.blocks)), dim3(static_cast<unsigned>(plan.warps * 32)),
          static_cast<size_t>(plan.shared_bytes), stream, kernels.overlap},
         kernel, m, weight, plan);
  return plan.blocks;
}

/** Of one format; shapes as measured on an H200. */
template <WeightType kType>
int compact_gemv_of(const Gemv& m, const CompactMatrix& weight, const DeviceProperties& device,
                    const KernelSet& kernels, cudaStream_t stream) {
  using Shape = CompactShape<4, 12, 2>;
  const auto run = [&](auto normed, auto end) {
    return launch_compact<kType, Shape, decltype(normed)::value, decltype(end)::value>(m, weight, device, kernels,
                                                                                       stream);
  };
  using Yes = std::true_type;
  using No = std::false_type;
  if (m.norm) {
    if (m.end == GemvEnd::swiglu) return run(Yes(), std::integral_constant<GemvEnd, GemvEnd::swiglu>());
    if (m.end == GemvEnd::logits) return run(Yes(), std::integral_constant<GemvEnd, GemvEnd::logits>());
    return run(Yes(), std::integral_constant<GemvEnd, GemvEnd::store>());
  }
  if (m.end == GemvEnd::residual) return run(No(), std::integral_constant<GemvEnd, GemvEnd::residual>());
  return run(No(), std::integral_constant<GemvEnd, GemvEnd::store>());
}

extern template int compact_gemv_of<WeightType::Q4_0>(const Gemv&, const CompactMatrix&, const DeviceProperties&,
                                                      const KernelSet&, cudaStream_t);
extern template int compact_gemv_of<WeightType::Q4_1>(const Gemv&, const CompactMatrix&, const DeviceProperties&,
                                                      const KernelSet&, cudaStream_t);
extern template int compact_gemv_of<WeightType::Q5_0>(const Gemv&, const CompactMatrix&, const DeviceProperties&,
                                                      const KernelSet&, cudaStream_t);
extern template int compact_gemv_of<WeightType::Q5_1>(const Gemv&, const CompactMatrix&, const DeviceProperties&,
                                                      const KernelSet&, cudaStream_t);
extern template int compact_gemv_of<WeightType::Q8_0>(const Gemv&, const CompactMatrix&, const DeviceProperties&,
                                                      const KernelSet&, cudaStream_t);
extern template int compact_gemv_of<WeightType::Q4_K>(const Gemv&, const CompactMatrix&, const DeviceProperties&,
                                                      const KernelSet&, cudaStream_t);
extern template int compact_gemv_of<WeightType::Q5_K>(const Gemv&, const CompactMatrix&, const DeviceProperties&,
                                                      const KernelSet&, cudaStream_t);
extern template int compact_gemv_of<WeightType::Q6_K>(const Gemv&, const CompactMatrix&, const DeviceProperties&,
                                                      const KernelSet&, cudaStream_t);

}  // namespace phi3lab::cuda
