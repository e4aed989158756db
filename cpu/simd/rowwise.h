// What is computed row by row besides products: the gate, the norm. One source, compiled for each path's instructions
// (rowwise_portable.cc, rowwise_avx2.cc, rowwise_avx512.cc); the path is chosen when the backend is made.
#pragma once

#include "path.h"

namespace phi3lab::cpu {

struct Rowwise {
  /** out (cols,) = up · gate / (1 + exp(−gate)). */
  void (*swiglu)(float* out, const float* gate, const float* up, int64_t cols);
  /** out (cols,) = in / sqrt(mean(in²) + eps) · weight. */
  void (*rms_norm)(float* out, const float* in, const float* weight, int64_t cols, float eps);
  /** The greatest of in (cols,), cols ≥ 1; NaNs are passed over where there is a number. */
  float (*greatest)(const float* in, int64_t cols);
  /** sum = Σ e^(x − max), weighted = Σ (x − max) · e^(x − max) over in (cols,), none of which is above max. */
  void (*exponential_sums)(double* sum, double* weighted, const float* in, int64_t cols, float max);
  /** numbers (cols,) = e^(x − logsumexp), in place. */
  void (*probabilities)(float* numbers, int64_t cols, float logsumexp);
  /** Σ p · (x − shift). */
  double (*expectation)(const float* p, const float* x, int64_t cols, float shift);
};

extern const Rowwise kRowwisePortable, kRowwiseAvx2, kRowwiseAvx512;

/** The functions of a path. */
const Rowwise& rowwise_of(const Isa& isa);

}  // namespace phi3lab::cpu
