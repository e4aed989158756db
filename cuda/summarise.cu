// What is told of rows of scores without handing them out: the likeliest tokens, the sum of the exponentials, the
// entropy, the place of named tokens, and how far each row's distribution is from another's. A block a row.
#include "backend.h"
#include "cuda/device/device.cuh"
#include "cuda/device/launch.cuh"
#include "cuda/gemv/kernel.cuh"

namespace phi3lab::cuda {
namespace {

constexpr int kThreads = 512, kWarps = kThreads / 32;

/** `join` of every thread's x, which each of them gets; all threads call it. */
template <class T, class Join>
__device__ __forceinline__ T block_reduce(T x, const Join& join) {
  __shared__ T parts[kWarps];
  for (int offset = 16; offset > 0; offset >>= 1) x = join(x, __shfl_xor_sync(0xffffffffu, x, offset));
  __syncthreads();  // what an earlier reduction left has been read
  if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = x;
  __syncthreads();
  x = parts[0];
  for (int w = 1; w < kWarps; w++) x = join(x, parts[w]);
  return x;
}

template <class T>
__device__ __forceinline__ T block_sum(T x) {
  return block_reduce(x, [](T a, T b) { return a + b; });
}

/** Greater first, of equals the smaller id: a candidate is 0 for none, and a NaN's is none. */
__device__ __forceinline__ Candidate candidate_of(float score, int64_t id) {
  return score == score ? candidate(score, static_cast<int>(id)) : 0;
}

/** The k best, each the greatest below the one before it. */
__device__ void select(int32_t* ids, float* logits, int64_t k, const float* row, int64_t count) {
  Candidate before = ~static_cast<Candidate>(0);
  for (int64_t n = 0; n < k; n++) {
    Candidate best = 0;
    for (int64_t i = threadIdx.x; i < count; i += kThreads) {
      const Candidate c = candidate_of(row[i], i);
      if (c < before) best = max(best, c);
    }
    best = block_reduce(best, [](Candidate a, Candidate b) { return max(a, b); });
    if (threadIdx.x == 0) {
      ids[n] = best == 0 ? -1 : static_cast<int32_t>(~static_cast<uint32_t>(best));
      logits[n] = best == 0 ? -INFINITY : row[ids[n]];
    }
    before = best;
  }
}

__global__ void __launch_bounds__(kThreads)
    summarise_kernel(Summary out, const float* logits, int64_t vocab, const int32_t* tokens) {
  const int64_t t = blockIdx.x;
  const float* row = logits + t * vocab;
  select(out.ids + t * out.k, out.logits + t * out.k, out.k, row, vocab);
  float most = -INFINITY;
  bool nan = false;
  for (int64_t i = threadIdx.x; i < vocab; i += kThreads) {
    most = fmaxf(most, row[i]);
    nan = nan || row[i] != row[i];
  }
  most = block_reduce(most, [](float a, float b) { return fmaxf(a, b); });
  double sum = __syncthreads_or(nan) ? NAN : 0, weighted = 0;
  for (int64_t i = threadIdx.x; i < vocab; i += kThreads) {
    const float below = row[i] - most, e = expf(below);
    sum += static_cast<double>(e);
    weighted += static_cast<double>(e * fmaxf(below, -104.f));  // e is 0 from there on
  }
  sum = block_sum(sum);
  weighted = block_sum(weighted);
  if (threadIdx.x == 0) {
    out.logsumexp[t] = static_cast<float>(static_cast<double>(most) + log(sum));
    out.entropy[t] = static_cast<float>(log(sum) - weighted / sum);
  }
  for (int64_t n = 0; n < out.tokens; n++) {
    const int32_t token = tokens[t * out.tokens + n];
    const float x = row[token];
    int before = 0;
    for (int64_t i = threadIdx.x; i < vocab; i += kThreads) before += i < token ? row[i] >= x : row[i] > x;
    before = block_sum(before);
    if (threadIdx.x > 0) continue;
    out.token_logits[t * out.tokens + n] = x;
    out.token_ranks[t * out.tokens + n] = 1 + before;
  }
}

/** The last row of each group becomes its probabilities. */
__global__ void __launch_bounds__(kThreads)
    probabilities_kernel(float* logits, const float* logsumexp, int64_t vocab, int64_t group) {
  const int64_t t = (blockIdx.x + 1) * group - 1;
  for (int64_t i = threadIdx.x; i < vocab; i += kThreads)
    logits[t * vocab + i] = expf(logits[t * vocab + i] - logsumexp[t]);
}

__global__ void __launch_bounds__(kThreads)
    divergence_kernel(Summary out, const float* logits, int64_t vocab, int64_t group) {
  const int64_t t = blockIdx.x, last = (t / group + 1) * group - 1;
  const float *p = logits + last * vocab, *x = logits + t * vocab;
  double surprise = 0;
  for (int64_t i = threadIdx.x; i < vocab; i += kThreads)
    if (p[i] > 0) surprise += static_cast<double>(p[i] * (x[i] - out.logsumexp[t]));
  surprise = t == last ? -static_cast<double>(out.entropy[t]) : block_sum(surprise);
  if (threadIdx.x == 0) out.divergence[t] = static_cast<float>(-static_cast<double>(out.entropy[last]) - surprise);
}

}  // namespace

void CudaBackend::summarise(Summary out, Tensor logits, const int32_t* tokens, int64_t group) {
  logits.expect_float32("summarise");
  const dim3 rows(static_cast<unsigned>(logits.rows)), groups(static_cast<unsigned>(logits.rows / group));
  launch({rows, dim3(kThreads), 0, stream()}, summarise_kernel, out, logits.data, logits.cols, tokens);
  if (!out.divergence) return;
  launch({groups, dim3(kThreads), 0, stream()}, probabilities_kernel, logits.data, out.logsumexp, logits.cols, group);
  launch({rows, dim3(kThreads), 0, stream()}, divergence_kernel, out, logits.data, logits.cols, group);
}

}  // namespace phi3lab::cuda
