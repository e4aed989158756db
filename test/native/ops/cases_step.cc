// Whole decode steps, as the model enqueues them: recorded under a key and replayed, token and position in the device's
// memory, several enqueued before the first id is taken. Tied weights, two layers, past the cache's first blocks.
#include "device.h"
#include "twin.h"

namespace phi3lab::ops {
namespace {

using W = WeightType;

constexpr double kEps = 1e-5;
// Relative to the largest logit. Float32 sums through two layers: five chains of some 1e-6 each, which the next norm
// scales anew. Measured: 2e-6. A 16-bit backend
// rounds a key or a value that lies on a tie the other way, 2u of it, and its first positions have large weights:
// through heads of 12 numbers and 140 steps, u at most was measured.
constexpr double kFloat32Step = 1e-5;
double step_tolerance(Dtype dtype) {
  return dtype == Dtype::float32 ? kFloat32Step : kFloat32Step + 3 * unit_roundoff(dtype);
}

struct Shape {
  int64_t hidden, ffn, vocab;
  AttentionShape heads;
  W type;
};

double over_root(int64_t cols) { return 1 / std::sqrt(static_cast<double>(cols)); }

struct Layer {
  TestNorm norm, feed_forward_norm;
  TestWeight qkv, projection, gate_up, down;
  std::unique_ptr<Weight> uploaded_norm, uploaded_feed_forward_norm, uploaded_qkv, uploaded_projection,
      uploaded_gate_up, uploaded_down;
  twin::Cache cache;

  Layer(Bench& b, const Shape& s)
      : norm(b.random, s.hidden),
        feed_forward_norm(b.random, s.hidden),
        qkv(b.random, {{s.type, s.heads.qkv_cols()}}, s.hidden, over_root(s.hidden)),
        projection(b.random, {{s.type, s.hidden}}, s.heads.context_cols(), over_root(s.heads.context_cols())),
        gate_up(b.random, {{s.type, s.ffn}, {s.type, s.ffn}}, s.hidden, over_root(s.hidden)),
        down(b.random, {{s.type, s.hidden}}, s.ffn, over_root(s.ffn)),
        uploaded_norm(b.backend.upload_weight(norm.source(), WeightKind::norm)),
        uploaded_feed_forward_norm(b.backend.upload_weight(feed_forward_norm.source(), WeightKind::norm)),
        uploaded_qkv(b.backend.upload_weight(qkv.source(), WeightKind::projection)),
        uploaded_projection(b.backend.upload_weight(projection.source(), WeightKind::projection)),
        uploaded_gate_up(b.backend.upload_weight(gate_up.source(), WeightKind::projection)),
        uploaded_down(b.backend.upload_weight(down.source(), WeightKind::projection)) {}
};

/** A model of two layers, its step on the device and the step's definition. */
class Model {
 public:
  Model(Bench& bench, const Shape& shape, int64_t positions)
      : bench_(bench),
        shape_(shape),
        angles_(twin::rotary_table(positions, shape.heads.head_dim)),
        table_(bench.backend, positions, shape.heads.head_dim, angles_),
        embedding_(bench.random, {{shape.type, shape.vocab}}, shape.hidden, over_root(shape.hidden)),
        norm_(bench.random, shape.hidden),
        uploaded_embedding_(bench.backend.upload_weight(embedding_.source(), WeightKind::embedding)),
        uploaded_norm_(bench.backend.upload_weight(norm_.source(), WeightKind::norm)),
        hidden_(bench.backend, 1, shape.hidden),
        normed_(bench.backend, 1, shape.hidden),
        projected_(bench.backend, 1, shape.hidden),
        qkv_(bench.backend, 1, shape.heads.qkv_cols()),
        context_(bench.backend, 1, shape.heads.context_cols()),
        gate_up_(bench.backend, 1, 2 * shape.ffn),
        activation_(bench.backend, 1, shape.ffn),
        logits(bench.backend, 1, shape.vocab) {
    for (int i = 0; i < 2; i++) layers_.push_back(std::make_unique<Layer>(bench, shape));
  }

  /** The pass of the token at input.ids, which it replaces by the next. */
  void step(Cache& cache, const PassInput& input) {
    Backend& b = bench_.backend;
    const auto eps = static_cast<float>(kEps);
    b.embed(hidden_.tensor(), input, *uploaded_embedding_);
    for (int64_t i : {0, 1}) {
      const Layer& w = *layers_[i];
      Tensor qkv = qkv_.tensor(), context = context_.tensor(), activation = activation_.tensor();
      b.norm_qkv_rope_append(qkv, cache, normed_.tensor(), hidden_.tensor(), *w.uploaded_norm, *w.uploaded_qkv, input,
                             table_.tensor(), i, shape_.heads, eps);
      b.attend(context, {}, qkv, cache, input, table_.tensor(), i, shape_.heads);
      b.project_residual(hidden_.tensor(), projected_.tensor(), context, *w.uploaded_projection, i);
      b.norm_gate_up_swiglu(activation, normed_.tensor(), gate_up_.tensor(), hidden_.tensor(),
                            *w.uploaded_feed_forward_norm, *w.uploaded_gate_up, i, eps);
      b.down_residual(hidden_.tensor(), projected_.tensor(), activation, *w.uploaded_down, i);
      b.checkpoint(1);
    }
    b.norm_lm_head_argmax(input.ids, logits.tensor(), normed_.tensor(), input, hidden_.tensor(), *uploaded_norm_,
                          *uploaded_embedding_, input.ids, 0, eps);
  }

  /** The logits behind `id` at `position`. */
  Numbers define(int32_t id, int64_t position) {
    const Dtype dtype = bench_.dtype;
    Numbers hidden(static_cast<size_t>(shape_.hidden));
    embedding_.row(hidden.data(), id, embedding_.kept(dtype, 1));
    const auto add = [&](const Numbers& more) {
      for (size_t k = 0; k < hidden.size(); k++) hidden[k] += more[k];
    };
    for (const auto& w : layers_) {
      Numbers qkv = twin::matmul(twin::rms_norm(hidden, w->norm.numbers(), kEps), w->qkv, w->qkv.kept(dtype, 1));
      twin::rope(qkv, angles_, position, shape_.heads);
      twin::append(w->cache, qkv, position, shape_.heads, dtype);
      add(twin::matmul(twin::attend(qkv, w->cache, position, shape_.heads).context, w->projection,
                       w->projection.kept(dtype, 1)));
      const Numbers normed = twin::rms_norm(hidden, w->feed_forward_norm.numbers(), kEps);
      add(twin::matmul(twin::swiglu(twin::matmul(normed, w->gate_up, w->gate_up.kept(dtype, 1)), shape_.ffn), w->down,
                       w->down.kept(dtype, 1)));
    }
    return twin::matmul(twin::rms_norm(hidden, norm_.numbers(), kEps), embedding_, embedding_.kept(dtype, 1));
  }

 private:
  Bench& bench_;
  Shape shape_;
  std::vector<float> angles_;
  Guarded table_;
  TestWeight embedding_;
  TestNorm norm_;
  std::unique_ptr<Weight> uploaded_embedding_, uploaded_norm_;
  std::vector<std::unique_ptr<Layer>> layers_;
  Guarded hidden_, normed_, projected_, qkv_, context_, gate_up_, activation_;

 public:
  Guarded logits;
};

/** First a step at a time, each looked at; then anew with two on their way always: the same ids must come. */
Verdict steps(Bench& bench, const Shape& shape, int64_t count, bool tapped) {
  Backend& backend = bench.backend;
  Model model(bench, shape, count);
  const Tapping definitions(backend, tapped);
  std::vector<int32_t> ids = {static_cast<int32_t>(bench.random.below(shape.vocab))};
  DevicePass pass(backend, 1);
  static int64_t keys = 0;  // a backend keeps what it recorded, also when the cache's memory serves another case
  const auto run = [&, key = keys++](Cache& cache, const PassInput& input) {
    backend.replay(key, cache, [&] { model.step(cache, input); });
  };
  Verdict verdict{0, step_tolerance(bench.dtype)};
  const auto cache = backend.reserve_cache(shape.heads, 2, count);
  pass.ids().set({ids[0]});
  const PassInput input = pass.at(0, 1);
  for (int64_t n = 0; n < count; n++) {
    backend.synchronize();
    cache->commit(n + 1);
    run(*cache, input);
    const int32_t id = backend.next_token();
    const Numbers expected = model.define(ids.back(), n);
    const std::vector<float> logits = model.logits.get();
    double largest = 0;
    for (double x : expected) largest = std::max(largest, std::fabs(x));
    const double error = largest_error(logits, expected, Numbers(expected.size(), largest));
    if (!(error <= verdict.error)) verdict.error = error;
    if (id != twin::argmax(logits, {}))
      throw std::runtime_error("step " + std::to_string(n) + " chose another id than the largest logit's");
    ids.push_back(id);
  }
  backend.synchronize();
  const auto second = backend.reserve_cache(shape.heads, 2, count);
  pass.ids().set({ids[0]});
  pass.at(0, 1);
  second->commit(count);
  for (int64_t n = 0; n < count + 2; n++) {
    if (n < count) run(*second, input);
    if (n < 2) continue;
    if (const int32_t id = backend.next_token(); id != ids[n - 1])
      throw std::runtime_error("step " + std::to_string(n - 2) + " gave " + std::to_string(id) + ", and " +
                               std::to_string(ids[n - 1]) + " when looked at");
  }
  backend.discard();
  return verdict;
}

AttentionShape heads_of(int64_t heads, int64_t kv_heads, int64_t head_dim, int64_t window) {
  return {heads, kv_heads, head_dim, window, 1 / std::sqrt(static_cast<float>(head_dim))};
}

}  // namespace

void step_cases(std::vector<Case>& table) {
  const auto put = [&](const char* name, const Shape& shape, int64_t count, bool quick) {
    for (bool tapped : {false, true})
      table.push_back(
          {"decode " + std::string(name) + " " + std::to_string(count) + " steps" + (tapped ? ", tapped" : ""), quick,
           [=](Bench& b) { return steps(b, shape, count, tapped); }});
  };
  put("tiny", {48, 88, 211, heads_of(4, 2, 12, 0), W::F32}, 140, false);
  put("tiny in a window", {48, 88, 211, heads_of(4, 2, 12, 5), W::F32}, 12, true);
  put("past one block's positions", {64, 96, 211, heads_of(2, 1, 32, 0), W::BF16}, 230, false);
  put("odd", {50, 88, 211, heads_of(1, 1, 16, 0), W::F16}, 70, false);
  put("small", {576, 1536, 3072, heads_of(9, 3, 64, 0), W::BF16}, 8, false);
  put("of one head and three words", {50, 88, 3, heads_of(1, 1, 32, 0), W::F32}, 12, true);
  put("of 200,000 words", {96, 64, 200000, heads_of(1, 1, 256, 0), W::Q8_0}, 3, false);
  for (W type : {W::Q4_0, W::Q4_K, W::Q6_K})
    put(("small in " + std::string(format_of(type).name)).c_str(), {512, 768, 1024, heads_of(4, 2, 128, 0), type}, 10,
        type == W::Q4_K);
  put("wide heads", {256, 512, 211, heads_of(4, 1, 128, 0), W::Q8_0}, 10, false);
}

}  // namespace phi3lab::ops
