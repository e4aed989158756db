// The kernel of decode_attend.h: four blocks a head, a cluster, each with a share of the positions; their results meet
// in the first block's shared memory. Keys and values of earlier positions are on their way before the token's own
// query is there. Up to kAlone positions the first block does everything: the others' coming together would cost more.
#include "decode_attend.h"
#include "device.cuh"
#include "launch.cuh"

namespace phi3lab::cuda {
namespace {

constexpr int kSplit = 4;                    // blocks a head
constexpr int kWarps = 8;                    // a block
[[maybe_unused]] constexpr int kUnroll = 1;  // positions a lane has under way
[[maybe_unused]] constexpr int kAlone = 64;  // positions

#if __CUDA_ARCH__ >= 900
__device__ __forceinline__ void cluster_arrive() {
  asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
}
__device__ __forceinline__ void cluster_wait() { asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory"); }
/** Stores into the shared memory of the cluster's first block, at the address that `local` has in this one. */
__device__ __forceinline__ void store_first(float* local, float value) {
  unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(local)), remote;
  asm volatile("mapa.shared::cluster.u32 %0, %1, 0;" : "=r"(remote) : "r"(address));
  asm volatile("st.shared::cluster.f32 [%0], %1;" ::"r"(remote), "f"(value) : "memory");
}
#endif

template <class T>
__device__ __forceinline__ void unpack(float* out, uint4 v) {
  const unsigned words[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
  for (int i = 0; i < 4; i++) {
    if constexpr (std::is_same_v<T, float>) {
      out[i] = __uint_as_float(words[i]);
    } else if constexpr (std::is_same_v<T, __nv_bfloat16>) {
      out[2 * i] = __uint_as_float(words[i] << 16);
      out[2 * i + 1] = __uint_as_float(words[i] & 0xffff0000u);
    } else {
      const float2 pair = __half22float2(*reinterpret_cast<const __half2*>(&words[i]));
      out[2 * i] = pair.x, out[2 * i + 1] = pair.y;
    }
  }
}

/** Adds the slots' numbers: each step halves the numbers that a lane keeps; gives the first that this lane ends with.
 */
template <int n, int kOffset, int kLanes>
__device__ __forceinline__ int merge_slots(float* mix, int lane) {
  if constexpr (kOffset < kLanes) {
    return 0;
  } else {
    const bool upper = lane & kOffset;
#pragma unroll
    for (int i = 0; i < n; i++) {
      const float keep = upper ? mix[i + n] : mix[i], send = upper ? mix[i] : mix[i + n];
      mix[i] = keep + __shfl_xor_sync(0xffffffffu, send, kOffset);
    }
    return (upper ? n : 0) + merge_slots<n / 2, kOffset / 2, kLanes>(mix, lane);
  }
}

/** Grid (kSplit * heads), clusters of kSplit. A position takes kLanes lanes of a warp; of chunk c, a lane has
 * dimensions 32 c + lane * kNumbers … */
template <class T, int kDim>
__global__ void __launch_bounds__(kWarps * 32, 2) decode_attend_kernel(DecodeAttention a) {
#if __CUDA_ARCH__ >= 900
  constexpr int kNumbers = 16 / sizeof(T), kLanes = 32 / kNumbers, kSlots = 32 / kLanes, kChunks = kDim / 32;
  constexpr int kMine = kChunks * kNumbers;         // dimensions that a lane has
  constexpr int kTile = kWarps * kSlots * kUnroll;  // positions that a block takes at once
  __shared__ __align__(16) float query[kDim];
  __shared__ float own_key[kDim], own_value[kDim], mixed[kWarps][kDim], most_of[kWarps], sum_of[kWarps];
  __shared__ float gathered[kSplit][kDim + 2];
  const int thread = threadIdx.x, lane = thread % 32, warp = thread / 32, l = lane % kLanes, slot = lane / kLanes;
  const int h = blockIdx.x / kSplit, rank = blockIdx.x % kSplit;
  const int group = static_cast<int>(a.shape.heads / a.shape.kv_heads), kv_head = h / group;

  // The next kernel reads nothing before its wait but weights. This one may read what the one before the previous
  // kernel wrote, and the cache: the previous kernel (matvec) lets this one begin only when its own wait is over.
  release_next();
  const int position = __ldcg(a.position);
  const int window = static_cast<int>(a.shape.window);
  const int first = window > 0 ? max(0, position + 1 - window) : 0;
  const bool alone = position - first <= kAlone;
  if (alone && rank > 0) {
    wait_previous();
    return;
  }
  if (!alone) cluster_arrive();
  const int stride = alone ? kTile : kTile * kSplit;
  const T* memory = static_cast<const T*>(a.cache.data);
  uint4 keys[kUnroll][kChunks], values[kUnroll][kChunks];
  const auto at = [&](int tile, int u) { return tile + (u * kWarps + warp) * kSlots + slot; };
  const auto fetch = [&](uint4(&into)[kUnroll][kChunks], int tile, bool value) {
#pragma unroll
    for (int u = 0; u < kUnroll; u++) {
      const int p = at(tile, u);
      const T* row = memory + a.cache.offset(a.layer, value, kv_head, p) + l * kNumbers;
#pragma unroll
      for (int c = 0; c < kChunks; c++)
        into[u][c] = p < position ? __ldcg(reinterpret_cast<const uint4*>(row + 32 * c)) : make_uint4(0, 0, 0, 0);
    }
  };
  int tile = first + (alone ? 0 : rank * kTile);
  fetch(keys, tile, false);
  fetch(values, tile, true);
  const int half = kDim / 2, d = thread % 128, low = d < half ? d : d - half;
  float cosine = 0, sine = 0;
  if (d < kDim) {
    const float* phases = a.table + static_cast<int64_t>(position) * kDim;
    cosine = phases[low];
    sine = d < half ? -phases[half + low] : phases[half + low];
  }

  wait_previous();
  // Threads 0 … turn the query, threads 128 … the first block's own key.
  const int heads = static_cast<int>(a.shape.heads), kv_heads = static_cast<int>(a.shape.kv_heads);
  if (d < kDim && (thread < 128 || rank == 0)) {
    const float* row = a.qkv + (thread < 128 ? h : heads + kv_head) * kDim;
    const float turned = __ldcg(row + d) * cosine + __ldcg(row + (d < half ? d + half : d - half)) * sine;
    if (thread < 128) {
      query[d] = turned * (a.shape.scale * 1.4426950408889634f);  // powers of two are cheaper than of e
    } else {
      const T key = from_float<T>(turned);
      const T value = from_float<T>(__ldcg(a.qkv + (heads + kv_heads + kv_head) * kDim + d));
      own_key[d] = to_float(key);
      own_value[d] = to_float(value);
      if (h % group == 0) {
        static_cast<T*>(a.cache.data)[a.cache.offset(a.layer, false, kv_head, position) + d] = key;
        static_cast<T*>(a.cache.data)[a.cache.offset(a.layer, true, kv_head, position) + d] = value;
      }
    }
  }
  __syncthreads();
  float mix[kMine], most = -1e30f, sum = 0;
#pragma unroll
  for (int i = 0; i < kMine; i++) mix[i] = 0;
  for (; tile < position; tile += stride) {
    float score[kUnroll] = {};
#pragma unroll
    for (int c = 0; c < kChunks; c++) {
      float q[kNumbers];  // from shared memory each time: registers decide whether the next kernel fits beside this one
#pragma unroll
      for (int i = 0; i < kNumbers; i += 4)
        *reinterpret_cast<float4*>(q + i) = *reinterpret_cast<const float4*>(query + 32 * c + l * kNumbers + i);
#pragma unroll
      for (int u = 0; u < kUnroll; u++) {
        float k[kNumbers];
        unpack<T>(k, keys[u][c]);
#pragma unroll
        for (int i = 0; i < kNumbers; i++) score[u] = fmaf(q[i], k[i], score[u]);
      }
    }
    float larger = most;
#pragma unroll
    for (int u = 0; u < kUnroll; u++) {
#pragma unroll
      for (int offset = kLanes / 2; offset > 0; offset >>= 1)
        score[u] += __shfl_xor_sync(0xffffffffu, score[u], offset);
      if (at(tile, u) >= position) score[u] = -INFINITY;
      larger = fmaxf(larger, score[u]);
    }
    fetch(keys, tile + stride, false);
    const float fade = exp2f(most - larger);
    sum *= fade;
#pragma unroll
    for (int i = 0; i < kMine; i++) mix[i] *= fade;
#pragma unroll
    for (int u = 0; u < kUnroll; u++) {
      const float weight = exp2f(score[u] - larger);
      sum += weight;
#pragma unroll
      for (int c = 0; c < kChunks; c++) {
        float v[kNumbers];
        unpack<T>(v, values[u][c]);
#pragma unroll
        for (int i = 0; i < kNumbers; i++) mix[c * kNumbers + i] = fmaf(weight, v[i], mix[c * kNumbers + i]);
      }
    }
    fetch(values, tile + stride, true);
    most = larger;
  }
  if (rank == 0 && warp == 0) {
    float dot = 0;
#pragma unroll
    for (int i = 0; i < kMine; i++) {
      const int dimension = i / kNumbers * 32 + l * kNumbers + i % kNumbers;
      dot = fmaf(query[dimension], own_key[dimension], dot);
    }
#pragma unroll
    for (int offset = kLanes / 2; offset > 0; offset >>= 1) dot += __shfl_xor_sync(0xffffffffu, dot, offset);
    if (slot == 0) {
      const float larger = fmaxf(most, dot), fade = exp2f(most - larger), weight = exp2f(dot - larger);
      sum = sum * fade + weight;
#pragma unroll
      for (int i = 0; i < kMine; i++)
        mix[i] = fmaf(weight, own_value[i / kNumbers * 32 + l * kNumbers + i % kNumbers], mix[i] * fade);
      most = larger;
    }
  }

  // The warp's slots into one: each step halves the dimensions that a lane keeps.
  float warp_most = most;
#pragma unroll
  for (int offset = 16; offset >= kLanes; offset >>= 1)
    warp_most = fmaxf(warp_most, __shfl_xor_sync(0xffffffffu, warp_most, offset));
  const float fade = exp2f(most - warp_most);
  sum *= fade;
#pragma unroll
  for (int offset = 16; offset >= kLanes; offset >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, offset);
#pragma unroll
  for (int i = 0; i < kMine; i++) mix[i] *= fade;
  const int kept = merge_slots<kMine / 2, 16, kLanes>(mix, lane);
#pragma unroll
  for (int i = 0; i < kMine / kSlots; i++) {
    const int e = kept + i;
    mixed[warp][e / kNumbers * 32 + l * kNumbers + e % kNumbers] = mix[i];
  }
  if (lane == 0) {
    most_of[warp] = warp_most;
    sum_of[warp] = sum;
  }
  __syncthreads();
  float block_most = most_of[0], block_sum = 0, block_mix = 0;
#pragma unroll
  for (int w = 1; w < kWarps; w++) block_most = fmaxf(block_most, most_of[w]);
  if (thread < kDim) {
#pragma unroll
    for (int w = 0; w < kWarps; w++) {
      const float weight = exp2f(most_of[w] - block_most);
      block_sum += weight * sum_of[w];
      block_mix += weight * mixed[w][thread];
    }
    if (alone) a.context[h * kDim + thread] = block_mix / block_sum;
  }
  if (alone) return;
  cluster_wait();  // the first block has begun: its memory is there
  if (thread < kDim) {
    store_first(&gathered[rank][thread], block_mix);
    if (thread == 0) {
      store_first(&gathered[rank][kDim], block_most);
      store_first(&gathered[rank][kDim + 1], block_sum);
    }
  }
  cluster_arrive();
  if (rank > 0) return;
  cluster_wait();
  if (thread < kDim) {
    float total_most = gathered[0][kDim], total_sum = 0, total = 0;
#pragma unroll
    for (int r = 1; r < kSplit; r++) total_most = fmaxf(total_most, gathered[r][kDim]);
#pragma unroll
    for (int r = 0; r < kSplit; r++) {
      const float weight = exp2f(gathered[r][kDim] - total_most);
      total_sum += weight * gathered[r][kDim + 1];
      total += weight * gathered[r][thread];
    }
    a.context[h * kDim + thread] = total / total_sum;
  }
#endif
}

}  // namespace

bool decode_attend_fits(const AttentionShape& shape) {
  return shape.head_dim == 32 || shape.head_dim == 64 || shape.head_dim == 96 || shape.head_dim == 128;
}

void decode_attend(const DecodeAttention& a) {
  const Launch how{dim3(static_cast<unsigned>(kSplit * a.shape.heads)), dim3(kWarps * 32), 0, a.stream, true, kSplit};
  dispatch(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (a.shape.head_dim == 32) launch(how, decode_attend_kernel<T, 32>, a);
    if (a.shape.head_dim == 64) launch(how, decode_attend_kernel<T, 64>, a);
    if (a.shape.head_dim == 96) launch(how, decode_attend_kernel<T, 96>, a);
    if (a.shape.head_dim == 128) launch(how, decode_attend_kernel<T, 128>, a);
  });
}

}  // namespace phi3lab::cuda
