// The matrix products of SmolLM2-135M alone, on random weights: tokens a second that its matrices would allow. Where
// other programs run, on one thread the processor's time is what counts. Usage: matrices [any weight format] [threads]
// [rounds] [tokens …]; the head is Q8_0 for Q4_0 and Q4_1. Formats with blocks of 256 have 512 columns instead of 576.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "cpu/matmul/matmul.h"
#include "cpu/threads/thread_count.h"

using namespace phi3lab;
using namespace phi3lab::cpu;

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/** Seconds of processor time, of all threads. */
double processor_time() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double median_of(std::vector<double>* seconds) {
  std::sort(seconds->begin(), seconds->end());
  return (*seconds)[seconds->size() / 2];
}

struct Shape {
  int64_t rows, cols;
};
constexpr Shape kLayer[] = {{960, 576}, {576, 576}, {3072, 576}, {576, 1536}};
constexpr Shape kHead = {49152, 576};
constexpr int kLayers = 30;

std::vector<uint8_t> random_rows(WeightType type, const Shape& shape, uint64_t* seed) {
  std::vector<uint8_t> bytes(static_cast<size_t>(shape.rows) * row_bytes(type, shape.cols));
  for (size_t i = 0; i + 8 <= bytes.size(); i += 8) {
    *seed ^= *seed << 13, *seed ^= *seed >> 7, *seed ^= *seed << 17;
    std::memcpy(&bytes[i], seed, 8);
  }
  const size_t width = static_cast<size_t>(format_of(type).block_bytes);
  if (format_of(type).block_size == 1) {
    for (size_t i = width - 1; i < bytes.size(); i += width) bytes[i] = 0x3c + (bytes[i] & 0x80);  // about ±0.02
    return bytes;
  }
  const size_t at = type == WeightType::Q2_K ? 80 : type == WeightType::Q3_K ? 108 : type == WeightType::Q6_K ? 208 : 0;
  const bool minimum = type == WeightType::Q4_1 || type == WeightType::Q5_1 || type == WeightType::Q2_K ||
                       type == WeightType::Q4_K || type == WeightType::Q5_K;
  const uint16_t scale = 0x1c00;  // 2⁻⁸
  for (size_t i = at; i < bytes.size(); i += width) {
    std::memcpy(&bytes[i], &scale, 2);
    if (minimum) std::memcpy(&bytes[i + 2], &scale, 2);
  }
  return bytes;
}

}  // namespace

int main(int argc, char** argv) {
  WeightType type = WeightType::Q4_1;
  if (argc > 1) type = weight_type_named(argv[1]).value_or(type);
  const WeightType head = type == WeightType::Q4_1 || type == WeightType::Q4_0 ? WeightType::Q8_0 : type;
  const int threads = thread_count(argc > 2 ? std::atoi(argv[2]) : 0), rounds = argc > 3 ? std::atoi(argv[3]) : 30;
  const Isa isa = choose_isa();
  Arena arena;
  ThreadPool pool(threads);
  std::vector<Matrix> matrices;
  std::vector<std::vector<uint8_t>> as_stored;
  uint64_t seed = 88172645463325252ull;
  size_t bytes = 0;
  int64_t weights = 0;  // of the layers
  double uploading = 0;
  for (int i = 0; i <= 4 * kLayers; i++) {
    Shape shape = i == 4 * kLayers ? kHead : kLayer[i % 4];
    RowGroup g;
    g.type = i == 4 * kLayers ? head : type;
    shape.cols -= shape.cols % format_of(g.type).block_size;
    as_stored.push_back(random_rows(g.type, shape, &seed));
    g.data = as_stored.back().data();
    g.rows = shape.rows;
    const double start = now();
    matrices.emplace_back(isa, std::vector<RowGroup>{g}, shape.cols, &arena, &pool);
    uploading += now() - start;
    bytes += matrices.back().bytes();
    if (i < 4 * kLayers) weights += shape.rows * shape.cols;
    if (matrices.back().segments()[0].packing != Packing::as_stored) as_stored.back() = {};
  }
  const Workspace workspace(threads, 1536);
  std::vector<int64_t> lengths;
  for (int i = 4; i < argc; i++) lengths.push_back(std::atoi(argv[i]));
  if (lengths.empty()) lengths = {1};
  std::printf("%s %s, %d threads, %.1f MB, uploaded in %.0f ms\n", isa_name(isa), format_of(type).name, threads,
              bytes / 1e6, uploading * 1e3);
  for (int64_t tokens : lengths) {
    std::vector<float> a(static_cast<size_t>(tokens * 3072), 0.5f), b(std::max<size_t>(a.size(), 49152), 0.5f);
    for (size_t i = 0; i < a.size(); i++) a[i] = static_cast<float>(i * 7919 % 1000) / 500.0f - 1.0f;
    std::vector<double> seconds, busy;
    for (int round = 0; round < rounds; round++) {
      const double start = now(), busy_before = processor_time();
      pool.run([&](int thread, int) {
        for (size_t i = 0; i < matrices.size(); i++) {
          const bool last = i + 1 == matrices.size();  // the head, for one token
          matmul(pool, thread, workspace, b.data(), a.data(), matrices[i], last ? 1 : tokens, matrices[i].rows(),
                 matrices[i].cols());
          pool.barrier(thread);
        }
      });
      seconds.push_back(now() - start);
      busy.push_back((processor_time() - busy_before) / threads);
    }
    const double median = median_of(&seconds), work = median_of(&busy);
    const double operations = 2.0 * static_cast<double>(weights) * static_cast<double>(tokens);
    std::printf(
        "tokens %lld: median %.3f ms (best %.3f), %.0f (%.0f) tok/s, %.1f GB/s, %.0f GFLOP/s; by processor time %.1f "
        "(%.1f) GB/s, %.0f (%.0f) GFLOP/s\n",
        static_cast<long long>(tokens), median * 1e3, seconds[0] * 1e3, tokens / median, tokens / seconds[0],
        bytes / median / 1e9, operations / median / 1e9, bytes / work / 1e9, bytes / busy[0] / 1e9,
        operations / work / 1e9, operations / busy[0] / 1e9);
  }
}
