// This machine's limits with the threads that the CPU backend would use, in one line of JSON:
// {"threads", "path", "read": GB/s of reading memory over and over, "multiply_add": GFLOP/s in float32}, medians and
// bests over rounds of some milliseconds. Then, for each line in, {"rate"}: what is so now, in bytes a second, or in
// operations a second where the line names multiply_add.
//
// Usage: limits [threads] [seconds for each, default 0.5] [MiB to read, default 96: the size of the small model's file]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include "cpu/matmul/matmul.h"
#include "cpu/threads/thread_count.h"
#include "limits_loops.h"

using namespace phi3lab::cpu;

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

struct Rates {
  double median, best;
};

/** work done a second, over rounds of the same work on every thread. */
Rates measure(ThreadPool& pool, double seconds, double work, const std::function<void(int)>& round) {
  std::vector<double> rates;
  const double end = now() + seconds;
  while (now() < end || rates.size() < 5) {
    const double start = now();
    pool.run([&](int thread, int) { round(thread); });
    rates.push_back(work / (now() - start));
  }
  std::sort(rates.begin(), rates.end());
  return {rates[rates.size() / 2], rates.back()};
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = thread_count(argc > 1 ? std::atoi(argv[1]) : 0);
  const double seconds = argc > 2 ? std::atof(argv[2]) : 0.5;
  const Isa isa = choose_isa();
  ThreadPool pool(threads);
  Arena arena;  // large pages, as the weights have them
  const size_t bytes = static_cast<size_t>(argc > 3 ? std::max(1, std::atoi(argv[3])) : 96) << 20;
  uint8_t* data = arena.allocate(bytes);
  for (size_t i = 0; i < bytes; i += 64) data[i] = static_cast<uint8_t>(i >> 6);
  const size_t share = bytes / static_cast<size_t>(threads) / 256 * 256;
  std::vector<uint64_t> sink(static_cast<size_t>(threads) * 16);
  const Loops loops = loops_of(isa.path);
  const auto measure_read = [&] {
    return measure(pool, seconds, static_cast<double>(share * static_cast<size_t>(threads)) / 1e9, [&](int t) {
      sink[static_cast<size_t>(t) * 16] += loops.read(data + share * static_cast<size_t>(t), share);
    });
  };
  const auto measure_multiply_add = [&] {
    constexpr long kTurns = 100000;
    return measure(pool, seconds, loops.flops_a_turn * kTurns * threads / 1e9,
                   [&](int t) { sink[static_cast<size_t>(t) * 16] += loops.multiply_add(kTurns); });
  };
  const Rates read = measure_read(), flops = measure_multiply_add();
  std::printf(
      "{\"threads\": %d, \"path\": \"%s\", \"read\": {\"median\": %.2f, \"best\": %.2f}, \"multiply_add\": "
      "{\"median\": %.1f, \"best\": %.1f}}\n",
      threads, isa_name(isa), read.median, read.best, flops.median, flops.best);
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    const bool multiply_add = line.find("multiply_add") != std::string::npos;
    std::printf("{\"rate\": %.0f}\n", 1e9 * (multiply_add ? measure_multiply_add() : measure_read()).median);
    std::fflush(stdout);
  }
  return sink[0] == 0x5eed ? 1 : 0;  // the loops' results are needed for something
}
