// How long the stages of passes take on the GPU: an event where each begins and where the last one ends, read when the
// GPU has come past them. A stage's time includes what the GPU waits for its launch.
#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "native/seam/profile.h"
#include "types.h"

namespace phi3lab::cuda {

class StageTimer {
 public:
  explicit StageTimer(cudaStream_t stream) : stream_(stream) {}
  ~StageTimer();
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;

  /** Times into `profile` from now on; null: waits for what is timed, and stops. */
  void set(Profile* profile);
  bool running() const { return profile_ != nullptr; }
  /** The stage before ends, and one begins; a stage ends at `end`, too. Nothing while it does not run. */
  void begin(const Mark& mark);
  void end();
  /** Runs a pass that would be replayed otherwise. */
  void run(const std::function<void()>& pass);

 private:
  struct Moment {
    cudaEvent_t event;
    Mark mark;   // of the stage that begins
    bool stage;  // one begins; else none does
    bool pass;   // it belongs to a pass that would be replayed
    bool last;   // of that pass
  };
  void note(const Mark& mark, bool stage, bool last);
  /** Reads the moments that the GPU has come past; all of them: waits. */
  void collect(bool all);

  cudaStream_t stream_;
  Profile* profile_ = nullptr;
  bool pass_ = false;
  std::deque<Moment> moments_;  // recorded, in their order
  std::vector<cudaEvent_t> spare_;
};

}  // namespace phi3lab::cuda
