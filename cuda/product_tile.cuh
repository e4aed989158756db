// What our own products share, by mma.sync and by wgmma: the way a block's tile of float32 sums reaches `out`, sums
// over a cluster whose blocks each took a part of the columns, the order of tiles, and the launch.
//
// Both let the weight's rows be the M of the matrix instruction and tokens its N: a few tokens waste nothing, and a
// tile's sums of one token are neighbours in `out`.
#pragma once

#include <mutex>

#include "device.cuh"
#include "launch.cuh"
#include "product.h"

namespace phi3lab::cuda {

/** By mma.sync: 8.0 and later, whatever the shape. Few tokens stream the weight once. */
void mma_product(const Product& p, const Card& card, const Paths& paths, cudaStream_t stream);

/** A tile of 128 rows × `tokens` tokens, and how many blocks of a cluster divide its columns. */
struct WgmmaTile {
  int tokens = 256, split = 1;
};
constexpr int kWgmmaTileRows = 128;
constexpr int kWgmmaStageCols = 64;  // of a stage: 128 bytes, as wide as the swizzle

/** The widths that there are kernels for. */
constexpr int kWgmmaTileTokens[] = {32, 64, 96, 128, 160, 192, 224, 256};

/** Blocks on a multiprocessor, and the stages of each: narrow tiles leave room for two blocks. */
constexpr int wgmma_blocks(int tokens) { return tokens <= 128 ? 2 : 1; }
constexpr int wgmma_stage_bytes(int tokens) { return (kWgmmaTileRows + tokens) * kWgmmaStageCols * 2; }
constexpr int wgmma_stages(int tokens) {
  return (wgmma_blocks(tokens) == 2 ? 100 : 208) * 1024 / wgmma_stage_bytes(tokens);
}

/** The tile that should take the least time. */
WgmmaTile choose_wgmma_tile(const Product& p, const Card& card);

/** By wgmma and bulk tensor copies: 9.0 alone, whatever the shape; any tile gives the right result. */
void wgmma_product(const Product& p, const Card& card, const Paths& paths, cudaStream_t stream, WgmmaTile tile);

// Launching.

constexpr int kMaxCards = 64;

/** Permits a kernel more than 48 KB of shared memory, once a card, and remembers whether it was compiled for clusters.
 */
class PreparedKernel {
 public:
  template <class Kernel>
  void prepare(Kernel* kernel, int card, size_t shared_bytes) {
    if (card < 0 || card >= kMaxCards) throw std::runtime_error("[product] the card's index is beyond 63");
    std::call_once(done_[card], [&] {
      const void* function = reinterpret_cast<const void*>(kernel);
      PHI3LAB_CUDA_CHECK(
          cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)));
      PHI3LAB_CUDA_CHECK(cudaFuncSetAttribute(function, cudaFuncAttributePreferredSharedMemoryCarveout,
                                              cudaSharedmemCarveoutMaxShared));
      cudaFuncAttributes attributes;
      PHI3LAB_CUDA_CHECK(cudaFuncGetAttributes(&attributes, function));
      clusters_[card] = attributes.ptxVersion >= 90;
    });
  }
  /** False when the driver compiled the kernel from an older architecture's PTX, which knows no clusters. */
  bool clusters(int card) const { return clusters_[card]; }

 private:
  std::once_flag done_[kMaxCards];
  bool clusters_[kMaxCards] = {};
};

constexpr int ceil_div(int a, int b) { return (a + b - 1) / b; }

// The order of tiles.

struct TilePlace {
  int row_tile, token_tile;
};

/** Eight row tiles go through all token tiles before the next eight: the weight leaves device memory once, and blocks
 * that run together share most of what they read in L2. */
__device__ __forceinline__ TilePlace place_tile(int tile, int row_tiles, int token_tiles) {
  constexpr int kHeight = 8;
  const int band = tile / (kHeight * token_tiles), within = tile - band * kHeight * token_tiles;
  const int height = min(kHeight, row_tiles - band * kHeight);
  return {band * kHeight + within % height, within / height};
}

// Sums to `out`.

__device__ __forceinline__ uint32_t shared_address(const void* pointer) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(pointer));
}

/** Stores or adds the sums of a token for rows row .. row + 3. */
template <class T>
__device__ __forceinline__ void store_sums(const Product& p, int token, int row, float4 sums) {
  const int rows = static_cast<int>(p.rows);
  const int64_t at = static_cast<int64_t>(token) * rows + row;
  const bool aligned = rows % 4 == 0 && (reinterpret_cast<uintptr_t>(p.out) & 15) == 0;
  if (aligned && row < rows) {
    if (p.accumulate) {
      float4* out = reinterpret_cast<float4*>(static_cast<float*>(p.out) + at);
#if __CUDA_ARCH__ >= 900
      // Adds in L2, so nobody waits to read first. Every number is added to once: the result is the same each time.
      asm volatile("red.global.add.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(out), "f"(sums.x), "f"(sums.y), "f"(sums.z),
                   "f"(sums.w)
                   : "memory");
#else
      const float4 old = *out;
      *out = make_float4(old.x + sums.x, old.y + sums.y, old.z + sums.z, old.w + sums.w);
#endif
    } else if (p.out_float32) {
      *reinterpret_cast<float4*>(static_cast<float*>(p.out) + at) = sums;
    } else {
      alignas(8) const T rounded[4] = {from_float<T>(sums.x), from_float<T>(sums.y), from_float<T>(sums.z),
                                       from_float<T>(sums.w)};
      *reinterpret_cast<uint2*>(static_cast<T*>(p.out) + at) = *reinterpret_cast<const uint2*>(rounded);
    }
    return;
  }
  const float each[4] = {sums.x, sums.y, sums.z, sums.w};
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    if (row + i >= rows) continue;
    if (p.out_float32) {
      float* out = static_cast<float*>(p.out) + at + i;
      *out = p.accumulate ? *out + each[i] : each[i];
    } else {
      static_cast<T*>(p.out)[at + i] = from_float<T>(each[i]);
    }
  }
}

// Clusters: blocks that share a tile and divide its columns.

__device__ __forceinline__ void cluster_sync() {
#if __CUDA_ARCH__ >= 900
  asm volatile("barrier.cluster.arrive.release;\nbarrier.cluster.wait.acquire;" ::: "memory");
#endif
}

/** Four numbers at the same place in the shared memory of the cluster's block `rank`. */
__device__ __forceinline__ float4 read_peer(const float* mine, int rank) {
  float4 x = make_float4(0.f, 0.f, 0.f, 0.f);
#if __CUDA_ARCH__ >= 900
  uint32_t theirs;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(theirs) : "r"(shared_address(mine)), "r"(rank));
  asm volatile("ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [%4];"
               : "=f"(x.x), "=f"(x.y), "=f"(x.z), "=f"(x.w)
               : "r"(theirs)
               : "memory");
#endif
  return x;
}

/** Rows of a tile of sums in shared memory are padded, so that a fragment's stores meet no bank twice. */
template <int kRows>
constexpr int kSumStride = kRows + 4;

__device__ __forceinline__ void add_to(float4& sum, float4 x) {
  sum.x += x.x, sum.y += x.y, sum.z += x.z, sum.w += x.w;
}

/** Brings a tile's sums (kParts, kTokens, kSumStride<kRows>) from shared memory to `out`: parts are added in their
 * order, then those of the cluster's `split` blocks in the order of rank. All kThreads of the block call it after a
 * barrier. */
template <class T, int kRows, int kTokens, int kParts, int kThreads>
__device__ __forceinline__ void finish_tile(const Product& p, float* sums, int row0, int token0, int split, int rank) {
  constexpr int kQuads = kRows / 4, kStride = kSumStride<kRows>;
  const int count = min(kTokens, static_cast<int>(p.tokens) - token0) * kQuads;
  if (kParts > 1 || split == 1) {
    for (int i = threadIdx.x; i < count; i += kThreads) {
      const int token = i / kQuads, row = i % kQuads * 4;
      float* place = sums + token * kStride + row;
      float4 sum = *reinterpret_cast<const float4*>(place);
#pragma unroll
      for (int part = 1; part < kParts; ++part) {
        add_to(sum, *reinterpret_cast<const float4*>(place + part * kTokens * kStride));
      }
      if (split == 1) {
        store_sums<T>(p, token0 + token, row0 + row, sum);
      } else {
        *reinterpret_cast<float4*>(place) = sum;
      }
    }
  }
  if (split == 1) return;
  cluster_sync();
  for (int i = rank * kThreads + threadIdx.x; i < count; i += split * kThreads) {
    const int token = i / kQuads, row = i % kQuads * 4;
    const float* place = sums + token * kStride + row;
    float4 sum = read_peer(place, 0);
    for (int peer = 1; peer < split; ++peer) add_to(sum, read_peer(place, peer));
    store_sums<T>(p, token0 + token, row0 + row, sum);
  }
  cluster_sync();  // nobody leaves while a peer still reads its shared memory
}

}  // namespace phi3lab::cuda
