// The next token of greedy decoding, the step to its position, and its way to the host.
#include <cmath>

#include "backend.h"

namespace phi3lab::cpu {
namespace {

/** The smallest index of the largest number that is not excluded; -1 when there is a NaN or nothing is left. */
int32_t argmax_row(const float* logits, int64_t count, const int32_t* excluded, int64_t excluded_count) {
  int32_t best = -1;
  for (int64_t i = 0; i < count; i++) {
    if (std::isnan(logits[i])) return -1;
    if (best >= 0 && !(logits[i] > logits[best])) continue;
    bool allowed = true;
    for (int64_t e = 0; e < excluded_count; e++) allowed = allowed && excluded[e] != i;
    if (allowed) best = static_cast<int32_t>(i);
  }
  return best;
}

}  // namespace

void CpuBackend::argmax(int32_t* ids, Tensor logits, const int32_t* excluded, int64_t excluded_count) {
  logits.expect_float32("argmax");
  stage([=](const Worker& w) {
    for (int64_t t = w.thread; t < logits.rows; t += w.threads)
      ids[t] = argmax_row(logits.data + t * logits.cols, logits.cols, excluded, excluded_count);
  });
}

void CpuBackend::advance(int32_t* position, int64_t sequences, int64_t count) {
  stage([=](const Worker& w) {
    for (int64_t s = 0; w.thread == 0 && s < sequences; s++) position[s] += static_cast<int32_t>(count);
  });
}

void CpuBackend::emit(const int32_t* ids, int64_t count) {
  int32_t* outbox = outbox_;
  const size_t first = emitted_;
  emitted_ += static_cast<size_t>(count);
  stage([=](const Worker& w) {
    for (int64_t i = 0; w.thread == 0 && i < count; i++) outbox[(first + static_cast<size_t>(i)) % kOutbox] = ids[i];
  });
}

int32_t CpuBackend::next_token() {
  synchronize();
  return outbox_[taken_++ % kOutbox];
}

void CpuBackend::discard() noexcept {
  queued_ = 0;
  taken_ = emitted_;
}

}  // namespace phi3lab::cpu
