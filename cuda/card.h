// The card's facts, and the kernels that follow from them.
#pragma once

#include "types.h"

namespace phi3lab::cuda {

inline Card card_of(int index) {
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
  return card;
}

inline Paths paths_of(const Card& card) {
  Paths paths;
  paths.hopper = card.capability >= 90;
  paths.wgmma = card.capability == 90;
  paths.mma_bf16 = card.capability >= 80;
  return paths;
}

}  // namespace phi3lab::cuda
