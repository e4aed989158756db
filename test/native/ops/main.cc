// ops_test: every verb of a backend against its definition in double precision, a line a case.
//
//   ops_test [--device=cpu|cuda] [--dtype=float32|bfloat16|float16] [--kv=float32|float16] [--only=TEXT] [--quick]
//            [--list] [--seed=N]
//
// `--only` keeps the cases whose names hold TEXT, `--quick` a small one for every kernel (for compute-sanitizer).
// `--kv` is what the CPU keeps keys and values in; a GPU keeps them in its dtype. PHI3LAB_CPU chooses the CPU's path.
// Prints "ok NAME ERROR" or "not ok NAME ERROR > TOLERANCE", at last "N passed, N failed"; the exit status is 1 when a
// case failed, 2 when nothing could run. The input is random:
// `--seed` repeats a run, and a case's input hangs on the seed and its name alone.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "native/devices.h"
#include "table.h"

using namespace phi3lab;
using namespace phi3lab::ops;

namespace {

struct Arguments {
  std::string device = "cpu", dtype = "float32", kv, only;
  bool quick = false, list = false;
  uint64_t seed = std::random_device()();
};

Arguments parse(int count, char** values) {
  Arguments arguments;
  for (int i = 1; i < count; i++) {
    const std::string argument = values[i], name = argument.substr(0, argument.find('='));
    const std::string value = name.size() < argument.size() ? argument.substr(name.size() + 1) : "";
    if (name == "--device")
      arguments.device = value;
    else if (name == "--dtype")
      arguments.dtype = value;
    else if (name == "--kv")
      arguments.kv = value;
    else if (name == "--only")
      arguments.only = value;
    else if (name == "--quick")
      arguments.quick = true;
    else if (name == "--list")
      arguments.list = true;
    else if (name == "--seed")
      arguments.seed = std::strtoull(value.c_str(), nullptr, 10);
    else
      throw std::runtime_error("Expected --device, --dtype, --kv, --only, --quick, --list or --seed but received " +
                               argument);
  }
  if (arguments.kv.empty()) arguments.kv = arguments.dtype;
  return arguments;
}

Dtype dtype_of(const std::string& name) {
  if (name == "float32") return Dtype::float32;
  if (name == "bfloat16") return Dtype::bfloat16;
  if (name == "float16") return Dtype::float16;
  throw std::runtime_error("Expected float32, bfloat16 or float16 for a type but received " + name);
}

uint64_t seed_of(uint64_t seed, const std::string& name) {
  for (char c : name) seed = (seed ^ static_cast<uint8_t>(c)) * 1099511628211u;  // FNV-1a
  return seed;
}

bool run(const Case& one, const Arguments& arguments, Backend& backend) {
  Bench bench{backend, dtype_of(arguments.dtype), dtype_of(arguments.kv), arguments.device == "cuda",
              Random(seed_of(arguments.seed, one.name))};
  const auto start = std::chrono::steady_clock::now();
  bool ok = false;
  std::string text;
  try {
    const Verdict verdict = one.run(bench);
    ok = verdict.error <= verdict.tolerance;  // false for NaN as well
    char numbers[64];
    std::snprintf(numbers, sizeof numbers, ok ? "%.1e" : "%.1e > %.1e", verdict.error, verdict.tolerance);
    text = numbers;
  } catch (const std::exception& error) {
    text = error.what();
    backend.discard();
  }
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
  std::printf("%s %s %s", ok ? "ok" : "not ok", one.name.c_str(), text.c_str());
  if (time.count() > 0.5) std::printf(" (%.1f s)", time.count());
  std::printf("\n");
  std::fflush(stdout);
  return ok;
}

int test(const Arguments& arguments) {
  std::vector<Case> table;
  for (const auto add :
       {rowwise_cases, argmax_cases, summarise_cases, matmul_cases, attention_cases, attention_chain_cases,
        feed_forward_chain_cases, step_cases, sequence_cases, edit_cases, order_cases})
    add(table);
  if (arguments.device == "cpu") nonfinite_cases(table);
  std::vector<Case> chosen;
  for (const Case& one : table)
    if ((!arguments.quick || one.quick) && one.name.find(arguments.only) != std::string::npos) chosen.push_back(one);
  if (arguments.list) {
    for (const Case& one : chosen) std::printf("%s\n", one.name.c_str());
    return 0;
  }
  BackendOptions options;
  options.device = arguments.device;
  options.dtype = arguments.dtype;
  if (arguments.device == "cpu") options.kv_dtype = arguments.kv;  // on a GPU dtype decides
  const auto backend = make_backend(options);
  if (backend->dtype() != arguments.dtype)
    throw std::runtime_error("The backend computes in " + std::string(backend->dtype()) + ", not in " +
                             arguments.dtype);
  backend->prepare(kMostTokens, kMostCols);
  std::printf("%s %s, keys and values in %s, --seed=%llu\n", arguments.device.c_str(), arguments.dtype.c_str(),
              arguments.kv.c_str(), static_cast<unsigned long long>(arguments.seed));
  int passed = 0, failed = 0;
  for (const Case& one : chosen) (run(one, arguments, *backend) ? passed : failed)++;
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed > 0 || passed == 0 ? 1 : 0;
}

}  // namespace

int main(int count, char** values) {
  try {
    return test(parse(count, values));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
