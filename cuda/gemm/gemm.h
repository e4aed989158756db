// Products of a prompt's activations with a weight, 16-bit numbers on tensor cores: cuBLASLt's where the machine has
// it, else our own. Sums are float32.
#pragma once

#include <memory>

#include "cuda/device/partials.h"
#include "cuda/device/types.h"

namespace phi3lab::cuda {

/** out (tokens, rows) = in (tokens, cols) · weight (rows, cols)ᵀ, or += when `accumulate`. All row-major; `in` and
 * `weight` dense.
 *
 * Where `up_after` is not 0, row r of `weight` is a gate and row r + up_after its up, `rows` counts gates, and out = up
 * · silu(gate) in `dtype`, where float16 stops at its largest number: for shapes that `gemm_gates` takes. */
struct Gemm {
  void* out = nullptr;           // float32, or `dtype`
  const void* in = nullptr;      // `dtype`
  const void* weight = nullptr;  // `dtype`
  int64_t tokens = 0, rows = 0, cols = 0;
  Dtype dtype = Dtype::bfloat16;  // bfloat16 or float16
  bool out_float32 = true;
  bool accumulate = false;    // float32 only
  int64_t out_stride = 0;     // numbers from a token of `out` to the next; 0: `rows`
  bool fresh_weight = false;  // the kernel before writes the weight: nothing of it may be read ahead
  int64_t up_after = 0;       // rows
};

/** Numbers from a token of `out` to the next. */
constexpr int64_t out_stride(const Gemm& p) { return p.out_stride > 0 ? p.out_stride : p.rows; }

/** Whether our own product takes these shapes: rows of `in` and `weight` begin on 16 bytes (cols % 8 == 0). */
inline bool gemm_fits(int64_t cols) { return cols % 8 == 0; }

/** Up to so many tokens the weight's bytes are the limit. */
constexpr int64_t kStreamedTokens = 64;

/** Whether our own product of so many tokens may have `up_after`. */
inline bool gemm_gates(int64_t tokens, const KernelSet& kernels) {
  return tokens > kStreamedTokens && kernels.mma_bf16 && !kernels.wgmma;
}

/** Our own, by mma.sync (before 8.0 of float16 numbers alone) or wgmma (9.0). Any tokens ≥ 1, rows ≥ 1, cols % 8 == 0.
 * Only launches. What blocks share of a result meets in `partials` where the GPU has no clusters, or not for this
 * kernel. */
void tensor_gemm(const Gemm& p, const DeviceProperties& device, const KernelSet& kernels, const Partials& partials,
                 cudaStream_t stream);

/** cuBLASLt's product, loaded by dlopen when first asked for. */
class CublasLt {
 public:
  /** Null when the library is not there (looked for as .so.13 and .so.12, also where PyPI's packages put it). */
  static std::unique_ptr<CublasLt> load();
  virtual ~CublasLt() = default;
  /** Only launches; plans are kept by shape. False when cuBLASLt has no way for this shape. */
  virtual bool gemm(const Gemm& p, cudaStream_t stream) = 0;
  /** Bytes of device memory it works in. */
  virtual size_t workspace_bytes() const = 0;
  /** Its version, as 130100. */
  virtual size_t version() const = 0;
};

}  // namespace phi3lab::cuda
