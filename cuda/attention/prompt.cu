// Attention of a prompt's pass on tensor cores (before 8.0 of float16 numbers alone): softmax(scale · q kᵀ) v, causal
// and windowed, over the paged cache, for heads of a multiple of 16 numbers. Flash attention: a block of four warps
// takes a tile of query rows of one head and walks the cache blocks that the tile sees, two of them in shared memory;
// scores, softmax and sums stay in registers, in float32. Where queries are few and positions many, several blocks
// share the keys of a tile: a cluster where the GPU has it, else they meet in the GPU's memory (partials.h).
#include <algorithm>
#include <atomic>
#include <type_traits>

#include "cuda/prompt/prompt.h"
#include "prompt_tile.cuh"

namespace phi3lab::cuda {

namespace {

/** With clusters the blocks that share a tile's keys are one. */
template <class T, int kHeadDim, int kRowTiles, bool kExact, PromptPath kPath>
__global__ void __launch_bounds__(kWarps * 32, (Tile<kHeadDim, kRowTiles>::kBlocksPerMultiprocessor))
    prompt_attend_kernel(T* context, const T* qkv, CacheView cache, const int32_t* position, int tokens, int layer,
                         AttentionShape shape, int parts, Partials partials) {
#if __CUDA_ARCH__ >= 750
  constexpr bool kClusters = kPath == PromptPath::clusters;
  if constexpr ((kClusters && !kForOverlap) || (kPath != PromptPath::everywhere && !kForCopies)) return;
  using Layout = Tile<kHeadDim, kRowTiles>;
  constexpr int kStride = Layout::kStride, kSteps = kHeadDim / 16;
  constexpr int kSplitFrom = 4;  // key blocks from which they are shared
  constexpr TypeTag<T> type{};
  extern __shared__ __align__(128) unsigned char shared_memory[];
  const uint32_t shared = static_cast<uint32_t>(__cvta_generic_to_shared(shared_memory));
  wait_previous();
  release_next();

  // Which rows of which head: tiles that see most keys begin first, so that light ones fill the end.
  const int heads = static_cast<int>(shape.heads), head_dim = kExact ? kHeadDim : static_cast<int>(shape.head_dim);
  const int part = blockIdx.x % parts, unit = blockIdx.x / parts, head = unit % heads;
  const int tile = gridDim.x / parts / heads - 1 - unit / heads;
  const int kv_head = head / (heads / static_cast<int>(shape.kv_heads));
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const int tile_row = tile * Layout::kRows, tile_rows = min(Layout::kRows, tokens - tile_row);
  const int warp_row = warp * Layout::kWarpRows, warp_rows = min(Layout::kWarpRows, tile_rows - warp_row);

  // Which keys: key k is seen from position p when p - reach < k <= p.
  const int tile_position = *position + tile_row, warp_position = tile_position + warp_row;
  const int reach = shape.window > 0 && shape.window < (1 << 30) ? static_cast<int>(shape.window) : 1 << 30;
  const int positions = tile_position + tile_rows;  // that the tile sees the last of
  int begin = max(0, tile_position - reach + 1) / kKeys, end = (positions - 1) / kKeys + 1;
  const bool split = parts > 1 && end - begin >= kSplitFrom;
  if (split) {
    const int share = (end - begin + parts - 1) / parts;
    begin = min(end, begin + part * share);
    end = min(end, begin + share);
  } else if (part > 0) {
    return;  // the first block is quicker alone
  }
  const int warp_last = warp_rows > 0 ? warp_position + warp_rows - 1 : -1;

  // In its block; 32 bits because registers are short, and a block of 4 GB of one sequence is not to be feared.
  const int head_offset = static_cast<int>(cache.offset(layer, false, kv_head, 0));
  const int values_ahead = static_cast<int>(cache.offset(0, true, 0, 0));
  const auto fetch = [&](uint32_t to, int block) {
    const T* const keys = static_cast<const T*>(cache.data) + block * cache.block_stride + head_offset;
    const int rows = positions - block * kKeys;  // later ones may hold NaN, which even a weight of 0 does not silence
    fetch_rows<kPath, T, kHeadDim, kStride, kExact>(to, keys, head_dim, rows, head_dim);
    fetch_rows<kPath, T, kHeadDim, kStride, kExact>(to + kKeys * kStride * 2, keys + values_ahead, head_dim, rows,
                                                    head_dim);
  };

  // Queries (kRows, head_dim), as fragments of A.
  const int64_t pitch = (heads + 2 * shape.kv_heads) * head_dim;
  const uint32_t query_tile = shared + (Layout::kKeepsQueries ? 1 : 2) * (Layout::kStage * 2);
#pragma unroll
  for (int row = 0; row < Layout::kRows; row += kKeys) {
    fetch_rows<kPath, T, kHeadDim, kStride, kExact>(query_tile + row * kStride * 2,
                                                    qkv + (tile_row + row) * pitch + head * head_dim, pitch,
                                                    tile_rows - row, head_dim);
  }
  if (begin < end) fetch(shared, begin);
  const uint32_t query_address = query_tile + ((warp_row + lane % 16) * kStride + lane / 16 * 8) * 2;
  const auto load_queries = [&](uint32_t (&to)[4], int m, int step) {
    load_matrices(to, query_address + (m * 16 * kStride + step * 16) * 2);
  };
  uint32_t kept[kRowTiles][Layout::kKeepsQueries ? kSteps : 1][4];
  if constexpr (Layout::kKeepsQueries) {
    wait_for_copies();
    __syncthreads();
#pragma unroll
    for (int m = 0; m < kRowTiles; ++m) {
#pragma unroll
      for (int step = 0; step < kSteps; ++step) load_queries(kept[m][step], m, step);
    }
  }

  float sums[kRowTiles][kHeadDim / 8][4] = {};               // of weight · value, as fragments of C
  float weight[kRowTiles][2] = {}, reference[kRowTiles][2];  // by row: this lane's part of the weights; log2
#pragma unroll
  for (int m = 0; m < kRowTiles; ++m) reference[m][0] = reference[m][1] = -INFINITY;
  const float factor = shape.scale * 1.4426950408889634f;
  // Lanes give ldmatrix the rows of 16 keys: the keys' own as B's columns, the values' transposed as B's rows.
  const uint32_t key_lane = ((lane / 16 * 8 + lane % 8) * kStride + lane / 8 % 2 * 8) * 2;
  const uint32_t value_lane = ((kKeys + lane % 16) * kStride + lane / 16 * 8) * 2;

  const uint32_t both_stages = 2 * shared + Layout::kStage * 2;  // either is this less the other
  uint32_t stage = shared;
#pragma unroll 1
  for (int block = begin; block < end; ++block, stage = both_stages - stage) {
    wait_for_copies();
    __syncthreads();  // this block has come, for all; and all are done with the stage that the next one takes
    if (block + 1 < end) fetch(both_stages - stage, block + 1);
    const int first_key = block * kKeys;
    if (first_key > warp_last || first_key + kKeys <= warp_position - reach + 1) continue;

    // Scores (kWarpRows, 64) = q kᵀ.
    float scores[kRowTiles][kKeys / 8][4] = {};
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
      uint32_t queries[kRowTiles][4];
      if constexpr (!Layout::kKeepsQueries) {
#pragma unroll
        for (int m = 0; m < kRowTiles; ++m) load_queries(queries[m], m, step);
      }
#pragma unroll
      for (int n = 0; n < kKeys / 8; n += 2) {
        uint32_t keys[4];
        load_matrices(keys, stage + key_lane + (n * 8 * kStride + step * 16) * 2);
#pragma unroll
        for (int m = 0; m < kRowTiles; ++m) {
          const uint32_t (&a)[4] = Layout::kKeepsQueries ? kept[m][Layout::kKeepsQueries ? step : 0] : queries[m];
          multiply_add<kPath>(scores[m][n], a, keys[0], keys[1], type);
          multiply_add<kPath>(scores[m][n + 1], a, keys[2], keys[3], type);
        }
      }
    }

    const bool edge = first_key + kKeys - 1 > warp_position || first_key <= warp_last - reach;
    if (edge) hide_unseen(scores, warp_position - first_key, reach);
    lift_references(sums, weight, reference, scores, factor);

    // Sums (kWarpRows, head_dim) += 2^(scores - reference) · v, 16 keys at a time: C's fragments of two groups of eight
    // keys are A's of sixteen.
#pragma unroll
    for (int step = 0; step < kKeys / 16; ++step) {
      uint32_t weights[kRowTiles][4];
#pragma unroll
      for (int m = 0; m < kRowTiles; ++m) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          const int h = i % 2;  // the row's half: a0 and a2 are row g, a1 and a3 row g + 8
          const float base = reference[m][h] == -INFINITY ? 0.f : reference[m][h];
          const float (&score)[4] = scores[m][2 * step + i / 2];
          const float low = exp2_approximate(fmaf(score[2 * h], factor, -base));
          const float high = exp2_approximate(fmaf(score[2 * h + 1], factor, -base));
          weight[m][h] += low + high;
          weights[m][i] = pair_of(low, high, type);
        }
      }
#pragma unroll
      for (int n = 0; n < kHeadDim / 8; n += 2) {
        uint32_t values[4];
        load_matrices_transposed(values, stage + value_lane + (step * 16 * kStride + n * 8) * 2);
#pragma unroll
        for (int m = 0; m < kRowTiles; ++m) {
          multiply_add<kPath>(sums[m][n], weights[m], values[0], values[1], type);
          multiply_add<kPath>(sums[m][n + 1], weights[m], values[2], values[3], type);
        }
      }
    }
  }

  wait_for_copies();  // of queries, if there was no block
  __syncthreads();
#pragma unroll
  for (int m = 0; m < kRowTiles; ++m) weight[m][0] = row_sum(weight[m][0]), weight[m][1] = row_sum(weight[m][1]);
  const int row = lane / 4, col = lane % 4 * 2;
  T* const tile_context = context + static_cast<int64_t>(tile_row) * heads * head_dim + head * head_dim;

#if __CUDA_ARCH__ >= 900
  if constexpr (kRowTiles == 1 && kClusters) {
    if (split) {
      float* const found = reinterpret_cast<float*>(shared_memory) + (warp_row + row) * (kHeadDim + 4);
#pragma unroll
      for (int h = 0; h < 2; ++h) {
        float* const line = found + h * 8 * (kHeadDim + 4);
#pragma unroll
        for (int n = 0; n < kHeadDim / 8; ++n) {
          *reinterpret_cast<float2*>(line + n * 8 + col) = make_float2(sums[0][n][2 * h], sums[0][n][2 * h + 1]);
        }
        if (col == 0) *reinterpret_cast<float2*>(line + kHeadDim) = make_float2(reference[0][h], weight[0][h]);
      }
      return merge_parts<T, kHeadDim>(tile_context, shared, static_cast<int64_t>(heads) * head_dim, tile_rows, head_dim,
                                      parts);
    }
  }
#endif
  if constexpr (kRowTiles == 1 && !kClusters) {
    if (split && !meet_parts<kHeadDim>(sums[0], weight[0], reference[0], partials, unit, part, parts)) return;
  }

  // Through the warp's own rows of shared memory, so that whole sectors are written.
  T* const results = reinterpret_cast<T*>(shared_memory) + warp_row * kStride;
#pragma unroll
  for (int m = 0; m < kRowTiles; ++m) {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const float share = 1 / weight[m][h];
#pragma unroll
      for (int n = 0; n < kHeadDim / 8; ++n) {
        const Pack<T, 2> pair = {saturated<T>(sums[m][n][2 * h] * share), saturated<T>(sums[m][n][2 * h + 1] * share)};
        *reinterpret_cast<Pack<T, 2>*>(results + (m * 16 + h * 8 + row) * kStride + n * 8 + col) = pair;
      }
    }
  }
  __syncwarp();
  for (int i = lane; i < warp_rows * (kHeadDim / 8); i += 32) {
    const int r = i / (kHeadDim / 8), c = i % (kHeadDim / 8) * 8;
    if (!kExact && c >= head_dim) continue;
    *reinterpret_cast<Pack<T, 8>*>(tile_context + static_cast<int64_t>(warp_row + r) * heads * head_dim + c) =
        *reinterpret_cast<const Pack<T, 8>*>(results + r * kStride + c);
  }
#endif
}

template <class T, int kHeadDim, int kRowTiles, bool kExact, PromptPath kPath>
void launch_tiles(T* context, const T* qkv, const CacheView& cache, const int32_t* position, int64_t tokens,
                  int64_t layer, const AttentionShape& shape, int parts, bool overlap, const Partials& partials,
                  cudaStream_t stream) {
  using Layout = Tile<kHeadDim, kRowTiles>;
  const auto kernel = prompt_attend_kernel<T, kHeadDim, kRowTiles, kExact, kPath>;
  static std::atomic<uint64_t> allowed{0};  // devices that were told; telling one twice does no harm
  int device = 0;
  PHI3LAB_CUDA_CHECK(cudaGetDevice(&device));
  const uint64_t bit = device < 64 ? uint64_t{1} << device : 0;
  if (!(allowed.load(std::memory_order_relaxed) & bit)) {
    PHI3LAB_CUDA_CHECK(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, Layout::kSharedBytes));
    allowed.fetch_or(bit, std::memory_order_relaxed);
  }
  const int64_t tiles = (tokens + Layout::kRows - 1) / Layout::kRows;
  const dim3 grid(static_cast<unsigned>(tiles * shape.heads * parts));
  launch({grid, kWarps * 32, Layout::kSharedBytes, stream, overlap, kPath == PromptPath::clusters ? parts : 1}, kernel,
         context, qkv, cache, position, static_cast<int>(tokens), static_cast<int>(layer), shape, parts, partials);
}

/** Picks the tile: 128 rows where they fill the GPU three times, else 64, shared by blocks where those leave it idle.
 */
template <class T, int kHeadDim, bool kExact>
void launch_for_device(T* context, const T* qkv, const CacheView& cache, const int32_t* position, int64_t tokens,
                       int64_t layer, const AttentionShape& shape, const DeviceProperties& device,
                       const KernelSet& kernels, const Partials& partials, cudaStream_t stream) {
  if constexpr (kExact) {
    if (kernels.mma_bf16) {
      using Large = Tile<kHeadDim, 2>;
      const int64_t tiles = (tokens + Large::kRows - 1) / Large::kRows;
      if (tiles * shape.heads >= 3 * device.multiprocessors && Large::kSharedBytes <= device.shared_memory_per_block) {
        return launch_tiles<T, kHeadDim, 2, true, PromptPath::copies>(context, qkv, cache, position, tokens, layer,
                                                                      shape, 1, kernels.overlap, partials, stream);
      }
    }
  }
  const int64_t blocks = (tokens + kKeys - 1) / kKeys * shape.heads;
  int parts = 1;
  while (parts < 8 && blocks * parts * 2 <= 2 * device.multiprocessors &&
         (kernels.clusters || partials_fit(partials, blocks, parts * 2, kPartNumbers<kHeadDim>)))
    parts *= 2;
  auto* launch_shared = kernels.clusters ? launch_tiles<T, kHeadDim, 1, kExact, PromptPath::clusters>
                                         : launch_tiles<T, kHeadDim, 1, kExact, PromptPath::copies>;
  if constexpr (std::is_same_v<T, __half>)
    if (!kernels.mma_bf16) launch_shared = launch_tiles<T, kHeadDim, 1, kExact, PromptPath::everywhere>;
  launch_shared(context, qkv, cache, position, tokens, layer, shape, parts, kernels.overlap, partials, stream);
}

}  // namespace

bool prompt_attend_fits(const AttentionShape& shape, const DeviceProperties& device) {
  const int dim = static_cast<int>(shape.head_dim);
  const int needed = dim <= 64    ? Tile<64, 1>::kSharedBytes
                     : dim == 80  ? Tile<80, 1>::kSharedBytes
                     : dim == 96  ? Tile<96, 1>::kSharedBytes
                     : dim <= 128 ? Tile<128, 1>::kSharedBytes
                                  : Tile<256, 1>::kSharedBytes;
  return dim % 16 == 0 && dim >= 16 && dim <= 256 && needed <= device.shared_memory_per_block &&
         shape.heads % shape.kv_heads == 0 && shape.scale > 0;
}

void prompt_attend(void* context, const void* qkv, CacheView cache, const int32_t* position, int64_t tokens,
                   int64_t layer, const AttentionShape& shape, Dtype dtype, const DeviceProperties& device,
                   const KernelSet& kernels, const Partials& partials, cudaStream_t stream) {
  if (tokens < 1) return;
  dispatch_16_bit("attend", dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto run = [&](auto head_dim, auto exact) {
      launch_for_device<T, decltype(head_dim)::value, decltype(exact)::value>(
          static_cast<T*>(context), static_cast<const T*>(qkv), cache, position, tokens, layer, shape, device, kernels,
          partials, stream);
    };
    const int64_t size = shape.head_dim;
    if (size == 64) return run(std::integral_constant<int, 64>(), std::true_type());
    if (size == 80) return run(std::integral_constant<int, 80>(), std::true_type());
    if (size == 96) return run(std::integral_constant<int, 96>(), std::true_type());
    if (size == 128) return run(std::integral_constant<int, 128>(), std::true_type());
    if (size < 64) return run(std::integral_constant<int, 64>(), std::false_type());
    if (size < 128) return run(std::integral_constant<int, 128>(), std::false_type());
    run(std::integral_constant<int, 256>(), std::false_type());
  });
}

}  // namespace phi3lab::cuda
