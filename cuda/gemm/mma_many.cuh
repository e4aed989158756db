// The kernel of mma_many.cu: a block's tile of rows × tokens in the registers of its warps, stages of both operands
// by cp.async, fragments of the next step fetched while this one's are multiplied.
#pragma once

#include "mma.cuh"

namespace phi3lab::cuda {

/** A block's tile, the columns of a stage, and how its warps divide the tile. */
template <int rows, int tokens, int depth, int stages, int row_warps, int token_warps, bool everywhere = false>
struct ManyTile {
  static constexpr bool kEverywhere = everywhere;
  static constexpr int kRows = rows, kTokens = tokens, kDepth = depth, kStages = stages;
  static constexpr int kRowWarps = row_warps, kWarps = row_warps * token_warps, kThreads = 32 * kWarps;
  static constexpr int kWarpRows = rows / row_warps, kWarpTokens = tokens / token_warps;
  static constexpr int kStageBytes = (rows + tokens) * depth * 2;
  // Whether a thread's sums of gates have those of their ups beside them: StageLoader copies a warp's rows at once.
  static constexpr bool kGates = !everywhere && kThreads / (depth / 8) == kWarpRows && kWarpRows % 32 == 0;
  // A warp's sums leave through shared memory, 16 tokens at a time, so that stores fill whole sectors.
  static constexpr int kLeaveTokens = 16, kLeaveStride = kWarpRows + 4;
  static constexpr int kLeaveBytes = kWarps * kLeaveTokens * kLeaveStride * 4;
  static constexpr int kSharedBytes = stages * kStageBytes > kLeaveBytes ? stages * kStageBytes : kLeaveBytes;
  static_assert(kWarpRows % 16 == 0 && kWarpTokens % 16 == 0 && depth % 32 == 0);
  static_assert(kSharedBytes <= 98 * 1024,
                "what a block of 8.6 and 8.9 may have, less what the kernel declares itself");
};

/** How a product is cut: a block each for the first `whole` tiles, `split` blocks for each of the others, which divide
 * its columns and meet in `partials`. */
struct ManyPlan {
  int row_tiles, token_tiles, whole, split;
  bool adds_in_cache;
  Partials partials;
};

/** Leaves this block's sums of a tile that is shared, as they lie in registers: every access of a warp is one run of
 * memory. In the last block of the tile to come, makes them the sums of all in their order and gives true. */
template <class Tile, int kQuads>
__device__ __forceinline__ bool meet_split(float (&sums)[kQuads][4], const ManyPlan& plan, int tile, int rank) {
  float4* const parts = reinterpret_cast<float4*>(plan.partials.parts) +
                        static_cast<int64_t>(tile) * plan.split * (kQuads * Tile::kThreads) + threadIdx.x;
#pragma unroll
  for (int i = 0; i < kQuads; ++i)
    __stcg(parts + (rank * kQuads + i) * Tile::kThreads, make_float4(sums[i][0], sums[i][1], sums[i][2], sums[i][3]));
  if (!arrive_last(plan.partials.arrived + tile, plan.split)) return false;
  for (int part = 0; part < plan.split; ++part) {
#pragma unroll
    for (int i = 0; i < kQuads; ++i) {
      const float4 four = __ldcg(parts + (part * kQuads + i) * Tile::kThreads);
      if (part == 0) sums[i][0] = sums[i][1] = sums[i][2] = sums[i][3] = 0;  // its own come with the others'
      sums[i][0] += four.x, sums[i][1] += four.y, sums[i][2] += four.z, sums[i][3] += four.w;
    }
  }
  return true;
}

/** Where a warp's sums belong. */
struct WarpPlace {
  int token, row;
};

/** Brings a warp's sums of its first kRowParts · 16 rows to `out`, through `leaving`, its shared memory. */
template <class T, class Tile, int kRowParts, int kQuadCount>
__device__ __forceinline__ void leave(const Gemm& p, float (&sums)[kQuadCount][4], float* leaving, WarpPlace at,
                                      bool adds_in_cache) {
  constexpr int kLeave = Tile::kLeaveTokens, kStride = Tile::kLeaveStride, kQuads = kRowParts * 4;
  constexpr int kTokenParts = Tile::kWarpTokens / 8;
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int part = 0; part < Tile::kWarpTokens / kLeave; ++part) {
    const int first = at.token + part * kLeave;
    if (first >= static_cast<int>(p.tokens)) break;
#pragma unroll
    for (int i = 0; i < kRowParts * 8; ++i)
      leaving[(i / 4 % 2 * 8 + lane % 4 * 2 + i % 2) * kStride + i / 8 * 16 + lane / 4 + i / 2 % 2 * 8] =
          sums[i / 8 * kTokenParts + part * 2 + i / 4 % 2][i % 4];
    __syncwarp();
    float4 fours[kLeave * kQuads / 32];
#pragma unroll
    for (int i = 0; i < kLeave * kQuads / 32; ++i) {
      const int quad = lane + i * 32;
      fours[i] = *reinterpret_cast<const float4*>(leaving + quad / kQuads * kStride + quad % kQuads * 4);
    }
    store_all<T>(p, fours, adds_in_cache, [&](int i, int& token, int& row) {
      const int quad = lane + i * 32;
      token = first + quad / kQuads, row = at.row + quad % kQuads * 4;
      return token < static_cast<int>(p.tokens) && row < static_cast<int>(p.rows);
    });
    __syncwarp();
  }
}

template <class T, class Tile>
__global__ void __launch_bounds__(Tile::kThreads, 1)
    gemm_many_kernel(const __grid_constant__ Gemm p, const __grid_constant__ ManyPlan plan) {
  if constexpr (!kRunsTile<Tile>) {
    __trap();  // never launched: KernelSet.mma_bf16 is false
    return;
  }
  constexpr int kStages = Tile::kStages, kDepth = Tile::kDepth, kPieces = kDepth / 8, kSteps = kDepth / 16;
  constexpr int kRowParts = Tile::kWarpRows / 16, kTokenParts = Tile::kWarpTokens / 8;
  extern __shared__ __align__(128) char shared[];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int warp_row = warp % Tile::kRowWarps * Tile::kWarpRows,
            warp_token = warp / Tile::kRowWarps * Tile::kWarpTokens;
  // As in gemm_few_kernel: ldmatrix's four are two of rows by two of columns, and two of columns by two of tokens.
  const uint32_t weight_row = (warp_row + lane % 16) * kDepth * 2;
  const uint32_t in_row = (Tile::kRows + warp_token + lane % 8 + lane / 16 * 8) * kDepth * 2;
  const int weight_piece = lane / 16, in_piece = lane / 8 % 2, turn = turn_of<kPieces>(lane % 8);

  // This block's tile, and its steps of the tile's columns.
  const int sharer = static_cast<int>(blockIdx.x) - plan.whole, split = sharer < 0 ? 1 : plan.split;
  const int shared_tile = sharer < 0 ? 0 : sharer / split, rank = sharer < 0 ? 0 : sharer % split;
  const TilePlace place =
      place_tile(sharer < 0 ? blockIdx.x : plan.whole + shared_tile, plan.row_tiles, plan.token_tiles);
  const bool gates = Tile::kGates && p.up_after > 0;
  const int row0 = place.row_tile * (gates ? Tile::kRows / 2 : Tile::kRows), token0 = place.token_tile * Tile::kTokens;
  const int steps = (static_cast<int>(p.cols) + kDepth - 1) / kDepth;
  const int begin = steps * rank / split, end = steps * (rank + 1) / split;

  // The weight never changes: its first stages are on their way while the previous kernel still runs.
  const StageLoader<T, Tile> loader(p, shared_address(shared), row0, token0);
#pragma unroll
  for (int i = 0; i < kStages - 1; ++i) {
    if (begin + i < end) loader.load_weight(i, begin + i);
  }
  wait_previous();
#pragma unroll
  for (int i = 0; i < kStages - 1; ++i) {
    if (begin + i < end) loader.load_in(i, begin + i);
    commit_copies();
  }
  release_next();

  uint32_t weight[2][kRowParts][4], in[2][kTokenParts / 2][4];
  const auto fetch = [&](int buffer, int stage, int step) {
    const uint32_t base = loader.shared + stage * Tile::kStageBytes;
#pragma unroll
    for (int r = 0; r < kRowParts; ++r)
      load_matrices(weight[buffer][r],
                    base + weight_row + r * 16 * kDepth * 2 + (((step * 2 + weight_piece) ^ turn) * 16));
#pragma unroll
    for (int t = 0; t < kTokenParts / 2; ++t)
      load_matrices(in[buffer][t], base + in_row + t * 16 * kDepth * 2 + (((step * 2 + in_piece) ^ turn) * 16));
  };
  // What the sums are added to comes while the first stages do, where copies are asynchronous; of blocks that share a
  // tile, to the first.
  float sums[kRowParts * kTokenParts][4];
  const WarpPlace at{token0 + warp_token, row0 + (gates ? warp_row / 2 : warp_row)};
  const bool begun = !Tile::kEverywhere && p.accumulate && !plan.adds_in_cache, adds = begun && rank == 0;
#pragma unroll
  for (int i = 0; i < kRowParts * kTokenParts; ++i) {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int row = at.row + i / kTokenParts * 16 + lane / 4 + j / 2 * 8;
      const int token = at.token + i % kTokenParts * 8 + lane % 4 * 2 + j % 2;
      const bool there = adds && row < static_cast<int>(p.rows) && token < static_cast<int>(p.tokens);
      sums[i][j] = there ? static_cast<const float*>(p.out)[token * out_stride(p) + row] : 0.f;
    }
  }
  int stage = 0;
  wait_copies<kStages - 2>();
  __syncthreads();
  fetch(0, 0, 0);
  for (int step = begin; step < end; ++step) {
#pragma unroll
    for (int i = 0; i < kSteps; ++i) {
      if (i == kSteps - 1) {
        wait_copies<kStages - 2>();
        __syncthreads();
        stage = stage + 1 == kStages ? 0 : stage + 1;
      }
      fetch((i + 1) % 2, stage, (i + 1) % kSteps);  // behind the last step nobody uses it
#pragma unroll
      for (int r = 0; r < kRowParts; ++r) {
        // Since the last barrier nobody reads the stage before this one. Right behind the fetches, asynchronous copies
        // would cost 7%; others are waited for, and have the more products behind them.
        if (i == 0 && r == (Tile::kEverywhere ? 0 : kRowParts / 2)) {
          const int ahead = step + kStages - 1, free_stage = stage == 0 ? kStages - 1 : stage - 1;
          if (ahead < end) {
            loader.load_weight(free_stage, ahead);
            loader.load_in(free_stage, ahead);
          }
          commit_copies();
        }
#pragma unroll
        for (int t = 0; t < kTokenParts; ++t)
          multiply<T, Tile::kEverywhere>(sums[r * kTokenParts + t], weight[i % 2][r], in[i % 2][t / 2][t % 2 * 2],
                                         in[i % 2][t / 2][t % 2 * 2 + 1]);
      }
    }
  }

  if (split > 1 && !meet_split<Tile>(sums, plan, shared_tile, rank)) return;
  wait_copies<0>();
  __syncthreads();  // the stages' memory becomes the sums'
  Gemm rest = p;    // what is left to do
  if (begun) rest.accumulate = false;
  float* const leaving = reinterpret_cast<float*>(shared) + warp * Tile::kLeaveTokens * Tile::kLeaveStride;
  if constexpr (Tile::kGates) {
    if (gates) {
#pragma unroll
      for (int i = 0; i < kRowParts / 2 * kTokenParts; ++i) {
#pragma unroll
        for (int j = 0; j < 4; ++j)
          sums[i][j] = to_float(saturated<T>(swiglu_16_bit(sums[i][j], sums[i + kRowParts / 2 * kTokenParts][j])));
      }
      return leave<T, Tile, kRowParts / 2>(rest, sums, leaving, at, plan.adds_in_cache);
    }
  }
  leave<T, Tile, kRowParts>(rest, sums, leaving, at, plan.adds_in_cache);
}

}  // namespace phi3lab::cuda
