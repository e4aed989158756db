// What there is for device "cuda", in sentences where something is missing.
#include <cstdlib>

#include "cuda/backend.h"
#include "driver.h"
#include "kernel_set.h"

namespace phi3lab::cuda {
namespace {

std::string version_text(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

/** PHI3LAB_CUDA_ARCH: the capability whose kernels are taken instead of the GPU's own; "" for those. */
std::string choice() {
  const char* text = std::getenv("PHI3LAB_CUDA_ARCH");
  return text ? text : "";
}

}  // namespace

CudaStatus status() {
  CudaStatus status;
  status.built = true;
  cudaRuntimeGetVersion(&status.runtime_version);
  if (cudaDriverGetVersion(&status.driver_version) != cudaSuccess) status.driver_version = 0;
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  (void)cudaGetLastError();
  if (status.driver_version == 0) {
    status.problem = "There is no NVIDIA driver on this machine, which device \"cuda\" needs";
  } else if (error == cudaErrorInsufficientDriver || status.driver_version / 1000 < status.runtime_version / 1000) {
    status.problem = "The NVIDIA driver of this machine supports CUDA " + version_text(status.driver_version) +
                     ", but this build of phi3lab needs CUDA " + version_text(status.runtime_version) +
                     ": update the driver, or build with an older CUDA toolkit";
  } else if (error == cudaErrorNoDevice || (error == cudaSuccess && count == 0)) {
    status.problem = "There is an NVIDIA driver but no GPU that can be used (CUDA_VISIBLE_DEVICES may hide it)";
  } else if (error != cudaSuccess) {
    status.problem = std::string("The NVIDIA GPU cannot be used: ") + cudaGetErrorString(error);
  }
  if (!status.problem.empty()) return status;
  // The first only, which is the one that is used: to ask another for its free memory would take some of it.
  cudaDeviceProp properties{};
  size_t free = 0, total = 0;
  if (cudaSetDevice(0) == cudaSuccess && cudaGetDeviceProperties(&properties, 0) == cudaSuccess &&
      cudaMemGetInfo(&free, &total) == cudaSuccess)
    status.devices.push_back({0, properties.name, properties.totalGlobalMem, free, properties.major, properties.minor});
  (void)cudaGetLastError();
  if (status.devices.empty())
    status.problem = "The NVIDIA GPU of this machine does not answer";
  else if (status.devices[0].capability_major * 10 + status.devices[0].capability_minor < 75)
    status.problem = "The GPU " + status.devices[0].name + " has compute capability " +
                     std::to_string(status.devices[0].capability_major) + "." +
                     std::to_string(status.devices[0].capability_minor) + ", but phi3lab needs 7.5 or later";
  return status;
}

std::unique_ptr<Backend> make_backend(const std::string& dtype) {
  Dtype format = Dtype::float32;
  if (dtype == "bfloat16")
    format = Dtype::bfloat16;
  else if (dtype == "float16")
    format = Dtype::float16;
  else if (dtype != "float32" && dtype != "auto")
    throw std::runtime_error("[open] Expected dtype \"float32\", \"bfloat16\" or \"float16\" but received \"" + dtype +
                             "\"");
  PHI3LAB_CUDA_CHECK(cudaSetDevice(0));
  const DeviceKernels kernels = device_kernels_of(0, choice());
  return std::make_unique<CudaBackend>(kernels.device, kernels.kernels, format);
}

}  // namespace phi3lab::cuda
