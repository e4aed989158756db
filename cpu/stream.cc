// How fast this machine's memory is read: the measure that a decoded token, which reads every weight once, is held to.
#include <algorithm>
#include <chrono>
#include <vector>

#include "backend.h"

namespace phi3lab::cpu {
namespace {

// More than the last-level caches of nearly all machines; on the few that have more it is the cache that is measured.
constexpr size_t kBytes = size_t{96} << 20;
constexpr auto kTime = std::chrono::milliseconds(150);
constexpr size_t kRounds = 5;  // at least

/** Reads `words` numbers, a multiple of 8, in one stream. What it gives hangs on all of them. */
uint64_t read_all(const uint64_t* data, size_t words) {
  uint64_t sums[8] = {};
  for (size_t i = 0; i < words; i += 8)
    for (size_t k = 0; k < 8; k++) sums[k] ^= data[i + k];
  return sums[0] ^ sums[1] ^ sums[2] ^ sums[3] ^ sums[4] ^ sums[5] ^ sums[6] ^ sums[7];
}

}  // namespace

double CpuBackend::measure_stream() {
  using Clock = std::chrono::steady_clock;
  Arena arena;  // large pages, as repacked weights have them
  auto* data = reinterpret_cast<uint64_t*>(arena.allocate(kBytes));
  const size_t words = kBytes / sizeof(uint64_t);
  for (size_t i = 0; i < words; i++) data[i] = i;
  std::vector<uint64_t> sums(static_cast<size_t>(pool_.size()));
  std::vector<double> rates;
  const Clock::time_point end = Clock::now() + kTime;
  while (rates.size() < kRounds || Clock::now() < end) {
    const Clock::time_point start = Clock::now();
    pool_.run([&](int thread, int threads) {
      int64_t first, last;
      split(static_cast<int64_t>(words), 64, thread, threads, &first, &last);
      sums[static_cast<size_t>(thread)] = read_all(data + first, static_cast<size_t>(last - first));
    });
    rates.push_back(static_cast<double>(kBytes) / std::chrono::duration<double>(Clock::now() - start).count());
  }
  // Touching the sums keeps the compiler from leaving the reading out.
  volatile uint64_t sink = sums[0];
  (void)sink;
  std::nth_element(rates.begin(), rates.begin() + static_cast<int64_t>(rates.size() / 2), rates.end());
  return rates[rates.size() / 2];
}

}  // namespace phi3lab::cpu
