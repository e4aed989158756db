#include "devices.h"

#include <stdexcept>

#include "../cpu/backend.h"

namespace phi3lab {

std::unique_ptr<Backend> make_backend(const std::string& device, int threads) {
  if (device == "cpu") return std::make_unique<cpu::CpuBackend>(cpu::choose_isa(), cpu::thread_count(threads));
  if (device == "cuda")
    throw std::runtime_error("[open] This build of phi3lab has no CUDA backend; use device \"cpu\"");
  throw std::runtime_error("[open] Expected device \"cpu\" or \"cuda\" but received \"" + device + "\"");
}

}  // namespace phi3lab
