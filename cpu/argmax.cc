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

void CpuBackend::argmax(int32_t* id, Tensor logits, const int32_t* excluded, int64_t excluded_count) {
  logits.expect_float32("argmax");
  stage([=](const Worker& w) {
    if (w.thread == 0) *id = argmax_row(logits.data, logits.cols, excluded, excluded_count);
  });
}

void CpuBackend::advance(int32_t* position, int64_t count) {
  stage([=](const Worker& w) {
    if (w.thread == 0) *position += static_cast<int32_t>(count);
  });
}

void CpuBackend::emit(const int32_t* id) {
  int32_t* slot = &outbox_[emitted_++ % kOutbox];
  stage([=](const Worker& w) {
    if (w.thread == 0) *slot = *id;
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
