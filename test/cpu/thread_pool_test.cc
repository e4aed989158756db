// The pool of threads: every thread runs, barriers order writes, failures come back, idle threads use no CPU.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "cpu/threads/thread_pool.h"

using namespace phi3lab::cpu;

namespace {

int failures = 0;

void report(const std::string& name, bool ok) {
  failures += !ok;
  std::printf("%s %s\n", ok ? "ok" : "not ok", name.c_str());
}

/** Each thread adds its neighbour's last number; a missing or early barrier makes the sums differ. */
void run_barriers(int threads) {
  ThreadPool pool(threads);
  std::vector<long> now(static_cast<size_t>(threads), 1), next(now);
  constexpr int kRounds = 200;
  pool.run([&](int thread, int n) {
    for (int round = 0; round < kRounds; round++) {
      next[static_cast<size_t>(thread)] =
          (now[static_cast<size_t>(thread)] * 3 + now[static_cast<size_t>((thread + 1) % n)]) % 1000003;
      pool.barrier(thread);
      now[static_cast<size_t>(thread)] = next[static_cast<size_t>(thread)];
      pool.barrier(thread);
    }
  });
  long expected = 1;
  for (int round = 0; round < kRounds; round++) expected = expected * 4 % 1000003;
  bool ok = true;
  for (long v : now) ok = ok && v == expected;
  report("barriers order the writes of " + std::to_string(threads) + " threads", ok);
}

void run_regions(int threads) {
  ThreadPool pool(threads);
  bool ok = true;
  for (int i = 0; i < 500; i++) {
    if (i % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));  // the threads park
    std::vector<int> counts(static_cast<size_t>(threads), 0);
    std::atomic<int> given{0};
    pool.run([&](int thread, int active) {
      counts[static_cast<size_t>(thread)]++;
      given = active;
    });
    ok = ok && given >= 1 && given <= threads;
    for (int t = 0; t < threads; t++) ok = ok && counts[static_cast<size_t>(t)] == (t < given ? 1 : 0);
  }
  report("each of " + std::to_string(threads) + " threads runs a region that it takes part in once", ok);
}

void run_failure(int threads, int failing) {
  ThreadPool pool(threads);
  std::string message;
  try {
    pool.run([&](int thread, int) {
      pool.barrier(thread);
      if (thread == failing) throw std::runtime_error("thread " + std::to_string(thread));
      pool.barrier(thread);
    });
  } catch (const std::exception& e) {
    message = e.what();
  }
  // Many regions: what a failure leaves behind may show at a later one alone.
  std::vector<int> counts(static_cast<size_t>(threads), 0);
  int whole = 0;
  for (int region = 0; region < 300; region++) {
    if (region % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));  // the threads park
    pool.run([&](int thread, int active) {
      counts[static_cast<size_t>(thread)]++;
      pool.barrier(thread);
      if (thread == 0) whole += std::count(counts.begin(), counts.begin() + active, counts[0]) == active;
      pool.barrier(thread);
    });
    std::fill(counts.begin(), counts.end(), 0);
  }
  report("a failure of thread " + std::to_string(failing) + " of " + std::to_string(threads) +
             " comes back and 300 regions after it run",
         message == "thread " + std::to_string(failing) && whole == 300);
}

/** Three threads a processor cannot all have one. */
void run_crowded() {
  const int threads = 3 * static_cast<int>(std::max(2u, std::thread::hardware_concurrency()));
  ThreadPool pool(threads);
  int least = threads, most = 0;
  const auto start = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() - start < std::chrono::milliseconds(1500)) {
    pool.run([&](int thread, int active) {
      for (int i = 0; i < 50; i++) {
        const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(20);
        while (std::chrono::steady_clock::now() < until) continue;
        pool.barrier(thread);
      }
      if (thread == 0) least = std::min(least, active), most = std::max(most, active);
    });
  }
  report("threads that get no processor are parked, and come back to try", least < threads && most == threads);
}

void run_idle() {
  ThreadPool pool(2);
  pool.run([](int, int) {});
  const std::clock_t before = std::clock();  // of the whole process
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const double used = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
  report("an idle pool uses less than 1% of a core", used < 0.005);
}

}  // namespace

int main() {
  for (int threads : {1, 2, 3, 5}) {
    run_barriers(threads);
    run_regions(threads);
    if (threads > 1) {
      run_failure(threads, 0);
      run_failure(threads, threads - 1);
    }
  }
  run_crowded();
  run_idle();
  bool refused = false;
  try {
    ThreadPool pool(0);
  } catch (const std::runtime_error&) {
    refused = true;
  }
  report("a pool of no threads is refused", refused);
  std::printf("done\n");
  return failures ? 1 : 0;
}
