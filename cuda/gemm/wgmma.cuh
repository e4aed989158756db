// Hopper's own instructions that the wgmma product is made of: barriers in shared memory that count bytes, bulk tensor
// copies, and matrix instructions of a warpgroup. Only for code under __CUDA_ARCH_FEAT_SM90_ALL.
#pragma once

#include <cuda.h>  // CUtensorMap; nothing of libcuda is linked

#include <type_traits>

#include "tile.cuh"

namespace phi3lab::cuda {

#ifdef __CUDA_ARCH_FEAT_SM90_ALL

// Barriers: `barrier` is the address of 8 bytes of shared memory. A phase ends when `count` arrivals and the announced
// bytes have come; waiting for parity 1 of a fresh barrier returns at once.

__device__ __forceinline__ void init_barrier(uint32_t barrier, int count) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(count) : "memory");
}

/** Lets bulk copies see the barriers that were set up; a __syncthreads follows for the block's threads. */
__device__ __forceinline__ void publish_barriers() {
  asm volatile("fence.mbarrier_init.release.cluster;\nfence.proxy.async;" ::: "memory");
}

__device__ __forceinline__ void arrive(uint32_t barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(barrier) : "memory");
}

/** Arrives, and announces bytes that copies will bring. */
__device__ __forceinline__ void arrive_expecting(uint32_t barrier, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
}

__device__ __forceinline__ void wait_barrier(uint32_t barrier, uint32_t parity) {
  uint32_t done;
  do {
    asm volatile(
        "{\n.reg .pred done;\n"
        "mbarrier.try_wait.parity.shared::cta.b64 done, [%1], %2;\n"
        "selp.u32 %0, 1, 0, done;\n}"
        : "=r"(done)
        : "r"(barrier), "r"(parity)
        : "memory");
  } while (!done);
}

/** Copies the box at (column, row) of a matrix to shared memory; what lies outside of the matrix becomes zeros. */
__device__ __forceinline__ void copy_box(uint32_t to, const CUtensorMap& map, int column, int row, uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(
          to),
      "l"(&map), "r"(column), "r"(row), "r"(barrier)
      : "memory");
}

__device__ __forceinline__ void prefetch_map(const CUtensorMap& map) {
  asm volatile("prefetch.tensormap [%0];" ::"l"(&map) : "memory");
}

/** wgmma's description of a tile of 64 columns (128 bytes a row) that a copy with 128-byte swizzle wrote at a multiple
 * of 1024: eight rows are 1024 bytes, the next eight follow. 16 columns on is 32 bytes on: add 2. */
__device__ __forceinline__ uint64_t describe_tile(uint32_t address) {
  constexpr uint64_t kSwizzle128 = uint64_t{1} << 62, kEightRows = uint64_t{1024 >> 4} << 32,
                     kUnused = uint64_t{1} << 16;
  return kSwizzle128 | kEightRows | kUnused | ((address & 0x3ffff) >> 4);
}

/** Before a warpgroup's first matrix instruction on registers that other instructions touched. */
__device__ __forceinline__ void begin_multiplying() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }

__device__ __forceinline__ void commit_multiplying() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

template <int kPending>
__device__ __forceinline__ void wait_multiplying() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
}

/** Keeps the compiler from reading sums before the wait that stands above. */
template <int kCount>
__device__ __forceinline__ void hold_sums(float (&sums)[kCount]) {
#pragma unroll
  for (int i = 0; i < kCount; ++i) asm volatile("" : "+f"(sums[i])::"memory");
}

// The registers of 32 tokens each, as text and as operands.
#define PHI3LAB_R0 "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15"
#define PHI3LAB_R1 "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define PHI3LAB_R2 "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47"
#define PHI3LAB_R3 "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define PHI3LAB_R4 "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79"
#define PHI3LAB_R5 "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95"
#define PHI3LAB_R6 "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111"
#define PHI3LAB_R7 "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define PHI3LAB_S4(i) "+f"(sums[i]), "+f"(sums[i + 1]), "+f"(sums[i + 2]), "+f"(sums[i + 3])
#define PHI3LAB_S16(i) PHI3LAB_S4(i), PHI3LAB_S4(i + 4), PHI3LAB_S4(i + 8), PHI3LAB_S4(i + 12)
#define PHI3LAB_WGMMA_TYPE(N, TYPE, REGISTERS, WEIGHT, IN, ADD, ...)                                               \
  asm volatile("{\n.reg .pred add;\nsetp.ne.b32 add, " ADD                                                         \
               ", 0;\n"                                                                                            \
               "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." TYPE "." TYPE " {" REGISTERS "}, " WEIGHT ", " IN \
               ", add, 1, 1, 0, 0;\n}"                                                                             \
               : __VA_ARGS__                                                                                       \
               : "l"(weight), "l"(in), "r"(add))
#define PHI3LAB_WGMMA(N, REGISTERS, WEIGHT, IN, ADD, ...)                     \
  if constexpr (kTokens == N) {                                               \
    if constexpr (std::is_same_v<T, __half>) {                                \
      PHI3LAB_WGMMA_TYPE(N, "f16", REGISTERS, WEIGHT, IN, ADD, __VA_ARGS__);  \
    } else {                                                                  \
      PHI3LAB_WGMMA_TYPE(N, "bf16", REGISTERS, WEIGHT, IN, ADD, __VA_ARGS__); \
    }                                                                         \
  }

/** sums (64 rows, kTokens) = or += weight (64, 16) · in (kTokens, 16)ᵀ, by a warpgroup, asynchronously. Each lane holds
 * of every 8 tokens what mma.sync's would: rows lane / 4 and 8 below in the warp's 16, tokens lane % 4 · 2 and the
 * next. */
template <class T, int kTokens>
__device__ __forceinline__ void multiply_async(float (&sums)[kTokens / 2], uint64_t weight, uint64_t in, int add) {
  PHI3LAB_WGMMA(32, PHI3LAB_R0, "%16", "%17", "%18", PHI3LAB_S16(0))
  PHI3LAB_WGMMA(64, PHI3LAB_R0 ", " PHI3LAB_R1, "%32", "%33", "%34", PHI3LAB_S16(0), PHI3LAB_S16(16))
  PHI3LAB_WGMMA(96, PHI3LAB_R0 ", " PHI3LAB_R1 ", " PHI3LAB_R2, "%48", "%49", "%50", PHI3LAB_S16(0), PHI3LAB_S16(16),
                PHI3LAB_S16(32))
  PHI3LAB_WGMMA(128, PHI3LAB_R0 ", " PHI3LAB_R1 ", " PHI3LAB_R2 ", " PHI3LAB_R3, "%64", "%65", "%66", PHI3LAB_S16(0),
                PHI3LAB_S16(16), PHI3LAB_S16(32), PHI3LAB_S16(48))
  PHI3LAB_WGMMA(160, PHI3LAB_R0 ", " PHI3LAB_R1 ", " PHI3LAB_R2 ", " PHI3LAB_R3 ", " PHI3LAB_R4, "%80", "%81", "%82",
                PHI3LAB_S16(0), PHI3LAB_S16(16), PHI3LAB_S16(32), PHI3LAB_S16(48), PHI3LAB_S16(64))
  PHI3LAB_WGMMA(192, PHI3LAB_R0 ", " PHI3LAB_R1 ", " PHI3LAB_R2 ", " PHI3LAB_R3 ", " PHI3LAB_R4 ", " PHI3LAB_R5, "%96",
                "%97", "%98", PHI3LAB_S16(0), PHI3LAB_S16(16), PHI3LAB_S16(32), PHI3LAB_S16(48), PHI3LAB_S16(64),
                PHI3LAB_S16(80))
  PHI3LAB_WGMMA(
      224, PHI3LAB_R0 ", " PHI3LAB_R1 ", " PHI3LAB_R2 ", " PHI3LAB_R3 ", " PHI3LAB_R4 ", " PHI3LAB_R5 ", " PHI3LAB_R6,
      "%112", "%113", "%114", PHI3LAB_S16(0), PHI3LAB_S16(16), PHI3LAB_S16(32), PHI3LAB_S16(48), PHI3LAB_S16(64),
      PHI3LAB_S16(80), PHI3LAB_S16(96))
  PHI3LAB_WGMMA(256,
                PHI3LAB_R0 ", " PHI3LAB_R1 ", " PHI3LAB_R2 ", " PHI3LAB_R3 ", " PHI3LAB_R4 ", " PHI3LAB_R5
                           ", " PHI3LAB_R6 ", " PHI3LAB_R7,
                "%128", "%129", "%130", PHI3LAB_S16(0), PHI3LAB_S16(16), PHI3LAB_S16(32), PHI3LAB_S16(48),
                PHI3LAB_S16(64), PHI3LAB_S16(80), PHI3LAB_S16(96), PHI3LAB_S16(112))
}

#undef PHI3LAB_R0
#undef PHI3LAB_R1
#undef PHI3LAB_R2
#undef PHI3LAB_R3
#undef PHI3LAB_R4
#undef PHI3LAB_R5
#undef PHI3LAB_R6
#undef PHI3LAB_R7
#undef PHI3LAB_S4
#undef PHI3LAB_S16
#undef PHI3LAB_WGMMA_TYPE
#undef PHI3LAB_WGMMA

#endif

}  // namespace phi3lab::cuda
