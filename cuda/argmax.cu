// The next token of greedy decoding, the step to its position, and its way to the host: a ring in pinned memory that
// the GPU writes and the host watches.
#include "backend.h"
#include "cuda/device/device.cuh"
#include "cuda/device/launch.cuh"
#include "cuda/gemv/kernel.cuh"
#include "cuda/memory/mailbox.h"

namespace phi3lab::cuda {
namespace {

constexpr int kThreads = 1024;

/** The block's best. */
__device__ __forceinline__ Candidate block_max(Candidate best) {
  __shared__ Candidate bests[kThreads / 32];
  best = warp_max(best);
  if (threadIdx.x % 32 == 0) bests[threadIdx.x / 32] = best;
  __syncthreads();
  for (int w = 0; w < static_cast<int>(blockDim.x) / 32; w++) best = max(best, bests[w]);
  return best;
}

/** The id that a candidate stands for: -1 for none and for NaN. */
__device__ __forceinline__ int32_t id_of(Candidate best) {
  const bool nan = static_cast<uint32_t>(best >> 32) == 0xffffffffu;
  return best == 0 || nan ? -1 : static_cast<int32_t>(~static_cast<uint32_t>(best));
}

__device__ __forceinline__ Candidate best_of(const float* logits, int64_t count, const int32_t* excluded,
                                             int64_t excluded_count) {
  Candidate best = 0;
  for (int64_t i = threadIdx.x; i < count; i += blockDim.x) {
    const float score = logits[i];
    bool allowed = true;
    if (score == score)
      for (int64_t e = 0; e < excluded_count; e++) allowed = allowed && excluded[e] != i;
    if (allowed) best = max(best, candidate(score, static_cast<int>(i)));
  }
  return block_max(best);
}

/** A block a row. */
__global__ void __launch_bounds__(kThreads)
    argmax_kernel(int32_t* ids, const float* logits, int64_t count, const int32_t* excluded, int64_t excluded_count) {
  const Candidate best = best_of(logits + blockIdx.x * count, count, excluded, excluded_count);
  if (threadIdx.x == 0) ids[blockIdx.x] = id_of(best);
}

__device__ __forceinline__ void send(MailboxRing ring, int32_t id) {
  const uint32_t number = *ring.sent;
  *ring.sent = number + 1;
  volatile uint64_t* slot = ring.slots + number % MailboxRing::kSlots;
  *slot = static_cast<uint64_t>(number + 1) << 32 | static_cast<uint32_t>(id);
}

__global__ void publish_kernel(MailboxRing ring, const int32_t* ids, int64_t count) {
  for (int64_t i = 0; i < count; i++) send(ring, ids[i]);
}

__global__ void advance_kernel(int32_t* position, int64_t count) {
  position[blockIdx.x] += static_cast<int32_t>(count);
}

/** Chooses, sends and steps on in one: of the head's candidates, or of all logits where ids are excluded. */
__global__ void __launch_bounds__(kThreads)
    choose_kernel(int32_t* id, int32_t* position, MailboxRing ring, const Candidate* candidates, int blocks,
                  const float* logits, int64_t count, const int32_t* excluded, int64_t excluded_count, int64_t tokens) {
  wait_previous();
  Candidate best = 0;
  if (excluded_count > 0) {
    best = best_of(logits, count, excluded, excluded_count);
  } else {
    for (int i = threadIdx.x; i < blocks; i += blockDim.x) best = max(best, __ldcg(candidates + i));
    best = block_max(best);
  }
  if (threadIdx.x > 0) return;
  *id = id_of(best);
  *position += static_cast<int32_t>(tokens);
  send(ring, id_of(best));
}

}  // namespace

void CudaBackend::argmax(int32_t* ids, Tensor logits, const int32_t* excluded, int64_t excluded_count) {
  logits.expect_float32("argmax");
  launch({dim3(static_cast<unsigned>(logits.rows)), dim3(kThreads), 0, stream()}, argmax_kernel, ids, logits.data,
         logits.cols, excluded, excluded_count);
}

void CudaBackend::advance(int32_t* position, int64_t sequences, int64_t count) {
  launch({dim3(static_cast<unsigned>(sequences)), dim3(1), 0, stream()}, advance_kernel, position, count);
}

void CudaBackend::emit(const int32_t* ids, int64_t count) {
  launch({dim3(1), dim3(1), 0, stream()}, publish_kernel, mailbox_->ring(), ids, count);
}

void CudaBackend::norm_lm_head_argmax(int32_t* ids, Tensor logits, Tensor normed, const PassInput& input, Tensor hidden,
                                      const Weight& norm, const Weight& weight, const int32_t* excluded,
                                      int64_t excluded_count, float eps) {
  const CudaWeight& head = uploaded(weight);
  if (tapped(Half::head, -1) || !token_fits(head, hidden.rows, GemvEnd::logits))
    return Backend::norm_lm_head_argmax(ids, logits, normed, input, hidden, norm, weight, excluded, excluded_count,
                                        eps);
  const int candidates = gemv(logits, hidden, weight, GemvEnd::logits, &norm, eps);
  launch({dim3(1), dim3(excluded_count > 0 ? kThreads : 256), 0, stream(), kernels_.overlap}, choose_kernel, ids,
         input.position, mailbox_->ring(), candidates_.as<Candidate>(), candidates, logits.data, logits.cols, excluded,
         excluded_count, input.tokens);
}

}  // namespace phi3lab::cuda
