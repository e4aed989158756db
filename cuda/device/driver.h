// The few functions of the driver that the runtime library has no twin for, looked up at run time: nothing is linked.
#pragma once

#include <cuda.h>

#include "types.h"

namespace phi3lab::cuda {

inline void check(CUresult result, const char* call) {
  if (result == CUDA_SUCCESS) return;
  throw std::runtime_error("[cuda] driver error " + std::to_string(static_cast<int>(result)) + " in " + call);
}

/** A function of the driver as it was in CUDA 12.4, or null. */
inline void* driver_function(const char* name) {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
#if CUDART_VERSION >= 12050
  const cudaError_t error = cudaGetDriverEntryPointByVersion(name, &function, 12040, cudaEnableDefault, &found);
#else
  const cudaError_t error = cudaGetDriverEntryPoint(name, &function, cudaEnableDefault, &found);
#endif
  if (error == cudaSuccess && found == cudaDriverEntryPointSuccess) return function;
  (void)cudaGetLastError();
  return nullptr;
}

#define PHI3LAB_DRIVER_FUNCTION(name) reinterpret_cast<decltype(&::name)>(::phi3lab::cuda::driver_function(#name))

/** Address space apart from memory. */
struct VirtualMemory {
  decltype(&::cuMemGetAllocationGranularity) granularity = PHI3LAB_DRIVER_FUNCTION(cuMemGetAllocationGranularity);
  decltype(&::cuMemAddressReserve) reserve = PHI3LAB_DRIVER_FUNCTION(cuMemAddressReserve);
  decltype(&::cuMemAddressFree) free = PHI3LAB_DRIVER_FUNCTION(cuMemAddressFree);
  decltype(&::cuMemCreate) create = PHI3LAB_DRIVER_FUNCTION(cuMemCreate);
  decltype(&::cuMemRelease) release = PHI3LAB_DRIVER_FUNCTION(cuMemRelease);
  decltype(&::cuMemMap) map = PHI3LAB_DRIVER_FUNCTION(cuMemMap);
  decltype(&::cuMemUnmap) unmap = PHI3LAB_DRIVER_FUNCTION(cuMemUnmap);
  decltype(&::cuMemSetAccess) set_access = PHI3LAB_DRIVER_FUNCTION(cuMemSetAccess);

  bool complete() const { return granularity && reserve && free && create && release && map && unmap && set_access; }
  static const VirtualMemory& get() {
    static const VirtualMemory functions;
    return functions;
  }
};

}  // namespace phi3lab::cuda
