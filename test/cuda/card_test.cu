// What compute capabilities have, and what PHI3LAB_CUDA_ARCH may say; where there is a GPU, what it takes of that too.
// Prints a line a case and "N passed, N failed"; exits 1 when one failed.
#include "cuda/card.h"

#include <cstdio>

namespace phi3lab::cuda::test {
namespace {

int passed = 0, failed = 0;

void report(bool ok, const std::string& name) {
  std::printf("%s %s\n", ok ? "ok" : "not ok", name.c_str());
  ++(ok ? passed : failed);
}

/** The words of what `call` throws; "" when it does not. */
template <class Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

bool equal(const Paths& a, const Paths& b) {
  return a.async_copies == b.async_copies && a.mma_bf16 == b.mma_bf16 && a.overlap == b.overlap &&
         a.clusters == b.clusters && a.wgmma == b.wgmma;
}

/** By NVIDIA's tables: cp.async and bfloat16 from 8.0, programmatic launch and clusters from 9.0, wgmma in 9.0 alone.
 */
void test_paths() {
  const Paths turing, ampere = {true, true}, hopper = {true, true, true, true, true};
  const Paths blackwell = {true, true, true, true};
  const struct {
    int capability;
    const Paths& paths;
  } cases[] = {{75, turing},     {80, ampere},     {86, ampere},     {87, ampere},     {89, ampere},    {90, hopper},
               {100, blackwell}, {103, blackwell}, {110, blackwell}, {120, blackwell}, {121, blackwell}};
  for (const auto& one : cases)
    report(equal(paths_of(one.capability), one.paths), "paths of " + std::to_string(one.capability));
}

void test_choices() {
  for (const char* known : {"", "portable", "7.5", "8.0", "8.6", "8.9", "9.0", "12.0"})
    report(refusal([&] { check_choice(known); }).empty(), std::string("takes \"") + known + "\"");
  for (const char* unknown : {"8", "86", "8.7", "hopper", " 8.6", "8.60"}) {
    const std::string said = refusal([&] { check_choice(unknown); });
    const bool names = said.find("portable, 7.5, 8.0, 8.6, 8.9, 9.0, 12.0") != std::string::npos;
    report(names && said.find(unknown) != std::string::npos, std::string("refuses \"") + unknown + "\": " + said);
  }
}

/** Each capability on this card: taken with its instructions and at most its shared memory, or refused. */
void test_card() {
  const Kernels own = kernels_of(0, "");
  report(own.card.multiprocessors > 0 && own.card.shared_memory_per_block > 0, "the card's own");
  report(equal(kernels_of(0, "portable").paths, Paths()), "portable");
  for (const Capability& one : kCapabilities) {
    const std::string name = std::to_string(one.number / 10) + "." + std::to_string(one.number % 10);
    const bool missing = (one.paths.async_copies && !own.paths.async_copies) ||
                         (one.paths.clusters && !own.paths.clusters) || (one.paths.wgmma && !own.paths.wgmma);
    Kernels as;
    const std::string said = refusal([&] { as = kernels_of(0, name); });
    if (missing) {
      report(said.find(name) != std::string::npos, name + " is refused: " + said);
      continue;
    }
    report(said.empty() && equal(as.paths, one.paths) && as.card.capability == one.number &&
               as.card.shared_memory_per_block <= one.kilobytes_per_block << 10 &&
               as.card.shared_memory_per_block <= own.card.shared_memory_per_block &&
               as.card.multiprocessors == own.card.multiprocessors,
           "as " + name + said);
  }
}

}  // namespace
}  // namespace phi3lab::cuda::test

int main() {
  using namespace phi3lab::cuda::test;
  test_paths();
  test_choices();
  int count = 0;
  if (cudaGetDeviceCount(&count) == cudaSuccess && count > 0) {
    try {
      test_card();
    } catch (const std::exception& error) {
      report(false, error.what());
    }
  }
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed > 0 ? 1 : 0;
}
