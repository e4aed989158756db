// A pool of threads that works in regions: `run` starts a function on every thread and returns when all are done;
// inside a region the threads meet at `barrier`. A decode step is one region of about 120 barriers, so waiting threads
// spin; a thread without a region to work in parks after some tens of microseconds, so that an idle process uses no
// CPU. Where other programs want the processors too, a thread that waits for its turn holds all others up at the next
// barrier: such threads stay parked until the processors may be free again.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace phi3lab::cpu {

class ThreadPool {
 public:
  /** `threads` ≥ 1; the caller of `run` is one of them. */
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /** Threads, at most. */
  int size() const { return size_; }
  /** Inside a region: the threads that take part, 0 … active() − 1. */
  int active() const { return active_; }

  /**
   * Runs work(thread, active()) on every thread that takes part, the caller as thread 0. From one thread at a time,
   * never nested. The first exception is thrown again here once all threads have left; the others leave at their next
   * barrier.
   */
  void run(const std::function<void(int, int)>& work);

  /** Inside a region: returns when every thread that takes part has come. */
  void barrier(int thread);

 private:
  struct alignas(128) Line {
    std::atomic<uint32_t> count{0};
    int64_t lost = 0;     // nanoseconds of `busy_` in which the thread had no processor
    bool parked = false;  // under mutex_
  };
  using Clock = std::chrono::steady_clock;
  void worker(int thread);
  void enter(int thread);
  void choose_threads();

  const int size_;
  int active_;
  int64_t busy_ = 0;              // nanoseconds of regions that all threads took part in, since they were judged
  Clock::time_point full_again_;  // when parked threads take part again
  std::chrono::milliseconds park_time_{25};  // half of the next time that they are parked
  std::unique_ptr<Line[]> lines_;            // (size_): barriers that each thread has reached, and what else is its own
  alignas(128) std::atomic<uint64_t> region_{0};  // a count · 2¹⁶ + the threads that take part
  alignas(128) std::atomic<uint32_t> finished_{0};
  std::atomic<bool> failed_{false};
  std::atomic<bool> stop_{false};
  std::exception_ptr failure_;
  const std::function<void(int, int)>* work_ = nullptr;
  std::mutex mutex_;
  std::condition_variable wake_;
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

/**
 * Calls use(first, last) for the one or two runs of a prompt's tokens (or of what lies in their order) that are a
 * thread's own in each stage that can be cut by tokens: its caches hold them from the stage before. Of twice as many
 * runs as threads each thread has one from the front and one from the back, which together see as many positions as
 * any other's.
 */
template <class Use>
static inline void own_runs(int64_t total, int thread, int threads, const Use& use) {
  for (const int run : {thread, 2 * threads - 1 - thread}) {
    int64_t first, last;
    split(total, 1, run, 2 * threads, &first, &last);
    if (first < last) use(first, last);
  }
}

}  // namespace phi3lab::cpu
