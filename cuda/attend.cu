// Attention of a pass's queries over the cache, for every shape: causal, windowed, key-value heads shared between query
// heads. The fast ways for one token and for prompts are decode_attend.cu and prompt_attend.cu; the verb chooses.
#include "backend.h"
#include "cuda/attention/decode.h"
#include "cuda/device/device.cuh"
#include "cuda/device/launch.cuh"
#include "cuda/prompt/prompt.h"

namespace phi3lab::cuda {
namespace {

constexpr int kWarps = 8;

struct AttendArguments {
  float* context;  // (T, heads * head_dim)
  AttentionWeights weights;
  const float* qkv;  // (T, qkv_cols)
  TokenPlaces places;
  int64_t qkv_cols, layer;
  int64_t heads, kv_heads, window;
  float scale;
  const BlockedEdges* blocked;  // (blocked_count,)
  int64_t blocked_count;
};

/** Whether the edge from a query to a key is cut. */
__device__ bool is_cut(const AttendArguments& a, int64_t head, int64_t query, int64_t key) {
  for (int64_t e = 0; e < a.blocked_count; e++)
    if (a.blocked[e].has(head, query) && a.blocked[e].to.index_of(key) >= 0) return true;
  return false;
}

/** A block a query and head, grid (heads, T): its warps take positions in turn, a lane every 32nd dimension. The
 * softmax is kept as largest score, sum and weighted values, and rescaled when a larger score comes. */
template <class T, int kPerLane, bool kBlocked>
__global__ void __launch_bounds__(kWarps * 32) attend_kernel(AttendArguments a) {
  extern __shared__ float shared[];
  const CacheView cache = a.places.cache_of(blockIdx.y);
  const int dim = cache.head_dim, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  float* values = shared;                  // (kWarps, dim)
  float* largest = values + kWarps * dim;  // (kWarps,)
  float* sums = largest + kWarps;          // (kWarps,)
  const int64_t h = blockIdx.x, t = blockIdx.y, kv_head = h / (a.heads / a.kv_heads);
  const int64_t last = a.places.position_of(t);
  const int64_t first = a.window > 0 ? max(static_cast<int64_t>(0), last + 1 - a.window) : 0;
  const T* memory = static_cast<const T*>(cache.data);
  float* scores = a.weights.data ? a.weights.data + h * a.weights.head_stride + t * a.weights.row_stride : nullptr;

  float query[kPerLane], mixed[kPerLane];
  for (int i = 0; i < kPerLane; i++) {
    const int d = lane + 32 * i;
    query[i] = d < dim ? a.qkv[t * a.qkv_cols + h * dim + d] : 0.0f;
    mixed[i] = 0;
  }
  float most = -INFINITY, sum = 0;
  for (int64_t p = first + warp; p <= last; p += kWarps) {
    if (kBlocked && is_cut(a, h, last, p)) continue;
    const T* key = memory + cache.offset(a.layer, false, kv_head, p);
    const T* value = memory + cache.offset(a.layer, true, kv_head, p);
    float score = 0;
    for (int i = 0; i < kPerLane; i++)
      if (lane + 32 * i < dim) score = fmaf(query[i], to_float(key[lane + 32 * i]), score);
    score = warp_sum(score) * a.scale;
    if (scores && lane == 0) scores[p] = score;
    // A NaN or infinite score must reach the result: fmaxf would pass over NaN.
    const float larger = score > most || score != score ? score : most;
    const float fade = most == larger ? 1.0f : expf(most - larger), weight = expf(score - larger);
    sum = sum * fade + weight;
    for (int i = 0; i < kPerLane; i++)
      if (lane + 32 * i < dim) mixed[i] = mixed[i] * fade + weight * to_float(value[lane + 32 * i]);
    most = larger;
  }
  for (int i = 0; i < kPerLane; i++)
    if (lane + 32 * i < dim) values[warp * dim + lane + 32 * i] = mixed[i];
  if (lane == 0) {
    largest[warp] = most;
    sums[warp] = sum;
  }
  __syncthreads();
  float total_most = -INFINITY;
  for (int w = 0; w < kWarps; w++) {
    const float other = largest[w];
    total_most = other > total_most || other != other ? other : total_most;
  }
  float total = 0;
  for (int w = 0; w < kWarps; w++)
    if (sums[w] != 0) total += sums[w] * expf(largest[w] - total_most);
  for (int d = threadIdx.x; d < dim; d += blockDim.x) {
    float x = 0;
    for (int w = 0; w < kWarps; w++)
      if (sums[w] != 0) x += values[w * dim + d] * expf(largest[w] - total_most);
    a.context[(t * a.heads + h) * dim + d] = kBlocked && total == 0 ? 0.0f : x / total;
  }
  if (!scores) return;
  for (int64_t p = threadIdx.x; p < a.weights.row_stride; p += blockDim.x)
    scores[p] =
        p < first || p > last || (kBlocked && is_cut(a, h, last, p)) ? 0.0f : expf(scores[p] - total_most) / total;
}

template <bool kBlocked>
void launch_attend(const AttendArguments& arguments, int64_t rows, int64_t head_dim, Dtype format,
                   cudaStream_t stream) {
  const Launch how{dim3(static_cast<unsigned>(arguments.heads), static_cast<unsigned>(rows)), dim3(kWarps * 32),
                   static_cast<size_t>(kWarps * (head_dim + 2)) * sizeof(float), stream};
  dispatch(format, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (head_dim <= 128)
      launch(how, attend_kernel<T, 4, kBlocked>, arguments);
    else if (head_dim <= 256)
      launch(how, attend_kernel<T, 8, kBlocked>, arguments);
    else
      launch(how, attend_kernel<T, 32, kBlocked>, arguments);
  });
}

}  // namespace

void CudaBackend::attend(Tensor& context, AttentionWeights weights, Tensor qkv, Cache& cache, const PassInput& input,
                         Tensor table, int64_t layer, const AttentionShape& shape) {
  if (qkv.layout == Layout::unrotated_qkv) {
    // What project_residual multiplies by the tensor cores is handed on as they take it.
    const bool half = input.sequences > 1 && prompt_fits(context.rows, context.cols);
    decode_attend({context.data, half, qkv.data, places_of(cache, input), input.sequences, table.data, layer, shape,
                   format_, stream()},
                  partials_, device_, kernels_);
    if (half) context.layout = Layout::half_context;
    return;
  }
  if (qkv.layout == Layout::half_qkv) {
    context.layout = Layout::half_context;
    prompt_attend(context.data, qkv.data, view_of(cache), input.position, input.tokens, layer, shape, format_, device_,
                  kernels_, partials_, stream());
    return;
  }
  qkv.expect_float32("attend");
  launch_attend<false>({context.data, weights, qkv.data, places_of(cache, input), qkv.cols, layer, shape.heads,
                        shape.kv_heads, shape.window, shape.scale, nullptr, 0},
                       context.rows, shape.head_dim, format_, stream());
}

void CudaBackend::attend_blocked(Tensor context, AttentionWeights weights, Tensor qkv, Cache& cache,
                                 const PassInput& input, const BlockedEdges* blocked, int64_t count, int64_t layer,
                                 const AttentionShape& shape) {
  qkv.expect_float32("attend_blocked");
  launch_attend<true>({context.data, weights, qkv.data, places_of(cache, input), qkv.cols, layer, shape.heads,
                       shape.kv_heads, shape.window, shape.scale, blocked, count},
                      context.rows, shape.head_dim, format_, stream());
}

}  // namespace phi3lab::cuda
