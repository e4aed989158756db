// The kernel of gemv.h. A warp owns some columns of every row of its block and keeps the vector's share of them in
// registers; the rows stream through a ring in shared memory, by asynchronous copies of which each lane reads back only
// its own bytes, so no barrier stands between a row and the next. The first rows are on their way before the previous
// kernel has ended. The warps' partial sums meet once, at the end.
#pragma once

#include "cuda/device/device.cuh"
#include "gemv.h"

namespace phi3lab::cuda {

/** Compile-time shape: chunks (of 512 bytes of a row) a warp owns, rows that are summed together, groups of rows under
 * way, warps at most, blocks a multiprocessor, and whether it is launched on GPUs alone whose kernels overlap. */
template <int kChunks_, int kRows_, int kDepth_, int kWarps_, int kBlocks_ = 2, bool kOverlaps_ = false>
struct GemvShape {
  static constexpr int kChunks = kChunks_, kRows = kRows_, kDepth = kDepth_, kWarps = kWarps_, kBlocks = kBlocks_;
  static constexpr bool kOverlaps = kOverlaps_;
};

struct GemvArguments {
  Gemv m;
  int part_stride;    // rows a block has room for in the partial sums
  int release_early;  // groups before the last request at which the next kernel may begin
  bool interleaved;   // rows dealt out in turn, instead of a run of rows a block
  bool overlap;       // begins before the previous kernel has ended
  int units, more;    // that every block has at least, and how many blocks have one more: a unit is a row, or a pair
};

/** 16 bytes of W as float32. */
template <class W>
struct Packed16 {
  static constexpr int kNumbers = 16 / sizeof(W);
  static __device__ __forceinline__ void dot(float& even, float& odd, uint4 w, const float* x);
};
template <>
__device__ __forceinline__ void Packed16<float>::dot(float& even, float& odd, uint4 w, const float* x) {
  even = fmaf(__uint_as_float(w.x), x[0], even);
  odd = fmaf(__uint_as_float(w.y), x[1], odd);
  even = fmaf(__uint_as_float(w.z), x[2], even);
  odd = fmaf(__uint_as_float(w.w), x[3], odd);
}
template <>
__device__ __forceinline__ void Packed16<__nv_bfloat16>::dot(float& even, float& odd, uint4 w, const float* x) {
  const unsigned words[4] = {w.x, w.y, w.z, w.w};
#pragma unroll
  for (int i = 0; i < 4; i++) {
    even = fmaf(__uint_as_float(words[i] << 16), x[2 * i], even);
    odd = fmaf(__uint_as_float(words[i] & 0xffff0000u), x[2 * i + 1], odd);
  }
}
template <>
__device__ __forceinline__ void Packed16<__half>::dot(float& even, float& odd, uint4 w, const float* x) {
  const unsigned words[4] = {w.x, w.y, w.z, w.w};
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const float2 pair = __half22float2(*reinterpret_cast<const __half2*>(&words[i]));
    even = fmaf(pair.x, x[2 * i], even);
    odd = fmaf(pair.y, x[2 * i + 1], odd);
  }
}

__device__ __forceinline__ Candidate candidate(float score, int index) {
  const unsigned bits = __float_as_uint(score + 0.0f);  // −0 is as large as 0
  const unsigned ordered = score != score ? 0xffffffffu : bits >> 31 ? ~bits : bits | 0x80000000u;
  return static_cast<Candidate>(ordered) << 32 | ~static_cast<unsigned>(index);
}

__device__ __forceinline__ Candidate warp_max(Candidate c) {
#pragma unroll
  for (int offset = 16; offset > 0; offset >>= 1) c = max(c, __shfl_xor_sync(0xffffffffu, c, offset));
  return c;
}

/** The warp's sums of kRows rows, one a lane: row r ends in the lanes of its 32 / kRows lanes. */
template <int kRows>
__device__ __forceinline__ float fold_rows(float* sums, int lane) {
  int offset = 16;
#pragma unroll
  for (int n = kRows / 2; n >= 1; n >>= 1, offset >>= 1) {
    const bool upper = lane & offset;
#pragma unroll
    for (int i = 0; i < n; i++) {
      const float keep = upper ? sums[i + n] : sums[i], send = upper ? sums[i] : sums[i + n];
      sums[i] = keep + __shfl_xor_sync(0xffffffffu, send, offset);
    }
  }
#pragma unroll
  for (int o = 16 / kRows; o >= 1; o >>= 1) sums[0] += __shfl_xor_sync(0xffffffffu, sums[0], o);
  return sums[0];
}

#if __CUDA_ARCH__ >= 800
/** A copy of 16 bytes into shared memory that need not stay in the cache: every weight is read once a token. */
__device__ __forceinline__ void copy_once(unsigned target, const void* source, unsigned long long policy) {
  asm volatile("cp.async.cg.shared.global.L2::cache_hint [%0], [%1], 16, %2;" ::"r"(target), "l"(source), "l"(policy)
               : "memory");
}
#endif

/** Grid: one block a multiprocessor. Shared memory: warps * kChunks * 512 * kRows * kDepth, then (warps, part_stride)
 * float32. */
template <class W, class Shape, bool kNormed, GemvEnd kEnd>
__global__ void __launch_bounds__(Shape::kWarps * 32, Shape::kBlocks) gemv_kernel(GemvArguments a) {
#if __CUDA_ARCH__ >= 800
  if constexpr (Shape::kOverlaps && !kForOverlap) return;
  constexpr int kNumbers = Packed16<W>::kNumbers, kChunks = Shape::kChunks, kRows = Shape::kRows,
                kDepth = Shape::kDepth;
  constexpr int kUnit = kEnd == GemvEnd::swiglu ? 2 : 1;  // rows that stay together: gate and up
  extern __shared__ __align__(128) unsigned char shared[];
  __shared__ float squares[Shape::kWarps];
  __shared__ Candidate bests[Shape::kWarps];
  const Gemv& m = a.m;
  const bool overlap = Shape::kOverlaps || a.overlap;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
  float* parts = reinterpret_cast<float*>(shared + warps * (kChunks * 512 * kRows * kDepth));  // (warps, part_stride)

  // This block's rows.
  const int units = m.rows / kUnit, block = blockIdx.x, blocks = gridDim.x;
  int first = (block * a.units + min(block, a.more)) * kUnit, count = (a.units + (block < a.more)) * kUnit;
  if (overlap) {
    // As even, by divisions, whose time the previous kernel has its last rows in: without it the attention's projection
    // takes 5.9 instead of 5.3 µs.
    first = static_cast<int>(static_cast<long long>(block) * units / blocks) * kUnit;
    const int end = static_cast<int>(static_cast<long long>(block + 1) * units / blocks) * kUnit;
    count = a.interleaved ? max(0, units - block + blocks - 1) / blocks * kUnit : end - first;
  }
  const int groups = (count + kRows - 1) / kRows;
  const auto unit_row = [&](int i) {
    return a.interleaved ? (i / kUnit * blocks + block) * kUnit + i % kUnit : first + i;
  };
  const auto weight_row = [&](int i) {
    const int row = unit_row(i);
    return static_cast<const W*>(m.weight) + static_cast<size_t>(kUnit == 2 ? row / 2 + row % 2 * units : row) * m.cols;
  };

  // Columns of chunk s: column(s) … + kNumbers.
  const auto column = [&](int s) { return ((warp * kChunks + s) * 32 + lane) * kNumbers; };
  const unsigned ring =
      static_cast<unsigned>(__cvta_generic_to_shared(shared)) + warp * (kChunks * 512 * kRows * kDepth) + lane * 16;
  unsigned long long policy;
  asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
  const auto request = [&](int group, int slot) {
#pragma unroll
    for (int r = 0; r < kRows; r++) {
      if (group * kRows + r >= count) break;
      const W* row = weight_row(group * kRows + r);
#pragma unroll
      for (int s = 0; s < kChunks; s++)
        if (column(s) < m.cols) copy_once(ring + ((slot * kRows + r) * kChunks + s) * 512, row + column(s), policy);
    }
    asm volatile("cp.async.commit_group;" ::: "memory");
  };
  // Lanes past the last column read zeros, not what an earlier kernel left.
#pragma unroll
  for (int s = 0; s < kChunks; s++) {
    if (column(s) < m.cols) continue;
    for (int i = 0; i < kRows * kDepth; i++)
      asm volatile("st.shared.v4.u32 [%0], {%1, %1, %1, %1};" ::"r"(ring + (i * kChunks + s) * 512), "r"(0) : "memory");
  }
  float x[kChunks * kNumbers], norm[kNormed ? kChunks * kNumbers : 1], residual = 0;
  const auto load_norm = [&] {
#pragma unroll
    for (int s = 0; s < kChunks; s++)
#pragma unroll
      for (int i = 0; i < kNumbers; i += 4) {
        const float4 w = column(s) < m.cols ? *reinterpret_cast<const float4*>(m.norm + column(s) + i) : float4{};
        norm[s * kNumbers + i] = w.x, norm[s * kNumbers + i + 1] = w.y;
        norm[s * kNumbers + i + 2] = w.z, norm[s * kNumbers + i + 3] = w.w;
      }
  };
  const auto load_vector = [&] {
#pragma unroll
    for (int s = 0; s < kChunks; s++)
#pragma unroll
      for (int i = 0; i < kNumbers; i += 4) {
        const float4 v = column(s) < m.cols ? __ldcg(reinterpret_cast<const float4*>(m.in + column(s) + i)) : float4{};
        float* at = x + s * kNumbers + i;
        at[0] = v.x, at[1] = v.y, at[2] = v.z, at[3] = v.w;
      }
    if constexpr (kEnd == GemvEnd::residual)
      if (static_cast<int>(threadIdx.x) < count) residual = __ldcg(m.out + unit_row(threadIdx.x));
  };
  // What a multiprocessor asks for comes in order: rows that need nothing of the previous kernel first, while that
  // runs; where it has ended, what every row waits for.
  if (!overlap) {
    load_vector();
    if constexpr (kNormed) load_norm();
  }
#pragma unroll
  for (int slot = 0; slot < kDepth; slot++) request(slot, slot);
  const int release_at = groups - 1 - kDepth - a.release_early;
  if (overlap) {
    if constexpr (kNormed) load_norm();
    wait_previous();
    // Only now: decode_attend reads what earlier kernels wrote before it waits for this one (see there).
    if (release_at < 0) release_next();
    load_vector();
  }
  float square = 0;
  if constexpr (kNormed) {
#pragma unroll
    for (int i = 0; i < kChunks * kNumbers; i++) {
      square = fmaf(x[i], x[i], square);
      x[i] *= norm[i];
    }
  }

  float sums[kRows];
  for (int group = 0, slot = 0; group < groups; group++) {
    asm volatile("cp.async.wait_group %0;" ::"n"(kDepth - 1) : "memory");
#pragma unroll
    for (int r = 0; r < kRows; r++) {
      uint4 packed[kChunks];
#pragma unroll
      for (int s = 0; s < kChunks; s++)
        asm volatile("ld.shared.v4.u32 {%0, %1, %2, %3}, [%4];"
                     : "=r"(packed[s].x), "=r"(packed[s].y), "=r"(packed[s].z), "=r"(packed[s].w)
                     : "r"(ring + ((slot * kRows + r) * kChunks + s) * 512)
                     : "memory");
      float even = 0, odd = 0;
#pragma unroll
      for (int s = 0; s < kChunks; s++) Packed16<W>::dot(even, odd, packed[s], x + s * kNumbers);
      sums[r] = even + odd;
    }
    request(group + kDepth, slot);
    if (group == release_at) release_next();
    const float sum = fold_rows<kRows>(sums, lane);
    if (lane % (32 / kRows) == 0) parts[warp * a.part_stride + group * kRows + lane / (32 / kRows)] = sum;
    if (++slot == kDepth) slot = 0;
  }

  if constexpr (kNormed) {
    square = warp_sum(square);
    if (lane == 0) squares[warp] = square;
  }
  __syncthreads();
  float scale = 1;
  if constexpr (kNormed) {
    float total = 0;
    for (int w = 0; w < warps; w++) total += squares[w];
    scale = 1.0f / sqrtf(total / static_cast<float>(m.cols) + m.eps);
  }
  const auto total = [&](int i) {
    float sum = 0;
    for (int w = 0; w < warps; w++) sum += parts[w * a.part_stride + i];
    return sum * scale;
  };
  const int thread = threadIdx.x, threads = blockDim.x;
  if constexpr (kEnd == GemvEnd::swiglu) {
    for (int i = thread; i < count / 2; i += threads) {
      const float gate = total(2 * i), up = total(2 * i + 1);
      m.out[unit_row(2 * i) / 2] = up * (gate / (1.0f + expf(-gate)));
    }
  } else if constexpr (kEnd == GemvEnd::logits) {
    Candidate best = 0;
    for (int i = thread; i < count; i += threads) {
      const float score = total(i);
      m.out[unit_row(i)] = score;
      best = max(best, candidate(score, unit_row(i)));
    }
    best = warp_max(best);
    if (lane == 0) bests[warp] = best;
    __syncthreads();
    if (thread == 0) {
      for (int w = 1; w < warps; w++) best = max(best, bests[w]);
      m.candidates[block] = best;
    }
  } else {
    for (int i = thread; i < count; i += threads) {
      float sum = total(i);
      if constexpr (kEnd == GemvEnd::residual) sum += i == thread ? residual : __ldcg(m.out + unit_row(i));
      m.out[unit_row(i)] = sum;
    }
  }
#endif
}

}  // namespace phi3lab::cuda
