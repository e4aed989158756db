// The card's facts, and what of its instructions this build's code uses: asked of the code itself, which the driver may
// have compiled from an older architecture's PTX.
#include "card.h"

#include <algorithm>

namespace phi3lab::cuda {
namespace {

__device__ int compiled_capability, compiled_wgmma;

__global__ void compiled_kernel() {
#ifdef __CUDA_ARCH__
  compiled_capability = __CUDA_ARCH__ / 10;
#endif
#ifdef __CUDA_ARCH_FEAT_SM90_ALL
  compiled_wgmma = 1;
#endif
}

std::string text_of(int capability) { return std::to_string(capability / 10) + "." + std::to_string(capability % 10); }

/** "portable, 7.5, 8.0 …" */
std::string known_choices() {
  std::string names = "portable";
  for (const Capability& one : kCapabilities) names += ", " + text_of(one.number);
  return names;
}

const Capability* find(const std::string& choice) {
  for (const Capability& one : kCapabilities)
    if (choice == text_of(one.number)) return &one;
  return nullptr;
}

/** What both have. */
Paths common(const Paths& a, const Paths& b) {
  return {a.async_copies && b.async_copies, a.mma_bf16 && b.mma_bf16, a.overlap && b.overlap, a.clusters && b.clusters,
          a.wgmma && b.wgmma};
}

bool has(const Paths& all, const Paths& some) {
  const Paths both = common(all, some);
  return both.async_copies == some.async_copies && both.mma_bf16 == some.mma_bf16 && both.overlap == some.overlap &&
         both.clusters == some.clusters && both.wgmma == some.wgmma;
}

/** What this build's code for the current card was compiled for. */
Paths compiled_paths(const Card& card) {
  compiled_kernel<<<1, 1>>>();
  const cudaError_t error = cudaGetLastError();
  if (error == cudaErrorNoKernelImageForDevice || error == cudaErrorUnsupportedPtxVersion)
    throw std::runtime_error("This build of phi3lab has no code for compute capability " + text_of(card.capability) +
                             ": build it with PHI3LAB_CUDA_ARCHITECTURES=" + std::to_string(card.capability) +
                             "-real, or unset");
  check(error, "compiled_kernel");
  int capability = 0, wgmma = 0;
  PHI3LAB_CUDA_CHECK(cudaMemcpyFromSymbol(&capability, compiled_capability, sizeof(int)));
  PHI3LAB_CUDA_CHECK(cudaMemcpyFromSymbol(&wgmma, compiled_wgmma, sizeof(int)));
  Paths paths = paths_of(capability);
  paths.wgmma = wgmma != 0;
  return paths;
}

}  // namespace

Paths paths_of(int capability) {
  Paths paths;
  for (const Capability& one : kCapabilities) {
    if (one.number > capability) break;
    paths = one.paths;
    paths.wgmma = one.paths.wgmma && one.number == capability;
  }
  return paths;
}

Card card_of(int index) {
  const auto attribute = [&](cudaDeviceAttr which) {
    int value = 0;
    PHI3LAB_CUDA_CHECK(cudaDeviceGetAttribute(&value, which, index));
    return value;
  };
  Card card;
  card.index = index;
  card.capability = 10 * attribute(cudaDevAttrComputeCapabilityMajor) + attribute(cudaDevAttrComputeCapabilityMinor);
  card.multiprocessors = attribute(cudaDevAttrMultiProcessorCount);
  card.shared_memory_per_block = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  card.shared_memory_per_multiprocessor = attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor);
  return card;
}

void check_choice(const std::string& choice) {
  if (choice.empty() || choice == "portable" || find(choice)) return;
  throw std::runtime_error("[open] Expected one of " + known_choices() + " for PHI3LAB_CUDA_ARCH but received " +
                           choice);
}

Kernels kernels_of(int index, const std::string& choice) {
  check_choice(choice);
  Card card = card_of(index);
  const Paths own = common(paths_of(card.capability), compiled_paths(card));
  if (choice.empty()) return {card, own};
  if (choice == "portable") return {card, Paths()};
  const Capability& wished = *find(choice);
  if (!has(own, wished.paths))
    throw std::runtime_error("[open] Expected a capability whose instructions the card (" + text_of(card.capability) +
                             ") and this build have for PHI3LAB_CUDA_ARCH but received " + choice);
  card.capability = wished.number;
  card.shared_memory_per_block = std::min(card.shared_memory_per_block, wished.kilobytes_per_block << 10);
  card.shared_memory_per_multiprocessor =
      std::min(card.shared_memory_per_multiprocessor, wished.kilobytes_per_multiprocessor << 10);
  return {card, wished.paths};
}

}  // namespace phi3lab::cuda
