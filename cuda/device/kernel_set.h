// What compute capabilities bring, as data; the facts of a GPU; and which of its kernels run, PHI3LAB_CUDA_ARCH's wish
// considered.
#pragma once

#include <string>

#include "types.h"

namespace phi3lab::cuda {

struct Capability {
  int number;                                             // 86 for 8.6
  int kilobytes_per_block, kilobytes_per_multiprocessor;  // of shared memory
  KernelSet kernels;
};

/** Those that PHI3LAB_CUDA_ARCH may name. Others (8.7, 10.0, …) have the instructions of the newest here that is not
 * above them, except wgmma. */
inline constexpr Capability kCapabilities[] = {
    // paths: cp.async, mma with bfloat16, programmatic launch, clusters, wgmma
    {75, 64, 64, {}},
    {80, 163, 164, {true, true}},
    {86, 99, 100, {true, true}},
    {89, 99, 100, {true, true}},
    {90, 227, 228, {true, true, true, true, true}},
    {120, 99, 100, {true, true, true, true}},
};

/** What a GPU of this capability has. */
KernelSet kernel_set_of(int capability);

/** The GPU's own facts. */
DeviceProperties device_properties_of(int index);

/** A GPU as launches see it, and the kernels that they choose from. */
struct DeviceKernels {
  DeviceProperties device;
  KernelSet kernels;
};

/** Those of a GPU, as far as this build has code for them. `choice`, PHI3LAB_CUDA_ARCH: empty for the GPU's own, or
 * "portable", or a capability, whose instructions and shared memory are then taken instead of the GPU's own. Throws
 * for any other text, and for a capability with instructions that this GPU or this build does not have. */
DeviceKernels device_kernels_of(int index, const std::string& choice);

/** Throws unless `choice` is one of those that `device_kernels_of` knows; asks no GPU. */
void check_choice(const std::string& choice);

}  // namespace phi3lab::cuda
