// A team of threads that works in regions: `run` starts a function on every thread and returns when all are done;
// inside a region the threads meet at `barrier`. A decode step is one region of about 120 barriers, so waiting threads
// spin; a thread without a region to work in parks after some tens of microseconds, so that an idle process uses no
// CPU.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace phi3lab::cpu {

/**
 * How many threads to use: `wished` when positive, else `PHI3LAB_THREADS`, else the physical cores that this process
 * may use by its affinity and its cgroup's quota. Throws a sentence when PHI3LAB_THREADS is no number in 1 … 256.
 */
int thread_count(int wished = 0);

class Team {
 public:
  /** `threads` ≥ 1; the caller of `run` is one of them. */
  explicit Team(int threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return size_; }

  /**
   * Runs work(thread, size()) on every thread, the caller as thread 0. From one thread at a time, never nested. The
   * first exception is thrown again here once all threads have left; the others leave at their next barrier.
   */
  void run(const std::function<void(int, int)>& work);

  /** Inside a region: returns when every thread of the team has come. */
  void barrier(int thread);

 private:
  struct alignas(128) Line {
    std::atomic<uint32_t> count{0};
  };
  void worker(int thread);
  void enter(int thread);

  const int size_;
  std::unique_ptr<Line[]> arrived_;  // (size_): barriers that each thread has reached
  alignas(128) std::atomic<uint32_t> region_{0};
  alignas(128) std::atomic<uint32_t> finished_{0};
  std::atomic<bool> failed_{false};
  std::atomic<bool> stop_{false};
  std::exception_ptr failure_;
  const std::function<void(int, int)>* work_ = nullptr;
  std::mutex mutex_;
  std::condition_variable wake_;
  int parked_ = 0;
  std::vector<std::thread> threads_;
};

/** The share [first, last) of `total` items that falls to one of `threads` threads, in whole multiples of `unit`. */
static inline void split(int64_t total, int64_t unit, int thread, int threads, int64_t* first, int64_t* last) {
  const int64_t units = (total + unit - 1) / unit;
  *first = units * thread / threads * unit;
  *last = units * (thread + 1) / threads * unit;
  if (*first > total) *first = total;
  if (*last > total) *last = total;
}

}  // namespace phi3lab::cpu
