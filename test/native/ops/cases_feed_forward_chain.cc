// The fused verbs of the feed-forward half, and of the head: norm + gate_up + SwiGLU, down + residual; norm + lm_head.
#include "device.h"
#include "twin.h"

namespace phi3lab::ops {
namespace {

using W = WeightType;

constexpr double kEps = 1e-5;
// Relative to the largest number that the chain adds to its row of hidden: float32 sums of up to 8,192 products twice
// in a row, each some 1e-6 of its result (see cases_attention_chain.cc), the gate's exponential between. Measured:
// 3e-6. A 16-bit prompt rounds the normed row, gate, up and the activation: four roundings of about u / 2.5 in root
// mean square, each averaged over a row's sum; four times u is the worst of a row.
constexpr double kFloat32Chain = 1e-5;
double prompt_chain(Dtype dtype) { return 4 * unit_roundoff(dtype); }
// Relative to Σ|w·x| of the normed row: a product's (cases_matmul.cc) of numbers of one size, the norm's few roundings
// on top. Measured: 1.4e-7.
constexpr double kLogits = 6e-7;

struct Shape {
  int64_t hidden, ffn;
  W type;
  int64_t tokens;
  bool tapped = false;
};

Verdict feed_forward(Bench& bench, const Shape& shape) {
  Backend& backend = bench.backend;
  const auto [hidden_size, ffn, type, tokens, tapped] = shape;
  const TestNorm norm(bench.random, hidden_size);
  const TestWeight gate_up(bench.random, {{type, ffn}, {type, ffn}}, hidden_size,
                           1 / std::sqrt(static_cast<double>(hidden_size)));
  const TestWeight down(bench.random, {{type, hidden_size}}, ffn, 2 / std::sqrt(static_cast<double>(ffn)));
  const auto uploaded_norm = backend.upload_weight(norm.source(), WeightKind::norm);
  const auto uploaded_gate_up = backend.upload_weight(gate_up.source(), WeightKind::projection);
  const auto uploaded_down = backend.upload_weight(down.source(), WeightKind::projection);
  const std::vector<float> start = bench.random.floats(tokens * hidden_size, -2, 2);
  const Guarded hidden(backend, tokens, hidden_size, start), normed(backend, tokens, hidden_size);
  const Guarded stacked(backend, tokens, 2 * ffn), activation(backend, tokens, ffn),
      projected(backend, tokens, hidden_size);
  Numbers expected = numbers_of(start), scale(expected.size());
  const Numbers added = twin::matmul(twin::swiglu(twin::matmul(twin::rms_norm(expected, norm.numbers(), kEps), gate_up,
                                                               gate_up.kept(bench.dtype, tokens)),
                                                  ffn),
                                     down, down.kept(bench.dtype, tokens));
  {
    const Tapping definitions(backend, tapped);
    Tensor between = activation.tensor();
    backend.norm_gate_up_swiglu(between, normed.tensor(), stacked.tensor(), hidden.tensor(), *uploaded_norm,
                                *uploaded_gate_up, 0, static_cast<float>(kEps));
    backend.down_residual(hidden.tensor(), projected.tensor(), between, *uploaded_down, 0);
    backend.checkpoint(tokens);
    backend.synchronize();
  }
  for (int64_t t = 0; t < tokens; t++) {
    double largest = 0;
    for (int64_t k = t * hidden_size; k < (t + 1) * hidden_size; k++) {
      expected[k] += added[k];
      largest = std::max(largest, std::fabs(added[k]));
    }
    std::fill_n(&scale[t * hidden_size], hidden_size, largest);
  }
  for (const Guarded* one : {&normed, &stacked, &activation, &projected}) one->get();
  return {largest_error(hidden.get(), expected, scale),
          bench.narrow() && tokens > 1 ? prompt_chain(bench.dtype) : kFloat32Chain};
}

/** Logits and the id chosen from them, by both verbs; the position moves on by the pass's tokens. */
Verdict head(Bench& bench, const Shape& shape, int64_t vocab) {
  Backend& backend = bench.backend;
  const auto [hidden_size, ffn, type, tokens, tapped] = shape;
  const TestNorm norm(bench.random, hidden_size);
  const TestWeight weight(bench.random, {{type, vocab}}, hidden_size, 1 / std::sqrt(static_cast<double>(hidden_size)));
  const auto uploaded_norm = backend.upload_weight(norm.source(), WeightKind::norm);
  const auto uploaded = backend.upload_weight(weight.source(), WeightKind::head);
  const std::vector<float> start = bench.random.floats(hidden_size, -2, 2);
  const Guarded hidden(backend, 1, hidden_size, start), normed(backend, 1, hidden_size), logits(backend, 1, vocab);
  const Numbers normal = twin::rms_norm(numbers_of(start), norm.numbers(), kEps);
  const Numbers expected = twin::matmul(normal, weight, weight.kept(bench.dtype, 1)),
                scale = twin::matmul_scale(normal, weight, weight.kept(bench.dtype, 1));
  const Tapping definitions(backend, tapped);
  backend.norm_lm_head(logits.tensor(), normed.tensor(), hidden.tensor(), *uploaded_norm, *uploaded,
                       static_cast<float>(kEps));
  Verdict verdict{largest_error(logits.get(), expected, scale), kLogits};
  hidden.expect_kept(start);
  normed.get();

  const std::vector<float> first = logits.get();
  const int32_t best = twin::argmax(first, {});
  DevicePass pass(backend, 1);
  const GuardedIds id(backend, {-7}), excluded(backend, {best});
  for (const std::vector<int32_t>& without : {std::vector<int32_t>{}, std::vector<int32_t>{best}}) {
    logits.tensor();
    const PassInput input = pass.at(40, tokens);
    backend.norm_lm_head_argmax(id.data(), logits.tensor(), normed.tensor(), input, hidden.tensor(), *uploaded_norm,
                                *uploaded, excluded.data(), static_cast<int64_t>(without.size()),
                                static_cast<float>(kEps));
    const int32_t received = backend.next_token(), chosen = id.get()[0];
    const std::vector<float> now = logits.get();
    const double error = largest_error(now, expected, scale);
    if (!(error <= verdict.error)) verdict.error = error;
    if (chosen != twin::argmax(now, without) || received != chosen)
      throw std::runtime_error("chose another id than the largest logit's");
    if (pass.position().get()[0] != 40 + tokens) throw std::runtime_error("did not advance by the pass's tokens");
  }
  return verdict;
}

std::string text(const Shape& shape) {
  return std::to_string(shape.hidden) + " " + format_of(shape.type).name + " T=" + std::to_string(shape.tokens) +
         (shape.tapped ? " tapped" : "");
}

}  // namespace

void feed_forward_chain_cases(std::vector<Case>& table) {
  const auto put = [&](const Shape& shape, bool quick) {
    table.push_back({"feed forward chain " + std::to_string(shape.ffn) + "x" + text(shape), quick,
                     [=](Bench& b) { return feed_forward(b, shape); }});
  };
  for (int64_t tokens : {1, 2, 7, 16, 25, 64, 65, 130}) {
    put({48, 88, W::F32, tokens}, tokens == 1 || tokens == 65);
    put({50, 88, W::F16, tokens}, tokens == 1 || tokens == 65);
    put({64, 160, W::BF16, tokens}, tokens == 1 || tokens == 65);
    put({576, 1536, W::BF16, tokens}, false);
    put({576, 1536, W::Q4_1, tokens}, false);
  }
  put({256, 512, W::Q6_K, 1}, true), put({256, 512, W::Q6_K, 7}, false);
  put({256, 512, W::Q8_0, 1}, false), put({256, 512, W::Q4_0, 25}, false);
  for (int64_t tokens : {1, 65})
    put({576, 1536, W::BF16, tokens, true}, false), put({50, 88, W::F16, tokens, true}, tokens == 1);
  for (W type : {W::Q4_0, W::Q4_1, W::Q5_0, W::Q5_1, W::Q8_0, W::Q4_K, W::Q5_K, W::Q6_K})
    put({512, 768, type, 1}, true);
  put({3072, 8192, W::Q4_K, 1}, false);
  put({3072, 8192, W::BF16, 1}, false);
  put({3072, 1024, W::BF16, 16}, false);
  put({576, 1536, W::BF16, 300}, false);
  const auto put_head = [&](const Shape& shape, int64_t vocab, bool quick) {
    table.push_back(
        {"head " + std::to_string(vocab) + "x" + text(shape), quick, [=](Bench& b) { return head(b, shape, vocab); }});
  };
  for (bool tapped : {false, true}) {
    put_head({48, 0, W::F32, 1, tapped}, 211, true);
    put_head({50, 0, W::F16, 7, tapped}, 211, true);
    put_head({64, 0, W::BF16, 1, tapped}, 200000, false);
    put_head({576, 0, W::Q8_0, 1, tapped}, 3072, false);
    put_head({256, 0, W::Q6_K, 1, tapped}, 3, true);
    for (W type : {W::Q4_0, W::Q5_1, W::Q4_K}) put_head({512, 0, type, 1, tapped}, 211, true);
    put_head({576, 0, W::BF16, 130, tapped}, 32064, false);
  }
  put_head({3072, 0, W::BF16, 1}, 32064, false);
}

}  // namespace phi3lab::ops
