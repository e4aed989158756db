// The table: cases of an operation, what each runs on, and how far from its definition it may be.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "native/seam/backend.h"
#include "numbers.h"

namespace phi3lab::ops {

/** Tokens of the longest pass of a case, and columns of the widest weight: what the backend is prepared for. */
constexpr int64_t kMostTokens = 256, kMostCols = 20480;

/** What a case runs on. */
struct Bench {
  Backend& backend;
  Dtype dtype;    // of its weights
  Dtype kv;       // of its keys and values: the same on a GPU
  bool cuda;      // else the CPU, which computes in float32 whatever a weight's format
  Random random;  // from the run's seed and the case's name

  bool narrow() const { return dtype != Dtype::float32; }
};

/** The largest error of a case, and how large it may be. */
struct Verdict {
  double error = 0, tolerance = 0;
};

struct Case {
  std::string name;  // begins with the operation's
  bool quick;        // one of the small cases that --quick keeps: every kernel once
  std::function<Verdict(Bench&)> run;
};

// Each adds its cases.
void rowwise_cases(std::vector<Case>& table);
void argmax_cases(std::vector<Case>& table);
void summarise_cases(std::vector<Case>& table);
void matmul_cases(std::vector<Case>& table);
void attention_cases(std::vector<Case>& table);
void attention_chain_cases(std::vector<Case>& table);
void feed_forward_chain_cases(std::vector<Case>& table);
void sequence_cases(std::vector<Case>& table);
void step_cases(std::vector<Case>& table);
void edit_cases(std::vector<Case>& table);
void order_cases(std::vector<Case>& table);
void nonfinite_cases(std::vector<Case>& table);  // of the CPU

/** The largest |out − expected| / scale; NaN where either is NaN or the sizes differ. */
inline double largest_error(const std::vector<float>& out, const Numbers& expected, const Numbers& scale) {
  if (out.size() != expected.size() || out.size() != scale.size()) return NAN;
  double worst = 0;
  for (size_t i = 0; i < out.size(); i++) {
    const double difference = std::fabs(static_cast<double>(out[i]) - expected[i]);
    const double error = difference == 0 ? 0 : difference / scale[i];
    if (!(error <= worst)) worst = error;
    if (std::isnan(worst)) return worst;
  }
  return worst;
}

}  // namespace phi3lab::ops
