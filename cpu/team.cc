// The team's threads, its spin barrier and the count of cores.
#include "team.h"

#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <string>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace phi3lab::cpu {
namespace {

/** What the other threads of a failed region throw to leave it; `run` throws the first failure instead. */
struct RegionFailed {};

inline void relax() {
#if defined(__x86_64__) || defined(_M_X64)
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

}  // namespace

Team::Team(int threads) : size_(threads), arrived_(new Line[threads > 0 ? threads : 1]) {
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

Team::~Team() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Team::enter(int thread) {
  try {
    (*work_)(thread, size_);
  } catch (const RegionFailed&) {
  } catch (...) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
    failed_.store(true, std::memory_order_release);
  }
}

void Team::run(const std::function<void(int, int)>& work) {
  if (size_ == 1) return work(0, 1);
  work_ = &work;
  failure_ = nullptr;
  failed_.store(false, std::memory_order_relaxed);
  finished_.store(0, std::memory_order_relaxed);
  for (int t = 0; t < size_; t++) arrived_[t].count.store(0, std::memory_order_relaxed);
  region_.fetch_add(1, std::memory_order_seq_cst);
  bool sleepers;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    sleepers = parked_ > 0;
  }
  if (sleepers) wake_.notify_all();
  enter(0);
  Spinner spinner;
  while (finished_.load(std::memory_order_acquire) != static_cast<uint32_t>(size_ - 1)) spinner.once();
  work_ = nullptr;
  if (failure_) std::rethrow_exception(failure_);
}

void Team::barrier(int thread) {
  if (size_ == 1) return;
  std::atomic<uint32_t>& mine = arrived_[thread].count;
  const uint32_t count = mine.load(std::memory_order_relaxed) + 1;
  mine.store(count, std::memory_order_release);
  for (int other = 0; other < size_; other++) {
    if (other == thread) continue;
    Spinner spinner;
    while (static_cast<int32_t>(arrived_[other].count.load(std::memory_order_acquire) - count) < 0) {
      if (failed_.load(std::memory_order_acquire)) throw RegionFailed();
      spinner.once();
    }
  }
}

void Team::worker(int thread) {
  uint32_t seen = 0;
  while (true) {
    const auto start = std::chrono::steady_clock::now();
    while (region_.load(std::memory_order_acquire) == seen && !stop_.load(std::memory_order_relaxed)) {
      for (int i = 0; i < 32; i++) relax();
      if (std::chrono::steady_clock::now() - start < kSpinBeforeParking) continue;
      std::unique_lock<std::mutex> lock(mutex_);
      parked_++;
      wake_.wait(lock, [&] { return region_.load(std::memory_order_acquire) != seen || stop_.load(); });
      parked_--;
    }
    if (region_.load(std::memory_order_acquire) == seen) return;  // told to stop, and nothing left to do
    seen++;
    enter(thread);
    finished_.fetch_add(1, std::memory_order_release);
  }
}

}  // namespace phi3lab::cpu
