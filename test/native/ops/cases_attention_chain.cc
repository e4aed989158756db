// The fused verbs of attention as the forward pass says them: norm + qkv + rope + append, attend, project + residual.
// What lies between them is the backend's own; `hidden` is looked at. Several passes over one cache, in two layers.
#include <numeric>

#include "chain.h"
#include "device.h"
#include "planted.h"
#include "twin.h"

namespace phi3lab::ops {
namespace {

using W = WeightType;

constexpr double kEps = 1e-5;
struct Shape {
  const char* name;
  int64_t hidden;
  AttentionShape heads;
  std::vector<Part> qkv;  // formats of the stacked rows
  W projection;
};

struct Pass {
  int64_t tokens;
  bool tapped = false;
};

struct Plan {
  Shape shape;
  int64_t before;  // positions in the cache before the first pass
  std::vector<Pass> passes;
};

/** A layer's weights. Queries and keys are large enough that some keys weigh much more than others. */
struct Layer {
  TestNorm norm;
  TestWeight qkv, projection;
  std::unique_ptr<Weight> uploaded_norm, uploaded_qkv, uploaded_projection;
  twin::Cache cache;

  Layer(Bench& bench, const Shape& shape)
      : norm(bench.random, shape.hidden),
        qkv(bench.random, shape.qkv, shape.hidden, 1 / std::sqrt(static_cast<double>(shape.hidden))),
        projection(bench.random, {{shape.projection, shape.hidden}}, shape.heads.context_cols(),
                   2 / std::sqrt(static_cast<double>(shape.heads.context_cols()))),
        uploaded_norm(bench.backend.upload_weight(norm.source(), WeightKind::norm)),
        uploaded_qkv(bench.backend.upload_weight(qkv.source(), WeightKind::projection)),
        uploaded_projection(bench.backend.upload_weight(projection.source(), WeightKind::projection)) {}
};

struct Expected {
  Numbers hidden, added;
  double fresh = 0;  // see decode_chain
};

Expected define(const Numbers& hidden, const Numbers& qkv, Layer& layer, int64_t position, int64_t before,
                const AttentionShape& heads, Dtype dtype, Dtype kv) {
  twin::append(layer.cache, qkv, position, heads, kv);
  const twin::Attention attention = twin::attend(qkv, layer.cache, position, heads);
  const int64_t tokens = static_cast<int64_t>(qkv.size()) / heads.qkv_cols();
  Expected expected{hidden, twin::matmul(attention.context, layer.projection, layer.projection.kept(dtype, tokens))};
  for (size_t i = 0; i < hidden.size(); i++) expected.hidden[i] += expected.added[i];
  const int64_t end = position + tokens;
  for (auto row = attention.weights.begin(); row != attention.weights.end(); row += end)
    expected.fresh = std::max(expected.fresh, std::accumulate(row + before, row + end, 0.0));
  expected.fresh *= size_of(layer.cache.values) / size_of(attention.context);
  return expected;
}

/** The device's tensors of passes of one length. */
struct Scratch {
  Guarded normed, qkv, context, projected;
  Scratch(Backend& backend, int64_t tokens, const Shape& shape)
      : normed(backend, tokens, shape.hidden),
        qkv(backend, tokens, shape.heads.qkv_cols()),
        context(backend, tokens, shape.heads.context_cols()),
        projected(backend, tokens, shape.hidden) {}
  void expect_guarded() const {
    for (const Guarded* one : {&normed, &qkv, &context, &projected}) one->get();
  }
};

Verdict chain(Bench& bench, const Plan& plan) {
  Backend& backend = bench.backend;
  const Shape& shape = plan.shape;
  const AttentionShape& heads = shape.heads;
  int64_t end = plan.before, longest = 1;
  for (const Pass& pass : plan.passes) end += pass.tokens, longest = std::max(longest, pass.tokens);
  const std::vector<float> angles = twin::rotary_table(end, heads.head_dim);
  const Guarded table(backend, end, heads.head_dim, angles);
  const auto cache = backend.reserve_cache(heads, 2, end);  // the last pass fills the context
  Layer layers[2] = {{bench, shape}, {bench, shape}};
  DevicePass device_pass(backend, longest);
  Verdict verdict{0, 1};
  double share = 0;  // of its tolerance, that the worst pass took
  bool rough = false;
  int64_t position = plan.before;
  for (size_t n = 0; n < plan.passes.size(); n++) {
    const auto [tokens, tapped] = plan.passes[n];
    rough = rough || tokens > 1;
    for (int64_t l : {0, 1}) {
      Layer& layer = layers[l];
      const std::vector<float> start = bench.random.floats(tokens * shape.hidden, -2, 2);
      Numbers qkv = twin::matmul(twin::rms_norm(numbers_of(start), layer.norm.numbers(), kEps), layer.qkv,
                                 layer.qkv.kept(bench.dtype, tokens));
      twin::rope(qkv, angles, position, heads);
      if (n == 0 && plan.before > 0) {
        const Tapping primitives(backend);
        Numbers before = twin::rows_of(bench.random, plan.before, heads), now = qkv;
        plant(before, now, plan.before, heads);
        Prefix(bench, heads, plan.before).append(*cache, layer.cache, l, before);
      }
      const Guarded hidden(backend, tokens, shape.hidden, start);
      const Scratch scratch(backend, tokens, shape);
      const PassInput input = device_pass.at(position, tokens);
      cache->commit(position + tokens);
      const Tapping definitions(backend, tapped);
      Tensor rows = scratch.qkv.tensor(), context = scratch.context.tensor();
      backend.norm_qkv_rope_append(rows, *cache, scratch.normed.tensor(), hidden.tensor(), *layer.uploaded_norm,
                                   *layer.uploaded_qkv, input, table.tensor(), l, heads, static_cast<float>(kEps));
      backend.attend(context, {}, rows, *cache, input, table.tensor(), l, heads);
      backend.project_residual(hidden.tensor(), scratch.projected.tensor(), context, *layer.uploaded_projection, l);
      backend.checkpoint(tokens);
      const Expected expected =
          define(numbers_of(start), qkv, layer, position, plan.before, heads, bench.dtype, bench.kv);
      const double error = largest_error(hidden.get(), expected.hidden, scale_of(expected.added, shape.hidden));
      scratch.expect_guarded();
      const double tolerance = bench.narrow() && rough ? prompt_chain(bench.dtype)
                               : bench.kv == Dtype::float32
                                   ? kFloat32Chain
                                   : decode_chain(bench.kv, expected.fresh, heads.context_cols());
      if (!(error / tolerance <= share)) verdict = {error, tolerance}, share = error / tolerance;
      if (std::isnan(error)) return verdict;
    }
    position += tokens;
  }
  return verdict;
}

AttentionShape heads_of(int64_t heads, int64_t kv_heads, int64_t head_dim, int64_t window) {
  return {heads, kv_heads, head_dim, window, 1 / std::sqrt(static_cast<float>(head_dim))};
}

Shape shape_of(const char* name, int64_t hidden, const AttentionShape& heads, W type) {
  return {name, hidden, heads, {{type, heads.qkv_cols()}}, type};
}

}  // namespace

void attention_chain_cases(std::vector<Case>& table) {
  const auto put = [&](const Plan& plan, bool quick) {
    std::string name = "attention chain " + std::string(plan.shape.name) + " at=" + std::to_string(plan.before) + " T=";
    for (size_t i = 0; i < plan.passes.size(); i++)
      name += (i ? "," : "") + std::to_string(plan.passes[i].tokens) + (plan.passes[i].tapped ? "t" : "");
    table.push_back({name, quick, [=](Bench& b) { return chain(b, plan); }});
  };
  const AttentionShape small_heads = heads_of(9, 3, 64, 0);
  const Shape small = shape_of("small", 576, small_heads, W::BF16);
  const Shape quantised{
      "stacked and quantised", 576, small_heads, {{W::Q4_1, 576, true}, {W::Q4_1, 192, true}, {W::Q8_0, 192}}, W::Q4_1};
  const Shape in_k_quants = {
      "in K-quants", 512, heads_of(4, 2, 64, 0), {{W::Q4_K, 256, true}, {W::Q4_K, 128, true}, {W::Q6_K, 128}}, W::Q5_K};
  const Shape large = shape_of("large", 3072, heads_of(32, 32, 96, 2047), W::BF16);
  const std::vector<Shape> shapes = {shape_of("tiny", 48, heads_of(4, 2, 12, 0), W::F32),
                                     shape_of("tiny in a window", 48, heads_of(4, 2, 12, 5), W::F32),
                                     shape_of("odd", 50, heads_of(1, 1, 16, 0), W::F16),
                                     shape_of("thirty-two", 64, heads_of(3, 1, 32, 5), W::BF16),
                                     shape_of("sixty-four", 64, heads_of(2, 1, 64, 0), W::BF16),
                                     shape_of("ninety-six", 64, heads_of(2, 2, 96, 70), W::BF16),
                                     shape_of("wide heads", 256, heads_of(4, 1, 128, 0), W::BF16),
                                     shape_of("widest heads", 256, heads_of(2, 1, 256, 0), W::F16),
                                     small,
                                     quantised,
                                     in_k_quants};
  for (const Shape& shape : shapes) {
    const bool quick = shape.hidden <= 256;
    put({shape, 0, {{130}, {1}, {1}, {7}, {1}}}, false);
    put({shape, 0, {{1}, {1}, {1}, {1}}}, quick);
    put({shape, 0, {{25}, {1, true}, {1}, {16, true}, {1}, {2}}}, quick);  // tapped and unheard passes share a cache
    put({shape, 0, {{65, true}, {1, true}, {7, true}}}, false);
    for (int64_t before : {1, 63, 64, 127, 500}) put({shape, before, {{1}, {1}}}, quick && before == 127);
    put({shape, 65, {{64}, {1}}}, quick);
    put({shape, 500, {{65}, {2}}}, false);
  }
  AttentionShape seen = small_heads;
  seen.window = 2047;
  for (int64_t before : {2046, 2100})
    for (int64_t tokens : {1, 65})
      put({shape_of("small in a large window", 576, seen, W::F16), before, {{tokens}, {1}}}, false);
  put({large, 0, {{16}, {1}}}, false);
  for (int64_t before : {500, 2100}) put({large, before, {{1}}}, false);
}

}  // namespace phi3lab::ops
