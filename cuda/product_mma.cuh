// What the mma.sync product is made of: asynchronous copies into shared memory, the matrix instruction and its loads,
// the shape of a block's tile. For 8.0 and later; older cards compile it to nothing.
#pragma once

#include <type_traits>

#include "product_tile.cuh"

namespace phi3lab::cuda {

__device__ __forceinline__ void copy_16_bytes(uint32_t to, const void* from, bool there) {
#if __CUDA_ARCH__ >= 800
  const int bytes = there ? 16 : 0;  // what is not there becomes zeros
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(bytes) : "memory");
#endif
}

__device__ __forceinline__ void commit_copies() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

template <int kPending>
__device__ __forceinline__ void wait_copies() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(kPending) : "memory");
#endif
}

__device__ __forceinline__ void load_matrices(uint32_t (&x)[4], uint32_t address) {
#if __CUDA_ARCH__ >= 750
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
               : "r"(address)
               : "memory");
#endif
}

/** sums (16 rows, 8 tokens) += weight (16, 16) · in (8, 16)ᵀ. */
template <class T>
__device__ __forceinline__ void multiply(float (&sums)[4], const uint32_t (&weight)[4], uint32_t in0, uint32_t in1) {
#if __CUDA_ARCH__ >= 800
  if constexpr (std::is_same_v<T, __half>) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(weight[0]), "r"(weight[1]), "r"(weight[2]), "r"(weight[3]), "r"(in0), "r"(in1));
  } else {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(weight[0]), "r"(weight[1]), "r"(weight[2]), "r"(weight[3]), "r"(in0), "r"(in1));
  }
#endif
}

/** A block's tile, and how its warps divide it: rows, tokens, and the columns of a stage. */
template <int rows, int tokens, int depth, int stages, int row_warps, int token_warps, int depth_warps>
struct Tile {
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

/** Copies stages into shared memory: rows of kDepth numbers, whose 16-byte pieces are permuted by the row's last three
 * bits, so that neither cp.async nor ldmatrix meets a bank twice. */
template <class T, class Tile>
struct StageLoader {
  static constexpr int kPieces = Tile::kDepth / 8, kStep = Tile::kThreads / kPieces;
  static_assert(kStep % 8 == 0 && Tile::kRows % kStep == 0 && Tile::kTokens % kStep == 0);
  const Product& p;
  uint32_t shared;  // address of stage 0
  int row, token;   // this thread's first
  int piece;
  uint32_t offset;  // in the stage, of the first

  __device__ StageLoader(const Product& p, uint32_t shared, int row0, int token0) : p(p), shared(shared) {
    const int first = threadIdx.x / kPieces;
    piece = threadIdx.x % kPieces;
    row = row0 + first, token = token0 + first;
    offset = (first * kPieces + (piece ^ (first & 7))) * 16;
  }

  template <int kCount>
  __device__ void load(uint32_t to, const void* matrix, int first, int limit, int column) const {
    const int cols = static_cast<int>(p.cols);
    const T* from = static_cast<const T*>(matrix) + static_cast<int64_t>(first) * cols + column;
#pragma unroll
    for (int i = 0; i < kCount / kStep; ++i) {
      const bool there = column < cols && first + i * kStep < limit;
      copy_16_bytes(to + i * kStep * kPieces * 16, there ? from + static_cast<int64_t>(i) * kStep * cols : matrix,
                    there);
    }
  }
  __device__ void load_weight(int stage, int step) const {
    load<Tile::kRows>(shared + stage * Tile::kStageBytes + offset, p.weight, row, static_cast<int>(p.rows),
                      step * Tile::kDepth + piece * 8);
  }
  __device__ void load_in(int stage, int step) const {
    load<Tile::kTokens>(shared + stage * Tile::kStageBytes + Tile::kRows * Tile::kDepth * 2 + offset, p.in, token,
                        static_cast<int>(p.tokens), step * Tile::kDepth + piece * 8);
  }
};

}  // namespace phi3lab::cuda
