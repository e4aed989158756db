// What our own products share, by mma.sync and by wgmma: the way a block's tile of float32 sums reaches `out`, sums
// over blocks that each took a part of the columns, the order of tiles, and the launch.
//
// Both let the weight's rows be the M of the matrix instruction and tokens its N: a few tokens waste nothing, and a
// tile's sums of one token are neighbours in `out`.
#pragma once

#include <mutex>

#include "cuda/device/device.cuh"
#include "cuda/device/launch.cuh"
#include "cuda/device/partials.cuh"
#include "gemm.h"

namespace phi3lab::cuda {

/** By mma.sync: up to kStreamedTokens tokens, for which the weight's bytes are the limit and are
 * streamed once; and any number, in tiles for many. */
void gemm_mma_few(const Gemm& p, const DeviceProperties& device, const KernelSet& kernels, const Partials& partials,
                  cudaStream_t stream);
void gemm_mma_many(const Gemm& p, const DeviceProperties& device, const KernelSet& kernels, const Partials& partials,
                   cudaStream_t stream);

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
WgmmaTile choose_wgmma_tile(const Gemm& p, const DeviceProperties& device);

/** By wgmma and bulk tensor copies: 9.0 alone, whatever the shape; any tile gives the right result. */
void gemm_wgmma(const Gemm& p, const DeviceProperties& device, const KernelSet& kernels, cudaStream_t stream,
                WgmmaTile tile);

// Launching.

constexpr int kMaxCards = 64;

/** Permits a kernel more than 48 KB of shared memory, once a GPU. */
class PreparedKernel {
 public:
  template <class Kernel>
  void prepare(Kernel* kernel, int device, size_t shared_bytes) {
    if (device < 0 || device >= kMaxCards) throw std::runtime_error("[gemm] the GPU's index is beyond 63");
    std::call_once(done_[device], [&] {
      const void* function = reinterpret_cast<const void*>(kernel);
      PHI3LAB_CUDA_CHECK(
          cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)));
      PHI3LAB_CUDA_CHECK(cudaFuncSetAttribute(function, cudaFuncAttributePreferredSharedMemoryCarveout,
                                              cudaSharedmemCarveoutMaxShared));
    });
  }

 private:
  std::once_flag done_[kMaxCards];
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

__device__ __forceinline__ void add_to(float4& sum, float4 x) {
  sum.x += x.x, sum.y += x.y, sum.z += x.z, sum.w += x.w;
}

/** Whether numbers row .. row + 3 of a token of `out` are there, and lie on 16 bytes of float32. */
__device__ __forceinline__ bool four_together(const Gemm& p, int row) {
  const int rows = static_cast<int>(p.rows);
  return rows % 4 == 0 && out_stride(p) % 4 == 0 && (reinterpret_cast<uintptr_t>(p.out) & 15) == 0 && row < rows;
}

/** What float32 `out` holds of a token for rows row .. row + 3. */
__device__ __forceinline__ float4 read_sums(const Gemm& p, int token, int row) {
  const int rows = static_cast<int>(p.rows);
  const float* const out = static_cast<const float*>(p.out) + token * out_stride(p) + row;
  if (four_together(p, row)) return *reinterpret_cast<const float4*>(out);
  return make_float4(row < rows ? out[0] : 0.f, row + 1 < rows ? out[1] : 0.f, row + 2 < rows ? out[2] : 0.f,
                     row + 3 < rows ? out[3] : 0.f);
}

/** Stores the sums of a token for rows row .. row + 3; `adds`: adds them to float32 `out`, for GPUs that do so in L2.
 */
template <class T>
__device__ __forceinline__ void store_sums(const Gemm& p, int token, int row, float4 sums, bool adds) {
  const int rows = static_cast<int>(p.rows);
  const int64_t at = token * out_stride(p) + row;
  if (four_together(p, row)) {
    if (adds) {
#if __CUDA_ARCH__ >= 900
      // Nobody waits to read first. Every number is added to once: the result is the same each time.
      asm volatile("red.global.add.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(static_cast<float*>(p.out) + at), "f"(sums.x),
                   "f"(sums.y), "f"(sums.z), "f"(sums.w)
                   : "memory");
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
      *out = adds ? *out + each[i] : each[i];
    } else {
      static_cast<T*>(p.out)[at + i] = from_float<T>(each[i]);
    }
  }
}

/** Brings several sums of a thread to `out`: place(i, token, row) says where number i of them belongs, or gives false.
 */
template <class T, int kCount, class Place>
__device__ __forceinline__ void store_all(const Gemm& p, float4 (&sums)[kCount], bool adds_in_cache,
                                          const Place& place) {
  int token, row;
  if (p.accumulate && !adds_in_cache) {
#pragma unroll
    for (int i = 0; i < kCount; ++i) {
      if (place(i, token, row)) add_to(sums[i], read_sums(p, token, row));  // all are on their way before one is stored
    }
  }
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    if (place(i, token, row)) store_sums<T>(p, token, row, sums[i], p.accumulate && adds_in_cache);
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

/** How the blocks that share a tile, each with a part of its columns, bring their sums together. */
struct Meeting {
  int split = 1;          // blocks
  bool clusters = false;  // through each other's shared memory, else through `partials`
  Partials partials;
};

/** Brings a tile's sums (kParts, kTokens, kSumStride<kRows>) from shared memory to `out`: parts are added in their
 * order, then those of the blocks that share the tile in the order of rank. All kThreads of the block call it after a
 * barrier. */
template <class T, int kRows, int kTokens, int kParts, int kThreads>
__device__ __forceinline__ void finish_tile(const Gemm& p, float* sums, int row0, int token0, const Meeting& meeting,
                                            int tile, int rank) {
  constexpr int kQuads = kRows / 4, kStride = kSumStride<kRows>, kAtOnce = 4;
  const int split = meeting.split, count = min(kTokens, static_cast<int>(p.tokens) - token0) * kQuads;
  float4* const parts =
      reinterpret_cast<float4*>(meeting.partials.parts) + static_cast<int64_t>(tile) * split * (kTokens * kQuads);
  const auto store = [&](float4(&sum)[kAtOnce], int first) {
    store_all<T>(p, sum, meeting.clusters, [&](int j, int& token, int& row) {
      const int i = first + j * kThreads;
      token = token0 + i / kQuads, row = row0 + i % kQuads * 4;
      return i < count;
    });
  };
  if (kParts > 1 || split == 1 || !meeting.clusters) {
    for (int first = threadIdx.x; first < count; first += kAtOnce * kThreads) {
      float4 sum[kAtOnce];
#pragma unroll
      for (int j = 0; j < kAtOnce; ++j) {
        const int i = first + j * kThreads;
        if (i >= count) break;
        float* const place = sums + i / kQuads * kStride + i % kQuads * 4;
        sum[j] = *reinterpret_cast<const float4*>(place);
#pragma unroll
        for (int part = 1; part < kParts; ++part) {
          add_to(sum[j], *reinterpret_cast<const float4*>(place + part * kTokens * kStride));
        }
        if (split == 1) continue;
        if (meeting.clusters) {
          *reinterpret_cast<float4*>(place) = sum[j];
        } else {
          __stcg(parts + rank * (kTokens * kQuads) + i, sum[j]);
        }
      }
      if (split == 1) store(sum, first);
    }
  }
  if (split == 1) return;
  if (!meeting.clusters) {
    if (!arrive_last(meeting.partials.arrived + tile, split)) return;
    for (int first = threadIdx.x; first < count; first += kAtOnce * kThreads) {
      float4 sum[kAtOnce] = {};
      for (int of = 0; of < split; ++of) {
#pragma unroll
        for (int j = 0; j < kAtOnce; ++j) {
          const int i = first + j * kThreads;
          if (i < count) add_to(sum[j], __ldcg(parts + of * (kTokens * kQuads) + i));
        }
      }
      store(sum, first);
    }
    return;
  }
  cluster_sync();
  for (int i = rank * kThreads + threadIdx.x; i < count; i += split * kThreads) {
    const int token = i / kQuads, row = i % kQuads * 4;
    const float* place = sums + token * kStride + row;
    float4 sum = read_peer(place, 0);
    for (int peer = 1; peer < split; ++peer) add_to(sum, read_peer(place, peer));
    store_sums<T>(p, token0 + token, row0 + row, sum, p.accumulate);
  }
  cluster_sync();  // nobody leaves while a peer still reads its shared memory
}

}  // namespace phi3lab::cuda
