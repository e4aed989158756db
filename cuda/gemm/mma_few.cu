// Products of few tokens by mma.sync: a block takes a tile of rows × tokens, cp.async keeps stages of
// both operands coming, ldmatrix hands them to the tensor cores.
//
// The weight is streamed once: tiles are 64 rows high, or 32, and as wide as the tokens, the block's warps divide the
// columns of each stage, and blocks divide the columns of a tile where rows alone make too few to fill the GPU. Sums
// meet in a fixed order, so the same product has the same bits each time.
#include "mma.cuh"

namespace phi3lab::cuda {
/** A block's tile, and how its warps divide it: rows, tokens, and the columns of a stage. */
template <int rows, int tokens, int depth, int stages, int row_warps, int token_warps, int depth_warps,
          bool everywhere = false>
struct FewTile {
  static constexpr bool kEverywhere = everywhere;
  static constexpr int kRows = rows, kTokens = tokens, kDepth = depth, kStages = stages;
  static constexpr int kRowWarps = row_warps, kDepthWarps = depth_warps;
  static constexpr int kThreads = 32 * row_warps * token_warps * depth_warps;
  static constexpr int kWarpRows = rows / row_warps, kWarpTokens = tokens / token_warps;
  static constexpr int kStageBytes = (rows + tokens) * depth * 2;
  static constexpr int kSumBytes = depth_warps * tokens * kSumStride<rows> * 4;
  static constexpr int kSharedBytes = stages * kStageBytes > kSumBytes ? stages * kStageBytes : kSumBytes;
  static_assert(kWarpRows % 16 == 0 && kWarpTokens % 16 == 0 && depth % 64 == 0);
  static_assert(kSharedBytes <= 99 * 1024, "what a block of 8.6 and 8.9 may have");
};

namespace {

/** Grid: row tiles × token tiles × split; `split` blocks divide the columns of a tile, a cluster where the GPU has it.
 */
template <class T, class Tile, int kMinBlocks>
__global__ void __launch_bounds__(Tile::kThreads, kMinBlocks)
    gemm_few_kernel(const __grid_constant__ Gemm p, const __grid_constant__ Meeting meeting, int row_tiles,
                    int token_tiles) {
  if constexpr (!kRunsTile<Tile>) {
    __trap();  // never launched: KernelSet.mma_bf16 is false
    return;
  }
  constexpr int kStages = Tile::kStages, kDepth = Tile::kDepth;
  constexpr int kRowParts = Tile::kWarpRows / 16, kTokenParts = Tile::kWarpTokens / 8;
  extern __shared__ __align__(128) char shared[];
  const int split = meeting.split, rank = blockIdx.x % split, tile = blockIdx.x / split;
  const TilePlace place = place_tile(tile, row_tiles, token_tiles);
  const int row0 = place.row_tile * Tile::kRows, token0 = place.token_tile * Tile::kTokens;
  const int all_steps = (static_cast<int>(p.cols) + kDepth - 1) / kDepth;
  const int begin = all_steps * rank / split, end = all_steps * (rank + 1) / split;

  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int depth_warp = warp % Tile::kDepthWarps;
  const int warp_row = warp / Tile::kDepthWarps % Tile::kRowWarps * Tile::kWarpRows;
  const int warp_token = warp / (Tile::kDepthWarps * Tile::kRowWarps) * Tile::kWarpTokens;

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

  // Where this lane's row of each 8 × 8 matrix begins, and the piece of it: ldmatrix's four are two of rows by two of
  // columns for the weight, two of columns by two of tokens for `in`.
  const uint32_t weight_row = (warp_row + lane % 16) * kDepth * 2;
  const uint32_t in_row = (Tile::kRows + warp_token + lane % 8 + lane / 16 * 8) * kDepth * 2;
  const int weight_piece = lane / 16, in_piece = lane / 8 % 2, turn = lane % 8;

  float sums[kRowParts][kTokenParts][4] = {};
  int stage = 0;
  for (int step = begin; step < end; ++step) {
    wait_copies<kStages - 2>();
    __syncthreads();  // this stage is there for all, and nobody reads the one before any more
    const int ahead = step + kStages - 1, free_stage = stage == 0 ? kStages - 1 : stage - 1;
    if (ahead < end) {
      loader.load_weight(free_stage, ahead);
      loader.load_in(free_stage, ahead);
    }
    commit_copies();

    const uint32_t base = loader.shared + stage * Tile::kStageBytes;
#pragma unroll
    for (int i = 0; i < kDepth / 16 / Tile::kDepthWarps; ++i) {
      const int piece = (i * Tile::kDepthWarps + depth_warp) * 2;
      uint32_t weight[kRowParts][4], in[kTokenParts / 2][4];
#pragma unroll
      for (int r = 0; r < kRowParts; ++r) {
        load_matrices(weight[r], base + weight_row + r * 16 * kDepth * 2 + (((piece + weight_piece) ^ turn) * 16));
      }
#pragma unroll
      for (int t = 0; t < kTokenParts / 2; ++t) {
        load_matrices(in[t], base + in_row + t * 16 * kDepth * 2 + (((piece + in_piece) ^ turn) * 16));
      }
#pragma unroll
      for (int r = 0; r < kRowParts; ++r) {
#pragma unroll
        for (int t = 0; t < kTokenParts; ++t) {
          multiply<T, Tile::kEverywhere>(sums[r][t], weight[r], in[t / 2][t % 2 * 2], in[t / 2][t % 2 * 2 + 1]);
        }
      }
    }
    stage = stage + 1 == kStages ? 0 : stage + 1;
  }

  wait_copies<0>();
  __syncthreads();  // the stages' memory becomes the sums'
  constexpr int kStride = kSumStride<Tile::kRows>;
  float* all_sums = reinterpret_cast<float*>(shared);
  float* mine = all_sums + (depth_warp * Tile::kTokens + warp_token + lane % 4 * 2) * kStride + warp_row + lane / 4;
#pragma unroll
  for (int r = 0; r < kRowParts; ++r) {
#pragma unroll
    for (int t = 0; t < kTokenParts; ++t) {
#pragma unroll
      for (int i = 0; i < 4; ++i) mine[(t * 8 + i % 2) * kStride + r * 16 + i / 2 * 8] = sums[r][t][i];
    }
  }
  __syncthreads();
  finish_tile<T, Tile::kRows, Tile::kTokens, Tile::kDepthWarps, Tile::kThreads>(p, all_sums, row0, token0, meeting,
                                                                                tile, rank);
}

/** The most blocks, doubling, that may share a tile: the GPU takes them all at once and each has work. */
int choose_split(int tiles, int steps, int slots) {
  int split = 1;
  while (split < 8 && tiles * split * 2 <= slots && steps >= split * 2 * 4) split *= 2;
  return split;
}

template <class T, class Tile, int kMinBlocks>
void launch_tile(const Gemm& p, const DeviceProperties& device, const KernelSet& kernels, const Partials& partials,
                 cudaStream_t stream) {
  static PreparedKernel prepared;
  auto* kernel = gemm_few_kernel<T, Tile, kMinBlocks>;
  prepared.prepare(kernel, device.index, Tile::kSharedBytes);
  const int row_tiles = ceil_div(static_cast<int>(p.rows), Tile::kRows);
  const int token_tiles = ceil_div(static_cast<int>(p.tokens), Tile::kTokens);
  const int steps = ceil_div(static_cast<int>(p.cols), Tile::kDepth), tiles = row_tiles * token_tiles;
  int split = choose_split(tiles, steps, kMinBlocks * device.multiprocessors);
  if (!kernels.clusters && !partials_fit(partials, tiles, split, Tile::kRows * Tile::kTokens)) split = 1;
  cuda::launch({dim3(static_cast<unsigned>(tiles * split)), Tile::kThreads, Tile::kSharedBytes, stream,
                kernels.overlap && !p.fresh_weight, kernels.clusters ? split : 1},
               kernel, p, Meeting{split, kernels.clusters, partials}, row_tiles, token_tiles);
}

/** Up to 32 tokens. Where blocks meet in the GPU's memory, more and smaller ones are faster. */
template <class T, int kTokens, int kStages>
void launch_narrow(const Gemm& p, const DeviceProperties& device, const KernelSet& kernels, const Partials& partials,
                   cudaStream_t stream) {
  if (kernels.clusters)
    return launch_tile<T, FewTile<64, kTokens, 128, 4, 1, 1, 4>, 2>(p, device, kernels, partials, stream);
  launch_tile<T, FewTile<32, kTokens, 128, kStages, 1, 1, 4>, 3>(p, device, kernels, partials, stream);
}

/** On GPUs before 8.0: in the 64 KB that 7.5 has for a block, with a second one beside it. */
void launch_everywhere(const Gemm& p, const DeviceProperties& device, const KernelSet& kernels,
                       const Partials& partials, cudaStream_t stream) {
  if (p.tokens <= 16)
    return launch_tile<__half, FewTile<32, 16, 128, 2, 1, 1, 4, true>, 2>(p, device, kernels, partials, stream);
  if (p.tokens <= 32)
    return launch_tile<__half, FewTile<32, 32, 128, 2, 1, 1, 4, true>, 2>(p, device, kernels, partials, stream);
  launch_tile<__half, FewTile<64, 64, 64, 2, 2, 1, 2, true>, 2>(p, device, kernels, partials, stream);
}

template <class T>
void launch(const Gemm& p, const DeviceProperties& device, const KernelSet& kernels, const Partials& partials,
            cudaStream_t stream) {
  if (p.tokens <= 16) return launch_narrow<T, 16, 4>(p, device, kernels, partials, stream);
  if (p.tokens <= 32) return launch_narrow<T, 32, 3>(p, device, kernels, partials, stream);
  if (p.tokens <= 48) return launch_tile<T, FewTile<64, 48, 128, 3, 2, 1, 2>, 2>(p, device, kernels, partials, stream);
  launch_tile<T, FewTile<64, 64, 128, 3, 2, 1, 2>, 2>(p, device, kernels, partials, stream);
}

}  // namespace

void gemm_mma_few(const Gemm& p, const DeviceProperties& device, const KernelSet& kernels, const Partials& partials,
                  cudaStream_t stream) {
  if (!kernels.mma_bf16) return launch_everywhere(p, device, kernels, partials, stream);
  if (p.dtype == Dtype::bfloat16) return launch<__nv_bfloat16>(p, device, kernels, partials, stream);
  launch<__half>(p, device, kernels, partials, stream);
}

}  // namespace phi3lab::cuda
