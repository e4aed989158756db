// What compute capabilities have, and what PHI3LAB_CUDA_ARCH may say; where there is a GPU, what it takes of that too.
// Prints a line a case and "N passed, N failed"; exits 1 when one failed.
#include "cuda/device/kernel_set.h"

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

bool equal(const KernelSet& a, const KernelSet& b) {
  return a.async_copies == b.async_copies && a.mma_bf16 == b.mma_bf16 && a.overlap == b.overlap &&
         a.clusters == b.clusters && a.wgmma == b.wgmma;
}

/** By NVIDIA's tables: cp.async and bfloat16 from 8.0, programmatic launch and clusters from 9.0, wgmma in 9.0 alone.
 */
void test_paths() {
  const KernelSet turing, ampere = {true, true}, hopper = {true, true, true, true, true};
  const KernelSet blackwell = {true, true, true, true};
  const struct {
    int capability;
    const KernelSet& kernels;
  } cases[] = {{75, turing},     {80, ampere},     {86, ampere},     {87, ampere},     {89, ampere},    {90, hopper},
               {100, blackwell}, {103, blackwell}, {110, blackwell}, {120, blackwell}, {121, blackwell}};
  for (const auto& one : cases)
    report(equal(kernel_set_of(one.capability), one.kernels), "paths of " + std::to_string(one.capability));
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

/** Each capability on this GPU: taken with its instructions and at most its shared memory, or refused. */
void test_card() {
  const DeviceKernels own = device_kernels_of(0, "");
  report(own.device.multiprocessors > 0 && own.device.shared_memory_per_block > 0, "the GPU's own");
  report(equal(device_kernels_of(0, "portable").kernels, KernelSet()), "portable");
  for (const Capability& one : kCapabilities) {
    const std::string name = std::to_string(one.number / 10) + "." + std::to_string(one.number % 10);
    const bool missing = (one.kernels.async_copies && !own.kernels.async_copies) ||
                         (one.kernels.clusters && !own.kernels.clusters) || (one.kernels.wgmma && !own.kernels.wgmma);
    DeviceKernels as;
    const std::string said = refusal([&] { as = device_kernels_of(0, name); });
    if (missing) {
      report(said.find(name) != std::string::npos, name + " is refused: " + said);
      continue;
    }
    report(said.empty() && equal(as.kernels, one.kernels) && as.device.capability == one.number &&
               as.device.shared_memory_per_block <= one.kilobytes_per_block << 10 &&
               as.device.shared_memory_per_block <= own.device.shared_memory_per_block &&
               as.device.multiprocessors == own.device.multiprocessors,
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
