// The GPU's facts, and what of its instructions this build's code uses: asked of the code itself, which the driver may
// have compiled from an older architecture's PTX.
#include "kernel_set.h"

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
KernelSet common(const KernelSet& a, const KernelSet& b) {
  return {a.async_copies && b.async_copies, a.mma_bf16 && b.mma_bf16, a.overlap && b.overlap, a.clusters && b.clusters,
          a.wgmma && b.wgmma};
}

bool has(const KernelSet& all, const KernelSet& some) {
  const KernelSet both = common(all, some);
  return both.async_copies == some.async_copies && both.mma_bf16 == some.mma_bf16 && both.overlap == some.overlap &&
         both.clusters == some.clusters && both.wgmma == some.wgmma;
}

/** What this build's code for the current GPU was compiled for. */
KernelSet compiled_paths(const DeviceProperties& device) {
  compiled_kernel<<<1, 1>>>();
  const cudaError_t error = cudaGetLastError();
  if (error == cudaErrorNoKernelImageForDevice || error == cudaErrorUnsupportedPtxVersion)
    throw std::runtime_error("This build of phi3lab has no code for compute capability " + text_of(device.capability) +
                             ": build it with PHI3LAB_CUDA_ARCHITECTURES=" + std::to_string(device.capability) +
                             "-real, or unset");
  check(error, "compiled_kernel");
  int capability = 0, wgmma = 0;
  PHI3LAB_CUDA_CHECK(cudaMemcpyFromSymbol(&capability, compiled_capability, sizeof(int)));
  PHI3LAB_CUDA_CHECK(cudaMemcpyFromSymbol(&wgmma, compiled_wgmma, sizeof(int)));
  KernelSet kernels = kernel_set_of(capability);
  kernels.wgmma = wgmma != 0;
  return kernels;
}

}  // namespace

KernelSet kernel_set_of(int capability) {
  KernelSet kernels;
  for (const Capability& one : kCapabilities) {
    if (one.number > capability) break;
    kernels = one.kernels;
    kernels.wgmma = one.kernels.wgmma && one.number == capability;
  }
  return kernels;
}

DeviceProperties device_properties_of(int index) {
  const auto attribute = [&](cudaDeviceAttr which) {
    int value = 0;
    PHI3LAB_CUDA_CHECK(cudaDeviceGetAttribute(&value, which, index));
    return value;
  };
  DeviceProperties device;
  device.index = index;
  device.capability = 10 * attribute(cudaDevAttrComputeCapabilityMajor) + attribute(cudaDevAttrComputeCapabilityMinor);
  device.multiprocessors = attribute(cudaDevAttrMultiProcessorCount);
  device.shared_memory_per_block = attribute(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  device.shared_memory_per_multiprocessor = attribute(cudaDevAttrMaxSharedMemoryPerMultiprocessor);
  return device;
}

void check_choice(const std::string& choice) {
  if (choice.empty() || choice == "portable" || find(choice)) return;
  throw std::runtime_error("[open] Expected one of " + known_choices() + " for PHI3LAB_CUDA_ARCH but received " +
                           choice);
}

DeviceKernels device_kernels_of(int index, const std::string& choice) {
  check_choice(choice);
  DeviceProperties device = device_properties_of(index);
  const KernelSet own = common(kernel_set_of(device.capability), compiled_paths(device));
  if (choice.empty()) return {device, own};
  if (choice == "portable") return {device, KernelSet()};
  const Capability& wished = *find(choice);
  if (!has(own, wished.kernels))
    throw std::runtime_error("[open] Expected a capability whose instructions the GPU (" + text_of(device.capability) +
                             ") and this build have for PHI3LAB_CUDA_ARCH but received " + choice);
  device.capability = wished.number;
  device.shared_memory_per_block = std::min(device.shared_memory_per_block, wished.kilobytes_per_block << 10);
  device.shared_memory_per_multiprocessor =
      std::min(device.shared_memory_per_multiprocessor, wished.kilobytes_per_multiprocessor << 10);
  return {device, wished.kernels};
}

}  // namespace phi3lab::cuda
