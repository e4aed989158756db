// Products by wgmma (9.0 alone): one thread of a warp of its own fetches stages of both operands by bulk tensor copies,
// two warpgroups multiply 64 rows each by the tile's tokens.
//
// Blocks go from tile to tile, so that the next tile's stages come while this one's sums leave. Where tiles
// are too few to fill the GPU, a cluster of `split` blocks divides a tile's columns instead, each block has one tile,
// and their sums meet in shared memory in the order of rank: the same product has the same bits each time. (Pairs of
// blocks that fetch `in` for each other by multicast were tried with barriers that cost a fence a step: they took up to
// twice the time.)
#include <algorithm>

#include "cuda/device/driver.h"
#include "wgmma.cuh"

namespace phi3lab::cuda {
namespace {

constexpr int kRows = kWgmmaTileRows, kDepth = kWgmmaStageCols;
constexpr int kConsumerWarps = 8, kThreads = 32 * kConsumerWarps + 32;
[[maybe_unused]] constexpr int kWeightBytes = kRows * kDepth * 2;

// A warp's sums leave through shared memory, 16 tokens of its 16 rows at a time, so that stores fill whole sectors.
constexpr int kLeaveTokens = 16, kLeaveStride = 16 + 4, kLeaveFloats = kLeaveTokens * kLeaveStride;

/** Shared memory of a tile's width. */
template <int kTokens>
struct Memory {
  static constexpr int kBlocks = wgmma_blocks(kTokens), kStages = wgmma_stages(kTokens);
  static constexpr int kStageBytes = wgmma_stage_bytes(kTokens);
  static constexpr int kLeaveBytes = kConsumerWarps * kLeaveFloats * 4;
  // Stages, the leaving sums, two barriers a stage; and what it takes to begin on a multiple of 1024.
  static constexpr int kBytes = 1024 + kStages * kStageBytes + kLeaveBytes + 16 * kStages;
  static_assert(kStageBytes % 1024 == 0 && kTokens * kSumStride<kRows> * 4 <= kStages * kStageBytes);
  static_assert(kBytes <= (kBlocks == 2 ? 113 : 227) * 1024);
};

#ifdef __CUDA_ARCH_FEAT_SM90_ALL

/** A ring of stages: which is next, and the parity of its barriers' phase. */
template <int kStages>
struct Ring {
  int stage = 0;
  uint32_t parity = 0;
  __device__ void advance() {
    if (++stage == kStages) stage = 0, parity ^= 1;
  }
};

/** A warp's sums (16 rows, kTokens) to `out`. */
template <class T, int kTokens>
__device__ __forceinline__ void leave(const Gemm& p, const float (&sums)[kTokens / 2], float* mine, int row0,
                                      int token0) {
  const int lane = threadIdx.x % 32, tokens = static_cast<int>(p.tokens);
#pragma unroll
  for (int part = 0; part < kTokens / kLeaveTokens; ++part) {
    const int first = token0 + part * kLeaveTokens;
    if (first >= tokens) break;
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      mine[(i / 4 * 8 + lane % 4 * 2 + i % 2) * kLeaveStride + lane / 4 + i / 2 % 2 * 8] = sums[part * 8 + i];
    }
    __syncwarp();
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      const int token = lane / 4 + i * 8, row = lane % 4 * 4;
      const float4 four = *reinterpret_cast<const float4*>(mine + token * kLeaveStride + row);
      if (first + token < tokens) store_sums<T>(p, first + token, row0 + row, four, p.accumulate);
    }
    __syncwarp();
  }
}

#endif

/** What is the same for all blocks of a launch. */
struct Plan {
  int row_tiles, token_tiles, split;  // split: the cluster's blocks, which divide the columns of a tile
};

/** Grid: as many blocks as the GPU holds, or fewer tiles; with a split, all tiles × split. */
template <class T, int kTokens>
__global__ void __launch_bounds__(kThreads, Memory<kTokens>::kBlocks)
    gemm_wgmma_kernel(const __grid_constant__ Gemm p, const __grid_constant__ CUtensorMap weight_map,
                      const __grid_constant__ CUtensorMap in_map, const Plan plan) {
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  using M = Memory<kTokens>;
  extern __shared__ char raw[];
  char* shared = raw + (-shared_address(raw) & 1023u);
  const uint32_t stages = shared_address(shared);
  float* leaving = reinterpret_cast<float*>(shared + M::kStages * M::kStageBytes);
  const uint32_t full = stages + M::kStages * M::kStageBytes + M::kLeaveBytes, empty = full + 8 * M::kStages;

  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int rank = blockIdx.x % plan.split;
  const int first_tile = blockIdx.x / plan.split, tile_step = gridDim.x / plan.split;
  const int tiles = plan.row_tiles * plan.token_tiles;
  const int all_steps = (static_cast<int>(p.cols) + kDepth - 1) / kDepth;
  const int begin = all_steps * rank / plan.split, end = all_steps * (rank + 1) / plan.split;
  const auto locate = [&](int tile, int& row0, int& token0) {
    const TilePlace place = place_tile(tile, plan.row_tiles, plan.token_tiles);
    row0 = place.row_tile * kRows, token0 = place.token_tile * kTokens;
  };
  int row0, token0;

  if (threadIdx.x == 0) {
    for (int i = 0; i < M::kStages; ++i) {
      init_barrier(full + 8 * i, 1);
      init_barrier(empty + 8 * i, kConsumerWarps);  // a stage is empty when all who get it have read it
    }
    publish_barriers();
  }
  __syncthreads();

  if (warp == kConsumerWarps) {
    if (lane == 0) {
      prefetch_map(weight_map);
      prefetch_map(in_map);
      // The weight never changes: its first stages are on their way while the previous kernel still runs.
      const int early = min(M::kStages, end - begin);
      locate(first_tile, row0, token0);
      for (int i = 0; i < early; ++i) {
        arrive_expecting(full + 8 * i, M::kStageBytes);
        copy_box(stages + i * M::kStageBytes, weight_map, (begin + i) * kDepth, row0, full + 8 * i);
      }
      wait_previous();
      Ring<M::kStages> ring;
      for (int tile = first_tile; tile < tiles; tile += tile_step) {
        locate(tile, row0, token0);
        for (int step = begin; step < end; ++step) {
          const uint32_t to = stages + ring.stage * M::kStageBytes, barrier = full + 8 * ring.stage;
          if (tile != first_tile || step - begin >= early) {
            wait_barrier(empty + 8 * ring.stage, ring.parity ^ 1);
            arrive_expecting(barrier, M::kStageBytes);
            copy_box(to, weight_map, step * kDepth, row0, barrier);
          }
          copy_box(to + kWeightBytes, in_map, step * kDepth, token0, barrier);
          ring.advance();
        }
      }
      release_next();
    }
    __syncwarp();
  } else {
    wait_previous();  // before `out` is touched
    const uint64_t weight0 = describe_tile(stages + warp / 4 * 64 * kDepth * 2);
    const uint64_t in0 = describe_tile(stages + kWeightBytes);
    const auto release = [&](int stage) {
      if (lane == 0) arrive(empty + 8 * stage);
    };
    Ring<M::kStages> ring;
    for (int tile = first_tile; tile < tiles; tile += tile_step) {
      float sums[kTokens / 2];
      int previous = 0;
      for (int step = begin; step < end; ++step) {
        wait_barrier(full + 8 * ring.stage, ring.parity);
        const uint64_t weight = weight0 + ring.stage * (M::kStageBytes >> 4);
        const uint64_t in = in0 + ring.stage * (M::kStageBytes >> 4);
        begin_multiplying();
#pragma unroll
        for (int k = 0; k < kDepth / 16; ++k) {
          multiply_async<T, kTokens>(sums, weight + 2 * k, in + 2 * k, k > 0 || step > begin);
        }
        commit_multiplying();
        wait_multiplying<1>();  // the previous step's instructions have read their stage
        if (step > begin) release(previous);
        previous = ring.stage;
        ring.advance();
      }
      wait_multiplying<0>();
      hold_sums(sums);
      release(previous);

      locate(tile, row0, token0);
      if (plan.split == 1) {
        leave<T, kTokens>(p, sums, leaving + warp * kLeaveFloats, row0 + warp * 16, token0);
      } else {
        // The only tile: its stages' memory becomes the sums', once both warpgroups have read the last of them.
        asm volatile("bar.sync 1, %0;" ::"n"(32 * kConsumerWarps) : "memory");
        float* mine = reinterpret_cast<float*>(shared) + lane % 4 * 2 * kSumStride<kRows> + warp * 16 + lane / 4;
#pragma unroll
        for (int i = 0; i < kTokens / 2; ++i) {
          mine[(i / 4 * 8 + i % 2) * kSumStride<kRows> + i / 2 % 2 * 8] = sums[i];
        }
      }
    }
  }
  if (plan.split == 1) return;
  __syncthreads();
  locate(first_tile, row0, token0);
  finish_tile<T, kRows, kTokens, 1, kThreads>(p, reinterpret_cast<float*>(shared), row0, token0,
                                              Meeting{plan.split, true, {}}, first_tile, rank);
#else
  __trap();  // never launched: KernelSet.wgmma is false, or the build left sm_90a out
#endif
}

/** A matrix (rows, cols) of 16-bit numbers, copied in boxes of box_rows × 64, swizzled. */
CUtensorMap describe_matrix(const void* matrix, Dtype dtype, int64_t rows, int64_t cols, int box_rows) {
  static const auto encode = PHI3LAB_DRIVER_FUNCTION(cuTensorMapEncodeTiled);
  if (!encode) throw std::runtime_error("[gemm] the driver has no cuTensorMapEncodeTiled");
  CUtensorMap map;
  const cuuint64_t sizes[] = {static_cast<cuuint64_t>(cols), static_cast<cuuint64_t>(rows)};
  const cuuint64_t strides[] = {static_cast<cuuint64_t>(cols) * 2};
  const cuuint32_t box[] = {kDepth, static_cast<cuuint32_t>(box_rows)}, steps[] = {1, 1};
  const CUresult result =
      encode(&map, dtype == Dtype::bfloat16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT16, 2,
             const_cast<void*>(matrix), sizes, strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
             CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS) {
    throw std::runtime_error("[gemm] error " + std::to_string(result) + " of cuTensorMapEncodeTiled");
  }
  return map;
}

template <class T, int kTokens>
void launch_tile(const Gemm& p, const DeviceProperties& device, const KernelSet& kernels, cudaStream_t stream,
                 WgmmaTile tile) {
  using M = Memory<kTokens>;
  static PreparedKernel prepared;
  auto* kernel = gemm_wgmma_kernel<T, kTokens>;
  prepared.prepare(kernel, device.index, M::kBytes);
  const int split = std::min(tile.split, ceil_div(static_cast<int>(p.cols), kDepth));  // each has columns
  const Plan plan = {ceil_div(static_cast<int>(p.rows), kRows), ceil_div(static_cast<int>(p.tokens), kTokens), split};
  const int tiles = plan.row_tiles * plan.token_tiles;
  const int blocks = split > 1 ? tiles * split : std::min(tiles, M::kBlocks * device.multiprocessors);
  cuda::launch(
      {dim3(static_cast<unsigned>(blocks)), kThreads, M::kBytes, stream, kernels.overlap && !p.fresh_weight, split},
      kernel, p, describe_matrix(p.weight, p.dtype, p.rows, p.cols, kRows),
      describe_matrix(p.in, p.dtype, p.tokens, p.cols, kTokens), plan);
}

template <class T>
void launch(const Gemm& p, const DeviceProperties& device, const KernelSet& kernels, cudaStream_t stream,
            WgmmaTile tile) {
  switch (tile.tokens) {
    case 32:
      return launch_tile<T, 32>(p, device, kernels, stream, tile);
    case 64:
      return launch_tile<T, 64>(p, device, kernels, stream, tile);
    case 96:
      return launch_tile<T, 96>(p, device, kernels, stream, tile);
    case 128:
      return launch_tile<T, 128>(p, device, kernels, stream, tile);
    case 160:
      return launch_tile<T, 160>(p, device, kernels, stream, tile);
    case 192:
      return launch_tile<T, 192>(p, device, kernels, stream, tile);
    case 224:
      return launch_tile<T, 224>(p, device, kernels, stream, tile);
    case 256:
      return launch_tile<T, 256>(p, device, kernels, stream, tile);
    default:
      throw std::runtime_error("[gemm] no wgmma tile is " + std::to_string(tile.tokens) + " tokens wide");
  }
}

}  // namespace

void gemm_wgmma(const Gemm& p, const DeviceProperties& device, const KernelSet& kernels, cudaStream_t stream,
                WgmmaTile tile) {
  if (p.dtype == Dtype::bfloat16) return launch<__nv_bfloat16>(p, device, kernels, stream, tile);
  launch<__half>(p, device, kernels, stream, tile);
}

}  // namespace phi3lab::cuda
