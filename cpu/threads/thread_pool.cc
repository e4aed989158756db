// The pool's threads, its spin barrier and the count of cores.
#include "thread_pool.h"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace phi3lab::cpu {
namespace {

/** What the other threads of a failed region throw to leave it; `run` throws the first failure instead. */
struct RegionFailed {};

inline void relax() {
#ifdef __x86_64__
  _mm_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/** Spins, and after a while lets others have the core: they may be the very threads that are waited for. */
class Spinner {
 public:
  void once() {
    relax();
    if (++turns_ >= kYieldAfter) std::this_thread::yield();
  }

 private:
  static constexpr int kYieldAfter = 2000;  // 20 to 80 µs: longer than a stage of a small model's decode step
  int turns_ = 0;
};

constexpr auto kSpinBeforeParking = std::chrono::microseconds(50);

// Threads are judged when they have worked for so long, and have starved when they had no processor for a quarter of
// it: longer than the system's own work takes, less than what one competitor gets.
constexpr int64_t kJudgedNanoseconds = 20'000'000;
constexpr int64_t kStarvedShare = 4;
constexpr auto kShortestPark = std::chrono::milliseconds(50), kLongestPark = std::chrono::milliseconds(400);

int64_t nanoseconds(std::chrono::steady_clock::duration time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
}

/** Nanoseconds for which the calling thread has had a processor; -1 where the system does not tell well enough. */
int64_t processor_time() {
  timespec time;
  if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time) != 0) return -1;
  return static_cast<int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

ThreadPool::ThreadPool(int threads) : size_(threads), active_(threads), lines_(new Line[threads > 0 ? threads : 1]) {
  if (threads < 1) throw std::runtime_error("[cpu] Expected at least 1 thread but received " + std::to_string(threads));
  try {
    for (int t = 1; t < threads; t++) threads_.emplace_back([this, t] { worker(t); });
  } catch (...) {
    stop_ = true;
    {
      std::lock_guard<std::mutex> lock(mutex_);
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    throw;
  }
}

ThreadPool::~ThreadPool() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::enter(int thread) {
  const Clock::time_point start = Clock::now();
  const int64_t before = processor_time();
  try {
    (*work_)(thread, active_);
  } catch (const RegionFailed&) {
  } catch (...) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
    failed_.store(true, std::memory_order_release);
  }
  if (before >= 0) lines_[thread].lost += nanoseconds(Clock::now() - start) - (processor_time() - before);
}

void ThreadPool::choose_threads() {
  if (active_ < size_) {
    if (Clock::now() < full_again_) return;
    active_ = size_;
  } else if (busy_ < kJudgedNanoseconds) {
    return;
  } else {
    for (int t = 0; t < size_; t++) active_ -= lines_[t].lost > busy_ / kStarvedShare;
    if (active_ < 1) active_ = 1;
    // A competitor that stays is tried again less and less often.
    park_time_ = active_ == size_ ? kShortestPark / 2 : std::min(2 * park_time_, kLongestPark);
    full_again_ = Clock::now() + park_time_;
  }
  busy_ = 0;
  for (int t = 0; t < size_; t++) lines_[t].lost = 0;
}

void ThreadPool::run(const std::function<void(int, int)>& work) {
  if (size_ > 1) choose_threads();
  if (active_ == 1) return work(0, 1);
  const Clock::time_point start = Clock::now();
  work_ = &work;
  failure_ = nullptr;
  failed_.store(false, std::memory_order_relaxed);
  finished_.store(0, std::memory_order_relaxed);
  for (int t = 0; t < active_; t++) lines_[t].count.store(0, std::memory_order_relaxed);
  const uint64_t count = (region_.load(std::memory_order_relaxed) >> 16) + 1;
  region_.store(count << 16 | static_cast<uint64_t>(active_), std::memory_order_seq_cst);
  bool sleepers = false;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    for (int t = 1; t < active_; t++) sleepers = sleepers || lines_[t].parked;
  }
  if (sleepers) wake_.notify_all();
  enter(0);
  Spinner spinner;
  while (finished_.load(std::memory_order_acquire) != static_cast<uint32_t>(active_ - 1)) spinner.once();
  busy_ += nanoseconds(Clock::now() - start);
  work_ = nullptr;
  if (failure_) std::rethrow_exception(failure_);
}

void ThreadPool::barrier(int thread) {
  if (active_ == 1) return;
  std::atomic<uint32_t>& mine = lines_[thread].count;
  const uint32_t count = mine.load(std::memory_order_relaxed) + 1;
  mine.store(count, std::memory_order_release);
  for (int other = 0; other < active_; other++) {
    if (other == thread) continue;
    Spinner spinner;
    while (static_cast<int32_t>(lines_[other].count.load(std::memory_order_acquire) - count) < 0) {
      if (failed_.load(std::memory_order_acquire)) throw RegionFailed();
      spinner.once();
    }
  }
}

void ThreadPool::worker(int thread) {
  uint64_t seen = 0;
  const auto mine = [&](uint64_t region) { return region != seen && thread < static_cast<int>(region & 0xffff); };
  while (true) {
    const auto start = Clock::now();
    uint64_t region;
    while (!mine(region = region_.load(std::memory_order_acquire)) && !stop_.load(std::memory_order_relaxed)) {
      for (int i = 0; i < 32; i++) relax();
      if (Clock::now() - start < kSpinBeforeParking) continue;
      std::unique_lock<std::mutex> lock(mutex_);
      lines_[thread].parked = true;
      wake_.wait(lock, [&] { return mine(region_.load(std::memory_order_acquire)) || stop_.load(); });
      lines_[thread].parked = false;
    }
    if (!mine(region)) return;  // told to stop, and nothing left to do
    seen = region;
    enter(thread);
    finished_.fetch_add(1, std::memory_order_release);
  }
}

}  // namespace phi3lab::cpu
