// NaN and infinity through the verbs other than products (those: test/cpu/matmul_test.cc), on the CPU: each reaches
// what PyTorch's float32 arithmetic brings it to, and nothing else. An error counts the numbers of another kind.
#include <limits>

#include "device.h"
#include "planted.h"
#include "twin.h"

namespace phi3lab::ops {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/** NaN, infinity of either sign, or a finite number, of which other cases say how near it must be. */
bool alike(float x, float y) {
  return std::isnan(x)   ? std::isnan(y)
         : std::isinf(x) ? x == y
                         : std::isfinite(y) && std::fabs(x - y) <= 1e-5f * (1 + std::fabs(x));
}

Verdict count_unlike(const std::vector<float>& got, const std::vector<float>& expected) {
  double wrong = got.size() == expected.size() ? 0 : 1;
  for (size_t i = 0; i < got.size() && i < expected.size(); i++) wrong += !alike(expected[i], got[i]);
  return {wrong, 0};
}

const std::vector<float> kEdges = {kNaN,  kInfinity, -kInfinity, 0.0f,  -0.0f, 1.5f,  -2.0f,
                                   90.0f, -90.0f,    1e4f,       -1e4f, 3e38f, -3e38f};

/** Every gate with every up, in float32 step by step: up · (gate / (1 + e^−gate)). */
Verdict swiglu(Bench& bench) {
  std::vector<float> gates, ups, expected;
  for (float gate : kEdges) {
    for (float up : kEdges) {
      gates.push_back(gate), ups.push_back(up);
      expected.push_back(up * (gate / (1.0f + std::exp(-gate))));
    }
  }
  const auto ffn = static_cast<int64_t>(gates.size());
  gates.insert(gates.end(), ups.begin(), ups.end());
  const Guarded in(bench.backend, 1, 2 * ffn, gates), out(bench.backend, 1, ffn);
  bench.backend.swiglu(out.tensor(), in.tensor());
  return count_unlike(out.get(), expected);
}

/** A row with a NaN is NaN; an infinity makes itself NaN and the others 0; other rows know nothing of it. */
Verdict rms_norm(Bench& bench, int64_t cols) {
  const TestNorm norm(bench.random, cols);
  const auto uploaded = bench.backend.upload_weight(norm.source(), WeightKind::norm);
  std::vector<float> values = bench.random.floats(4 * cols, -2, 2);
  values[bench.random.below(cols)] = kNaN;
  const int64_t infinite = 2 * cols + bench.random.below(cols);
  values[infinite] = -kInfinity;
  const Guarded in(bench.backend, 4, cols, values), out(bench.backend, 4, cols);
  bench.backend.rms_norm(out.tensor(), in.tensor(), *uploaded, 1e-5f);
  std::vector<float> expected = floats_of(twin::rms_norm(numbers_of(values), norm.numbers(), 1e-5));
  return count_unlike(out.get(), expected);
}

Verdict embed(Bench& bench) {
  WeightSource source;
  source.cols = static_cast<int64_t>(kEdges.size());
  source.groups.push_back({WeightType::F32, kEdges.data(), 1, {}});
  const auto uploaded = bench.backend.upload_weight(source, WeightKind::embedding);
  DevicePass pass(bench.backend, 2);
  const Guarded out(bench.backend, 2, source.cols);
  bench.backend.embed(out.tensor(), pass.at(0, 2), *uploaded);
  std::vector<float> expected = kEdges;
  expected.insert(expected.end(), kEdges.begin(), kEdges.end());
  return count_unlike(out.get(), expected);
}

/** One non-finite number of q, k or v (`part` 0 to 2) at a position: queries that do not see it stay what they are. */
Verdict attend(Bench& bench, int part, float nonfinite, int64_t window) {
  Backend& backend = bench.backend;
  const int64_t tokens = 40, dim = 20, place = 13;
  const AttentionShape heads{4, 2, dim, window, 1 / std::sqrt(static_cast<float>(dim))};
  Numbers rows = twin::rows_of(bench.random, tokens, heads);
  // The second of the two key-value heads, and the third of the four heads, which looks at it.
  const int64_t number = (part == 0 ? 2 * dim : part == 1 ? 5 * dim : 7 * dim) + 3;
  rows[place * heads.qkv_cols() + number] = static_cast<double>(nonfinite);
  const auto cache = backend.reserve_cache(heads, 1, tokens);
  cache->commit(tokens);
  DevicePass pass(backend, tokens);
  const PassInput input = pass.at(0, tokens);
  const Guarded qkv(backend, tokens, heads.qkv_cols(), floats_of(rows)), context(backend, tokens, heads.context_cols());
  const Tapping primitives(backend);
  backend.append(*cache, qkv.tensor(), input, 0, heads);
  Tensor out = context.tensor();
  backend.attend(out, {}, qkv.tensor(), *cache, input, {}, 0, heads);
  twin::Cache expected;
  twin::append(expected, rows, 0, heads, bench.kv);
  if (bench.kv == Dtype::float16)  // which stops at its largest number
    for (Numbers* kept : {&expected.keys, &expected.values})
      for (double& x : *kept) x = x > 65504 ? 65504 : x < -65504 ? -65504 : x;
  return count_unlike(context.get(), floats_of(twin::attend(rows, expected, 0, heads).context));
}

}  // namespace

void nonfinite_cases(std::vector<Case>& table) {
  table.push_back({"swiglu of NaN and infinity", true, swiglu});
  for (int64_t cols : {50, 576})
    table.push_back(
        {"rms_norm of NaN and infinity, " + std::to_string(cols), true, [=](Bench& b) { return rms_norm(b, cols); }});
  table.push_back({"embed of NaN and infinity", true, embed});
  const char* names[] = {"queries", "keys", "values"};
  for (int part : {0, 1, 2})
    for (float nonfinite : {kNaN, kInfinity})
      for (int64_t window : {0, 5})
        table.push_back({std::string("attend with ") + (std::isnan(nonfinite) ? "NaN" : "infinity") + " in " +
                             names[part] + (window ? " in a window" : ""),
                         true, [=](Bench& b) { return attend(b, part, nonfinite, window); }});
}

}  // namespace phi3lab::ops
