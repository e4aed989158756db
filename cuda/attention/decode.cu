// The kernel of decode_attend.h: a few blocks a head, each with a share of the positions. Where the GPU has clusters,
// their results meet in the first block's shared memory, else in the GPU's memory, where the last to come combines
// them (partials.h). Keys and values of earlier positions are on their way before the token's own query is there. Up to
// kAlone positions the first block does everything: the others' coming together would cost more.
#include "decode.h"

#include <algorithm>

#include "cuda/device/launch.cuh"
#include "cuda/device/partials.cuh"
#include "decode.cuh"

namespace phi3lab::cuda {
namespace {

constexpr int kCluster = 4;    // blocks a head, in a cluster
constexpr int kMostSplit = 8;  // elsewhere, at most
constexpr int kWarps = 8;      // a block

/** Grid (split * heads, sequences); with kClusters in clusters of kCluster. A position takes kLanes lanes of a warp; of
 * chunk c, a lane has dimensions 32 c + lane * kNumbers … */
template <class T, int kDim, bool kClusters>
__global__ void __launch_bounds__(kWarps * 32, 2)
    decode_attend_kernel(DecodeAttention a, Partials partials, int blocks_a_head) {
  if constexpr (kClusters && !kForOverlap) return;
  const int split = kClusters ? kCluster : blocks_a_head;
  constexpr int kNumbers = 16 / sizeof(T), kLanes = 32 / kNumbers, kSlots = 32 / kLanes, kChunks = kDim / 32;
  constexpr int kMine = kChunks * kNumbers;  // dimensions that a lane has
  constexpr int kTile = kWarps * kSlots;     // positions that a block takes at once
  constexpr int kAlone = kClusters ? 64 : 3 * kTile;
  __shared__ __align__(16) float query[kDim];
  __shared__ float own_key[kDim], own_value[kDim], mixed[kWarps][kDim], most_of[kWarps], sum_of[kWarps];
  __shared__ float gathered[kClusters ? kCluster : 1][kDim + 2];
  const int thread = threadIdx.x, lane = thread % 32, warp = thread / 32, l = lane % kLanes, slot = lane / kLanes;
  const int h = blockIdx.x / split, rank = blockIdx.x % split, sequence = blockIdx.y;
  const int group = static_cast<int>(a.shape.heads / a.shape.kv_heads), kv_head = h / group;

  // The next kernel reads nothing before its wait but weights. This one may read what the one before the previous
  // kernel wrote, and the cache: the previous kernel (gemv) lets this one begin only when its own wait is over.
  release_next();
  const int position = static_cast<int>(a.places.position_of(sequence));
  const CacheView cache = a.places.cache_of(sequence);
  const int window = static_cast<int>(a.shape.window);
  const int first = window > 0 ? max(0, position + 1 - window) : 0;
  const bool alone = split == 1 || position - first <= kAlone;
  if (alone && rank > 0) {
    wait_previous();
    return;
  }
  if (kClusters && !alone) cluster_arrive();
  const int stride = alone ? kTile : kTile * split;
  const T* memory = static_cast<const T*>(cache.data);
  uint4 keys[kChunks], values[kChunks];
  const auto at = [&](int tile) { return tile + warp * kSlots + slot; };
  const auto fetch = [&](uint4(&into)[kChunks], int tile, bool value) {
    const int p = at(tile);
    const T* row = memory + cache.offset(a.layer, value, kv_head, p) + l * kNumbers;
#pragma unroll
    for (int c = 0; c < kChunks; c++)
      into[c] = p < position ? __ldcg(reinterpret_cast<const uint4*>(row + 32 * c)) : make_uint4(0, 0, 0, 0);
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
  const float* qkv = a.qkv + static_cast<int64_t>(sequence) * (heads + 2 * kv_heads) * kDim;
  if (d < kDim && (thread < 128 || rank == 0)) {
    const float* row = qkv + (thread < 128 ? h : heads + kv_head) * kDim;
    const float turned = __ldcg(row + d) * cosine + __ldcg(row + (d < half ? d + half : d - half)) * sine;
    if (thread < 128) {
      query[d] = turned * (a.shape.scale * 1.4426950408889634f);  // powers of two are cheaper than of e
    } else {
      const T key = from_float<T>(turned);
      const T value = from_float<T>(__ldcg(qkv + (heads + kv_heads + kv_head) * kDim + d));
      own_key[d] = to_float(key);
      own_value[d] = to_float(value);
      if (h % group == 0) {
        static_cast<T*>(cache.data)[cache.offset(a.layer, false, kv_head, position) + d] = key;
        static_cast<T*>(cache.data)[cache.offset(a.layer, true, kv_head, position) + d] = value;
      }
    }
  }
  __syncthreads();
  float mix[kMine], most = -1e30f, sum = 0;
#pragma unroll
  for (int i = 0; i < kMine; i++) mix[i] = 0;
  for (; tile < position; tile += stride) {
    float score = 0;
#pragma unroll
    for (int c = 0; c < kChunks; c++) {
      float q[kNumbers];  // from shared memory each time: registers decide whether the next kernel fits beside this one
#pragma unroll
      for (int i = 0; i < kNumbers; i += 4)
        *reinterpret_cast<float4*>(q + i) = *reinterpret_cast<const float4*>(query + 32 * c + l * kNumbers + i);
      float k[kNumbers];
      unpack<T>(k, keys[c]);
#pragma unroll
      for (int i = 0; i < kNumbers; i++) score = fmaf(q[i], k[i], score);
    }
#pragma unroll
    for (int offset = kLanes / 2; offset > 0; offset >>= 1) score += __shfl_xor_sync(0xffffffffu, score, offset);
    if (at(tile) >= position) score = -INFINITY;
    const float larger = fmaxf(most, score);
    fetch(keys, tile + stride, false);
    const float fade = exp2f(most - larger);
    sum *= fade;
#pragma unroll
    for (int i = 0; i < kMine; i++) mix[i] *= fade;
    const float weight = exp2f(score - larger);
    sum += weight;
#pragma unroll
    for (int c = 0; c < kChunks; c++) {
      float v[kNumbers];
      unpack<T>(v, values[c]);
#pragma unroll
      for (int i = 0; i < kNumbers; i++) mix[c * kNumbers + i] = fmaf(weight, v[i], mix[c * kNumbers + i]);
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
  const int result = sequence * heads + h;  // of all sequences' heads
  const auto put = [&](float x) {
    const int64_t at = static_cast<int64_t>(result) * kDim + thread;
    if (a.half)
      static_cast<T*>(a.context)[at] = saturated<T>(x);
    else
      static_cast<float*>(a.context)[at] = x;
  };
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
    if (alone) put(block_mix / block_sum);
  }
  if (alone) return;
  if constexpr (kClusters) {
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
    if (thread < kDim) put(combine<kDim>([&](int r, int i) { return gathered[r][i]; }, kCluster, thread));
  } else {
    float* parts = partials.parts + result * split * (kDim + 2);
    if (thread < kDim) {
      parts[rank * (kDim + 2) + thread] = block_mix;
      if (thread == 0) {
        parts[rank * (kDim + 2) + kDim] = block_most;
        parts[rank * (kDim + 2) + kDim + 1] = block_sum;
      }
    }
    if (!arrive_last(partials.arrived + result, split)) return;
    if (thread < kDim)
      put(combine<kDim>([&](int r, int i) { return __ldcg(parts + r * (kDim + 2) + i); }, split, thread));
  }
}

}  // namespace

bool decode_attend_fits(const AttentionShape& shape) {
  return shape.head_dim == 32 || shape.head_dim == 64 || shape.head_dim == 96 || shape.head_dim == 128;
}

void decode_attend(const DecodeAttention& a, const Partials& partials, const DeviceProperties& device,
                   const KernelSet& kernels) {
  const int heads = static_cast<int>(a.shape.heads), dim = static_cast<int>(a.shape.head_dim);
  const int results = heads * static_cast<int>(a.sequences);
  // Where all sequences' heads fill the GPU, each takes one block.
  const bool clusters = kernels.clusters && results <= device.multiprocessors;
  // Without clusters about one block a multiprocessor, as far as there is room for what they find.
  const int even = (device.multiprocessors + results / 2) / results;
  int split = clusters ? kCluster : kernels.clusters ? 1 : std::clamp(even, a.sequences > 1 ? 1 : 2, kMostSplit);
  if (!kernels.clusters && !partials_fit(partials, results, split, dim + 2)) split = 1;
  const Launch how{dim3(static_cast<unsigned>(split * heads), static_cast<unsigned>(a.sequences)),
                   dim3(kWarps * 32),
                   0,
                   a.stream,
                   kernels.overlap,
                   clusters ? kCluster : 1};
  dispatch(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto run = [&](auto size) {
      constexpr int kDim = decltype(size)::value;
      launch(how, clusters ? decode_attend_kernel<T, kDim, true> : decode_attend_kernel<T, kDim, false>, a, partials,
             split);
    };
    if (dim == 32) run(std::integral_constant<int, 32>());
    if (dim == 64) run(std::integral_constant<int, 64>());
    if (dim == 96) run(std::integral_constant<int, 96>());
    if (dim == 128) run(std::integral_constant<int, 128>());
  });
}

}  // namespace phi3lab::cuda
