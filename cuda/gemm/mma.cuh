// What the mma.sync products are made of: copies into shared memory, the matrix instruction and its loads. A tile whose
// `kEverywhere` is set asks nothing of a GPU that 7.5 has not: copies that are waited for, and float16 numbers alone.
// The others are for 8.0 and later, and compile to nothing on older GPUs.
#pragma once

#include <type_traits>

#include "tile.cuh"

namespace phi3lab::cuda {

/** `bytes`, 16 or 0, are read from `from`; the others of 16 become zeros. */
template <bool kEverywhere>
__device__ __forceinline__ void copy_16_bytes(uint32_t to, const void* from, int bytes) {
  if constexpr (kEverywhere) {
    const uint4 v = bytes > 0 ? *static_cast<const uint4*>(from) : make_uint4(0, 0, 0, 0);
    asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(to), "r"(v.x), "r"(v.y), "r"(v.z), "r"(v.w)
                 : "memory");
    return;
  }
#if __CUDA_ARCH__ >= 800
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
template <class T, bool kEverywhere>
__device__ __forceinline__ void multiply(float (&sums)[4], const uint32_t (&weight)[4], uint32_t in0, uint32_t in1) {
#if __CUDA_ARCH__ >= 750
  if constexpr (kEverywhere) {
    static_assert(std::is_same_v<T, __half>);
#pragma unroll
    for (int half = 0; half < 2; ++half)
      asm volatile(
          "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5}, {%6}, {%0, %1, %2, %3};"
          : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
          : "r"(weight[2 * half]), "r"(weight[2 * half + 1]), "r"(half ? in1 : in0));
    return;
  }
#endif
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

/** What turns the 16-byte pieces of a row, `kPieces` of them, in shared memory: neither cp.async nor ldmatrix, which
 * take eight rows at once, meets a bank twice. Rows 8 apart turn alike. */
template <int kPieces>
__device__ __forceinline__ int turn_of(int row) {
  static_assert(kPieces == 4 || kPieces % 8 == 0);
  return kPieces == 4 ? row / 2 % 4 : row % 8;
}

/** Whether this code can run a tile. */
template <class Tile>
constexpr bool kRunsTile = Tile::kEverywhere || kForCopies;

/** Copies stages into shared memory: rows of kDepth numbers, their pieces turned. With gates (Gemm::up_after), the rows
 * that the threads copy at once are as many gates, and behind them their ups. */
template <class T, class Tile>
struct StageLoader {
  static constexpr int kPieces = Tile::kDepth / 8, kStep = Tile::kThreads / kPieces;
  static_assert(kStep % 8 == 0 && Tile::kRows % kStep == 0 && Tile::kTokens % kStep == 0);
  const T *weight, *in;       // this thread's first piece of a stage, of the first stage
  int rows, tokens;           // from its first row on
  int row_step;               // from a row of the weight that it copies to the next
  int cols, all_cols;         // from its piece on; of a row
  uint32_t shared, in_stage;  // address of stage 0; of the piece, in a stage

  /** row0: of the weight, or the first gate. */
  __device__ StageLoader(const Gemm& p, uint32_t shared, int row0, int token0)
      : all_cols(static_cast<int>(p.cols)), shared(shared) {
    const int first = threadIdx.x / kPieces, piece = threadIdx.x % kPieces;
    const bool gates = p.up_after > 0, up = gates && first >= kStep / 2;
    const int row = row0 + first - (up ? kStep / 2 : 0);
    row_step = gates ? kStep / 2 : kStep;
    rows = static_cast<int>(p.rows) - row, tokens = static_cast<int>(p.tokens) - token0 - first;
    cols = all_cols - piece * 8;
    weight = static_cast<const T*>(p.weight) + (row + (up ? p.up_after : 0)) * all_cols + piece * 8;
    in = static_cast<const T*>(p.in) + static_cast<int64_t>(token0 + first) * all_cols + piece * 8;
    in_stage = (first * kPieces + (piece ^ turn_of<kPieces>(first))) * 16;
  }

  template <int kCount>
  __device__ void load(uint32_t to, const T* from, int there, int row_step, int step) const {
    const int bytes = step * Tile::kDepth < cols ? 16 : 0;
    from += step * Tile::kDepth;
#pragma unroll
    for (int i = 0; i < kCount / kStep; ++i)
      copy_16_bytes<Tile::kEverywhere>(to + i * kStep * kPieces * 16,
                                       from + static_cast<int64_t>(all_cols) * (i * row_step),
                                       i * row_step < there ? bytes : 0);
  }
  __device__ void load_weight(int stage, int step) const {
    load<Tile::kRows>(shared + stage * Tile::kStageBytes + in_stage, weight, rows, row_step, step);
  }
  __device__ void load_in(int stage, int step) const {
    load<Tile::kTokens>(shared + stage * Tile::kStageBytes + Tile::kRows * Tile::kDepth * 2 + in_stage, in, tokens,
                        kStep, step);
  }
};

}  // namespace phi3lab::cuda
