#include "stage_timer.h"

namespace phi3lab::cuda {
namespace {

constexpr size_t kLookAt = 1024;  // moments from which on those are read that the GPU has come past
constexpr size_t kMost = 8192;    // from which on it is waited for

}  // namespace

StageTimer::~StageTimer() {
  for (const Moment& moment : moments_) cudaEventDestroy(moment.event);
  for (cudaEvent_t event : spare_) cudaEventDestroy(event);
}

void StageTimer::set(Profile* profile) {
  end();
  collect(true);
  profile_ = profile;
}

void StageTimer::begin(const Mark& mark) {
  if (profile_) note(mark, true, false);
}

void StageTimer::end() {
  if (profile_ && !moments_.empty() && moments_.back().stage) note({}, false, false);
}

void StageTimer::run(const std::function<void()>& pass) {
  pass_ = true;
  try {
    pass();
    note({}, false, true);
  } catch (...) {
    pass_ = false;
    throw;
  }
  pass_ = false;
}

void StageTimer::note(const Mark& mark, bool stage, bool last) {
  if (moments_.size() >= kLookAt) collect(false);
  cudaEvent_t event = nullptr;
  if (spare_.empty()) {
    PHI3LAB_CUDA_CHECK(cudaEventCreate(&event));
  } else {
    event = spare_.back();
    spare_.pop_back();
  }
  moments_.push_back({event, mark, stage, pass_, last});
  PHI3LAB_CUDA_CHECK(cudaEventRecord(event, stream_));
}

void StageTimer::collect(bool all) {
  while (moments_.size() >= 2) {
    const Moment &from = moments_[0], &to = moments_[1];
    if (all || moments_.size() >= kMost) {
      PHI3LAB_CUDA_CHECK(cudaEventSynchronize(to.event));
    } else if (const cudaError_t state = cudaEventQuery(to.event); state == cudaErrorNotReady) {
      return;
    } else {
      check(state, "the work before");
    }
    float ms = 0;
    PHI3LAB_CUDA_CHECK(cudaEventElapsedTime(&ms, from.event, to.event));
    if (profile_ && from.stage) profile_->add(from.mark, ms / 1e3);
    if (profile_ && from.pass && !from.last) {
      profile_->replays.staged += ms / 1e3;
      if (to.last) profile_->replays.passes++;
    }
    spare_.push_back(from.event);
    moments_.pop_front();
  }
  if (all && !moments_.empty()) {
    spare_.push_back(moments_.front().event);
    moments_.clear();
  }
}

}  // namespace phi3lab::cuda
