#include "devices.h"

#include <stdexcept>

#include "cpu/backend.h"
#include "cpu/matmul/formats.h"
#include "cpu/threads/thread_count.h"
#ifdef PHI3LAB_HAS_CUDA
#include "cuda/backend.h"
#endif

namespace phi3lab {

void dequantise_row(float* out, WeightType type, const void* row, int64_t cols) {
  cpu::dequantise(out, type, static_cast<const uint8_t*>(row), 0, cols);
}

CpuStatus cpu_status() {
  CpuStatus status{cpu::isa_name(cpu::choose_isa()), {}, cpu::thread_count()};
  for (const cpu::Isa& isa : cpu::available_isas()) status.paths.emplace_back(cpu::isa_name(isa));
  return status;
}

#ifdef PHI3LAB_HAS_CUDA
CudaStatus cuda_status() { return cuda::status(); }
#else
CudaStatus cuda_status() {
  CudaStatus status;
  status.problem =
      "This build of phi3lab has no CUDA backend: set PHI3LAB_CUDA=on and build again (node scripts/setup.mjs in a "
      "checkout, npx "
      "phi3lab build where it is installed)";
  return status;
}
#endif

std::unique_ptr<Backend> make_backend(const BackendOptions& options) {
  if (options.compute != "float32" && options.compute != "bfloat16")
    throw std::runtime_error("[open] Expected compute \"float32\" or \"bfloat16\" but received \"" + options.compute +
                             "\"");
  if (options.kv_dtype != "float32" && options.kv_dtype != "float16")
    throw std::runtime_error("[open] Expected kv_dtype \"float32\" or \"float16\" but received \"" + options.kv_dtype +
                             "\"");
  if (options.device == "cpu") {
    const cpu::Isa isa = cpu::choose_isa();
    return std::make_unique<cpu::CpuBackend>(
        options.compute == "bfloat16" ? cpu::with_bf16(isa) : isa, cpu::thread_count(options.threads),
        options.kv_dtype == "float16" ? cpu::KvType::float16 : cpu::KvType::float32);
  }
  if (options.device != "cuda")
    throw std::runtime_error("[open] Expected device \"cpu\" or \"cuda\" but received \"" + options.device + "\"");
  const CudaStatus status = cuda_status();
  if (!status.problem.empty()) throw std::runtime_error(status.problem);
#ifdef PHI3LAB_HAS_CUDA
  return cuda::make_backend(options.dtype);
#else
  return nullptr;
#endif
}

}  // namespace phi3lab
