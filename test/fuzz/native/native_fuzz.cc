// native_fuzz SECONDS SEED: hostile models and calls against the native half, for the sanitizers. What is wrong ends
// the program; an input is answered by a result or an exception, whatever it is. The rounds that came through are
// counted, and of each kind of call how many were answered, of how many. What once broke the native half comes first.
//
// Each round has a seed of its own, printed before it begins: `native_fuzz 0 SEED` runs that one alone.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "calls.h"
#include "known.h"
#include "native/devices.h"
#include "native/model/convert.h"
#include "native/model/encode.h"
#include "test/native/post.h"

using namespace phi3lab;

namespace {

constexpr int64_t kFileBytes = 1 << 18;

struct Counts {
  int64_t rounds = 0, loaded = 0, refused = 0, rows = 0;
  CallCounts calls;
};

void run_model(Random& random, const std::string& file, Counts& counts) {
  const std::vector<uint8_t> bytes = random.bytes(kFileBytes);
  std::ofstream(file, std::ios::binary | std::ios::trunc)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  const OpenRequest request = hostile_model(random, file, kFileBytes, random.one_in(2) ? 0 : 1 + random.below(3));
  Session session;
  bool loaded = false;
  try {
    post(session, [&](Session& it) { return it.open(request, std::make_shared<AbortState>(), {}), 0; }).get();
    counts.loaded++, loaded = true;
  } catch (const std::exception&) {
    counts.refused++;
  }
  Caller caller(random, session);
  for (int64_t i = random.below(loaded ? 20 : 3); i > 0; i--) caller.call(counts.calls);
  if (random.one_in(2)) post(session, [](Session& it) { return it.dispose(), 0; }).get();
}

// Every format's rows of whatever bytes, in memory of exactly their size, read by both of its decoders.
void run_rows(Random& random, Counts& counts) {
  for (int i = 0; i < kWeightTypes; i++) {
    const auto type = static_cast<WeightType>(i);
    const int64_t cols = format_of(type).block_size * (1 + random.below(6));
    const std::vector<uint8_t> given = random.bytes(row_bytes(type, cols));
    std::unique_ptr<uint8_t[]> row(new uint8_t[given.size()]);
    std::memcpy(row.get(), given.data(), given.size());
    std::unique_ptr<float[]> out(new float[static_cast<size_t>(cols)]);
    dequantise_row(out.get(), type, row.get(), cols);
    if (can_encode(type)) {
      if (random.one_in(2))
        for (int64_t k = 0; k < cols; k++) out[static_cast<size_t>(k)] = random.odd_float();
      encode_row(row.get(), type, out.get(), cols);
    }
    counts.rows++;
  }
  for (const char* name : {"F64", "F8_E4M3"}) {
    const StoredFormat format = *StoredFormat::named(name);
    const int64_t cols = 1 + random.below(100);
    const std::vector<uint8_t> given = random.bytes(format.row_bytes(cols));
    std::unique_ptr<uint8_t[]> row(new uint8_t[given.size()]);
    std::memcpy(row.get(), given.data(), given.size());
    std::unique_ptr<float[]> out(new float[static_cast<size_t>(cols)]);
    format.decode(out.get(), row.get(), cols);
    counts.rows++;
  }
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 10;
  uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : std::random_device()();
  const std::string file =
      (std::filesystem::temp_directory_path() / ("phi3lab-fuzz-" + std::to_string(std::random_device()()))).string();
  known_faults(file);
  Counts counts;
  const auto start = std::chrono::steady_clock::now();
  do {
    std::fprintf(stderr, "seed %llu\n", static_cast<unsigned long long>(seed));
    Random random(seed++);
    run_rows(random, counts);
    run_model(random, file, counts);
    counts.rounds++;
  } while (std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() < seconds);
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
  std::printf("%lld rounds: %lld models loaded, %lld refused; %lld rows", static_cast<long long>(counts.rounds),
              static_cast<long long>(counts.loaded), static_cast<long long>(counts.refused),
              static_cast<long long>(counts.rows));
  for (const auto& [name, count] : counts.calls.kinds)
    std::printf("; %s %lld of %lld", name.c_str(), static_cast<long long>(count.answered),
                static_cast<long long>(count.calls));
  std::printf("\ndone\n");
}
