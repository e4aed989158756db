// The pieces of a prompt's attention: tensor-core instructions, copies of tiles into shared memory, and the meeting of
// blocks that share a tile's keys. Fragments follow PTX's m16n8k16: with g = lane / 4 and c = 2 * (lane % 4) a lane
// holds of A (16, 16) the pairs (g, c), (g + 8, c), (g, c + 8), (g + 8, c + 8); of B (16, 8) the pairs down its column
// g from rows c and c + 8; of C (16, 8) the pairs (g, c) and (g + 8, c).
#pragma once

#include "cuda/device/partials.cuh"
#include "cuda/memory/cache_view.h"
#include "cuda/prompt/launch.cuh"

namespace phi3lab::cuda {

constexpr int kKeys = CacheView::kBlock, kWarps = 4;

/** How a tile lies in registers and shared memory; a warp has kRowTiles times 16 query rows. */
template <int kHeadDim, int kRowTiles>
struct Tile {
  static constexpr int kWarpRows = 16 * kRowTiles, kRows = kWarps * kWarpRows;
  static constexpr int kStride = kHeadDim + 8;        // an odd number of 16-byte units: ldmatrix meets no bank twice
  static constexpr int kStage = 2 * kKeys * kStride;  // numbers: keys, then values
  // Queries stay in registers where these suffice; they come through the second stage then.
  static constexpr bool kKeepsQueries = kRowTiles * (kHeadDim * 3 / 4 + 32) <= 208;
  static constexpr int kSharedBytes = 2 * (2 * kStage + (kKeepsQueries ? 0 : kRows * kStride));
  static constexpr int kBlocksPerMultiprocessor = kHeadDim > 128 ? 1 : kRowTiles == 2 || kHeadDim > 96 ? 2 : 3;
  static_assert(kRows <= 2 * kKeys, "a tile of queries, or of results, must fit into a stage");
};

/** Numbers that a block leaves for the others of its tile: a lane's sums, two references and two weights. */
template <int kHeadDim>
constexpr int kPartNumbers = kWarps * 32 * (kHeadDim / 2 + 4);

/** What a GPU has for it: nothing that 7.5 has not, for float16 alone; asynchronous copies (8.0 and later); clusters,
 * too.
 */
enum class PromptPath : uint8_t { everywhere, copies, clusters };

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 750

/** 2^x; what would be below the normal numbers is 0. */
__device__ __forceinline__ float exp2_approximate(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

/** Copies 16 bytes into shared memory, asynchronously where the GPU can; zeros when not `real`, and then nothing is
 * read. */
template <PromptPath kPath>
__device__ __forceinline__ void copy_16_bytes(uint32_t shared, const void* global, bool real) {
  if constexpr (kPath == PromptPath::everywhere) {
    const uint4 v = real ? *static_cast<const uint4*>(global) : make_uint4(0, 0, 0, 0);
    asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(shared), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w)
                 : "memory");
    return;
  }
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared), "l"(global), "r"(real ? 16 : 0)
               : "memory");
#endif
}

__device__ __forceinline__ void wait_for_copies() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_all;" ::: "memory");
#endif
}

/** Four 8x8 matrices, their rows at the addresses of lanes 0-7, 8-15, 16-23 and 24-31. */
__device__ __forceinline__ void load_matrices(uint32_t (&to)[4], uint32_t shared) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(shared));
}

__device__ __forceinline__ void load_matrices_transposed(uint32_t (&to)[4], uint32_t shared) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
               : "r"(shared));
}

/** c (16, 8) += a (16, 16) · b (16, 8). */
template <PromptPath kPath>
__device__ __forceinline__ void multiply_add(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1,
                                             TypeTag<__nv_bfloat16>) {
#if __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#endif
}
template <PromptPath kPath>
__device__ __forceinline__ void multiply_add(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1,
                                             TypeTag<__half>) {
  if constexpr (kPath == PromptPath::everywhere) {
#pragma unroll
    for (int half = 0; half < 2; ++half)
      asm("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
          : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
          : "r"(a[2 * half]), "r"(a[2 * half + 1]), "r"(half ? b1 : b0));
    return;
  }
#if __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
      "{%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#endif
}

/** Two numbers in one register, `low` in the low half. */
__device__ __forceinline__ uint32_t pair_of(float low, float high, TypeTag<__nv_bfloat16>) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return reinterpret_cast<const uint32_t&>(pair);
}
__device__ __forceinline__ uint32_t pair_of(float low, float high, TypeTag<__half>) {
  const __half2 pair = __floats2half2_rn(low, high);
  return reinterpret_cast<const uint32_t&>(pair);
}

/** Fetches 64 rows of head_dim numbers, `pitch` apart, into rows `kStride` apart, by the block's four warps. Rows from
 * `rows` on and columns from head_dim on become zeros: what memory holds there may be NaN, or not be memory. */
template <PromptPath kPath, class T, int kHeadDim, int kStride, bool kExact>
__device__ __forceinline__ void fetch_rows(uint32_t shared, const T* global, int64_t pitch, int rows, int head_dim) {
  // Every copy of a lane lies a constant away from its first one, and the lanes of a row fill whole sectors.
  constexpr int kChunks = kHeadDim / 8, kLanes = kChunks % 4 == 0 ? 4 : 2, kRowsAtOnce = 32 / kLanes;
  const int lane = threadIdx.x % 32, first_row = threadIdx.x / 32 * 16 + lane / kLanes, first = lane % kLanes * 8;
#pragma unroll
  for (int i = 0; i < 16; i += kRowsAtOnce) {
    const int row = first_row + i;
#pragma unroll
    for (int col = 0; col < kHeadDim; col += kLanes * 8) {
      const bool real = row < rows && (kExact || first + col < head_dim);
      copy_16_bytes<kPath>(shared + (row * kStride + first + col) * sizeof(T), global + row * pitch + first + col,
                           real);
    }
  }
}

/** The largest, or the sum, over the four lanes that share a row of C. */
__device__ __forceinline__ float row_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 1));
  return fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 2));
}
__device__ __forceinline__ float row_sum(float x) {
  x += __shfl_xor_sync(0xffffffffu, x, 1);
  return x + __shfl_xor_sync(0xffffffffu, x, 2);
}

/** Makes scores (kRowTiles * 16, 64) of unseen keys -inf; the first row stands `position` behind the first key. */
template <int kRowTiles>
__device__ __forceinline__ void hide_unseen(float (&scores)[kRowTiles][kKeys / 8][4], int position, int reach) {
  const int lane = threadIdx.x % 32;
#pragma unroll
  for (int m = 0; m < kRowTiles; ++m) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const int ahead = position + m * 16 + lane / 4 + i / 2 * 8 - lane % 4 * 2;  // of this lane's first key
#pragma unroll
      for (int n = 0; n < kKeys / 8; ++n) {
        const int key = n * 8 + i % 2;  // behind this lane's first
        if (key > ahead || key <= ahead - reach) scores[m][n][i] = -INFINITY;
      }
    }
  }
}

// A row's reference is lifted only when a score passes it by this many powers of two: weights up to 256 are exact
// enough in both formats, the reference cancels in the quotient, and most blocks need no rescaling.
constexpr float kSlack = 8;

/** Lifts the rows' references (log2) to the largest score so far, with what was summed by the old ones, if any row of
 * the warp needs it. `factor` is of a score, to log2. */
template <int kRowTiles, int kGroups>
__device__ __forceinline__ void lift_references(float (&sums)[kRowTiles][kGroups][4], float (&weight)[kRowTiles][2],
                                                float (&reference)[kRowTiles][2],
                                                const float (&scores)[kRowTiles][kKeys / 8][4], float factor) {
  float largest[kRowTiles][2];
  bool lift = false;
#pragma unroll
  for (int m = 0; m < kRowTiles; ++m) {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      float x = -INFINITY;
#pragma unroll
      for (int n = 0; n < kKeys / 8; ++n) x = fmaxf(x, fmaxf(scores[m][n][2 * h], scores[m][n][2 * h + 1]));
      largest[m][h] = x * factor;
      lift |= largest[m][h] > reference[m][h] + kSlack;
    }
  }
  if (!__any_sync(0xffffffffu, lift)) return;
#pragma unroll
  for (int m = 0; m < kRowTiles; ++m) {
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const float raised = fmaxf(reference[m][h], row_max(largest[m][h]));
      const float shrink = raised == -INFINITY ? 1.f : exp2_approximate(reference[m][h] - raised);
      reference[m][h] = raised;
      weight[m][h] *= shrink;
#pragma unroll
      for (int n = 0; n < kGroups; ++n) sums[m][n][2 * h] *= shrink, sums[m][n][2 * h + 1] *= shrink;
    }
  }
}

/** Leaves what this block found over part `part` of the keys of tile `unit`; in the last block of the tile to come,
 * merges all parts in their order into its own registers and gives true. */
template <int kHeadDim>
__device__ __forceinline__ bool meet_parts(float (&sums)[kHeadDim / 8][4], float (&weight)[2], float (&reference)[2],
                                           const Partials& partials, int unit, int part, int parts) {
  constexpr int kGroups = kHeadDim / 8, kThreads = kWarps * 32;
  float4* const all = reinterpret_cast<float4*>(partials.parts) +
                      static_cast<int64_t>(unit) * parts * (kPartNumbers<kHeadDim> / 4) + threadIdx.x;
  const auto at = [&](int from, int i) { return all + (from * (kGroups + 1) + i) * kThreads; };
#pragma unroll
  for (int n = 0; n < kGroups; ++n) __stcg(at(part, n), make_float4(sums[n][0], sums[n][1], sums[n][2], sums[n][3]));
  __stcg(at(part, kGroups), make_float4(reference[0], reference[1], weight[0], weight[1]));
  if (!arrive_last(partials.arrived + unit, parts)) return false;
#pragma unroll
  for (int h = 0; h < 2; ++h) reference[h] = -INFINITY, weight[h] = 0;
#pragma unroll
  for (int n = 0; n < kGroups; ++n) sums[n][0] = sums[n][1] = sums[n][2] = sums[n][3] = 0;
  for (int from = 0; from < parts; ++from) {
    const float4 total = __ldcg(at(from, kGroups));
    const float theirs[2] = {total.x, total.y}, weighed[2] = {total.z, total.w};
    float here[2], there[2];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      const float raised = fmaxf(reference[h], theirs[h]), base = raised == -INFINITY ? 0.f : raised;
      here[h] = exp2_approximate(reference[h] - base), there[h] = exp2_approximate(theirs[h] - base);
      weight[h] = weight[h] * here[h] + weighed[h] * there[h];
      reference[h] = raised;
    }
#pragma unroll
    for (int n = 0; n < kGroups; ++n) {
      const float4 found = __ldcg(at(from, n));
      sums[n][0] = sums[n][0] * here[0] + found.x * there[0], sums[n][1] = sums[n][1] * here[0] + found.y * there[0];
      sums[n][2] = sums[n][2] * here[1] + found.z * there[1], sums[n][3] = sums[n][3] * here[1] + found.w * there[1];
    }
  }
  return true;
}

#endif

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900

__device__ __forceinline__ void cluster_barrier() {
  __syncwarp();  // `aligned` wants whole warps
  asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}

/** The address, for the whole cluster, of what lies at `shared` in block `part`. */
__device__ __forceinline__ uint32_t shared_of_part(uint32_t shared, int part) {
  uint32_t address;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(address) : "r"(shared), "r"(part));
  return address;
}

__device__ __forceinline__ float4 load_of_part(uint32_t address) {
  float4 x;
  asm volatile("ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [%4];"
               : "=f"(x.x), "=f"(x.y), "=f"(x.z), "=f"(x.w)
               : "r"(address)
               : "memory");
  return x;
}

/** Merges what the blocks of a cluster found over their parts of the keys, each block a share of the `rows` rows of
 * context. In shared memory of each lie (64, kHeadDim + 4) float32: unnormalised sums, their reference, their weight.
 */
template <class T, int kHeadDim>
__device__ void merge_parts(T* context, uint32_t shared, int64_t pitch, int rows, int head_dim, int parts) {
  constexpr int kStride = kHeadDim + 4, kGroups = kHeadDim / 4;
  const int part = blockIdx.x % parts;
  cluster_barrier();
  for (int i = threadIdx.x; i < (rows + parts - 1) / parts * kGroups; i += blockDim.x) {
    const int row = i / kGroups * parts + part, col = i % kGroups * 4;
    if (row >= rows || col >= head_dim) continue;
    float reference = -INFINITY, weight = 0, sums[4] = {};
    for (int from = 0; from < parts; ++from) {
      const uint32_t line = shared_of_part(shared + row * kStride * 4, from);
      const float4 found = load_of_part(line + col * 4), total = load_of_part(line + kHeadDim * 4);
      const float raised = fmaxf(reference, total.x), base = raised == -INFINITY ? 0.f : raised;
      const float here = exp2_approximate(reference - base), there = exp2_approximate(total.x - base);
      weight = weight * here + total.y * there;
      sums[0] = sums[0] * here + found.x * there, sums[1] = sums[1] * here + found.y * there;
      sums[2] = sums[2] * here + found.z * there, sums[3] = sums[3] * here + found.w * there;
      reference = raised;
    }
    Pack<T, 4> out;
#pragma unroll
    for (int j = 0; j < 4; ++j) out.at[j] = saturated<T>(sums[j] / weight);
    *reinterpret_cast<Pack<T, 4>*>(context + row * pitch + col) = out;
  }
  cluster_barrier();  // no block may leave while others read its shared memory
}

#endif

}  // namespace phi3lab::cuda
