// Rotation, the cache and attention as primitive verbs: while a tap is set, all three do exactly what they are
// told.
#include "device.h"
#include "planted.h"
#include "twin.h"

namespace phi3lab::ops {
namespace {

// Relative to √(a² + b²) of the rotated pair: two products and a sum, three roundings of 2⁻²⁴.
constexpr double kRope = 2e-7;
// Relative to Σ p·|v| · (1 + √Σ(q·k)²), the largest of a query's keys: see twin.h.
// - float32, and one token of a 16-bit backend, or any of the CPU's with 16-bit keys and values, whose queries and
// weights stay float32 and whose keys and values are
//   rounded as the definition's are: sums of up to 256 products, and of up to 2,100 weights in one chain, whose 2⁻²⁵ an
//   addition add up to √2100 · 2⁻²⁵ at random; an exponential of 2 units in the last place. Measured: 2.5e-6.
// - a 16-bit prompt may round queries, weights and what it hands on: three roundings of u = 2⁻⁸ (bfloat16) or 2⁻¹¹, of
//   which each is met by 40% on average.
constexpr double kFloat32Attention = 4e-6;
double prompt_attention(Dtype dtype) { return 1.5 * unit_roundoff(dtype); }
constexpr double kExact = 0;

struct Shape {
  AttentionShape heads;
  int64_t position, tokens;
};

AttentionShape heads_of(int64_t heads, int64_t kv_heads, int64_t head_dim, int64_t window) {
  return {heads, kv_heads, head_dim, window, 1 / std::sqrt(static_cast<float>(head_dim))};
}

/** `dims`: of each head, that turn. */
Verdict rope(Bench& bench, const Shape& shape, int64_t dims) {
  Backend& backend = bench.backend;
  const AttentionShape& heads = shape.heads;
  const int64_t dim = heads.head_dim, cols = heads.qkv_cols(), positions = shape.position + shape.tokens + 3;
  const std::vector<float> angles = twin::rotary_table(positions, dims);
  const std::vector<float> values = bench.random.floats(shape.tokens * cols, -2, 2);
  const Guarded table(backend, positions, dims, angles), qkv(backend, shape.tokens, cols, values);
  DevicePass pass(backend, shape.tokens);
  const Tapping primitives(backend);
  backend.rope(qkv.tensor(), pass.at(shape.position, shape.tokens), table.tensor(), heads);
  // Values do not turn, nor do a head's other numbers.
  Numbers expected = numbers_of(values), scale(expected.size(), 1e-30);
  twin::rope(expected, angles, shape.position, heads, dims);
  for (int64_t t = 0; t < shape.tokens; t++)
    for (int64_t k = 0; k < (heads.heads + heads.kv_heads) * dim; k++) {
      if (k % dim >= dims) continue;
      const int64_t at = t * cols + k, other = k % dim < dims / 2 ? at + dims / 2 : at - dims / 2;
      scale[at] = std::hypot(expected[at], expected[other]);
    }
  return {largest_error(qkv.get(), expected, scale), kRope};
}

/** What `append` put there, read back to the bit: a window of one key gives each position's own value as context. */
Verdict append(Bench& bench, const Shape& shape) {
  Backend& backend = bench.backend;
  AttentionShape heads = shape.heads;
  const int64_t end = shape.position + shape.tokens;
  const auto cache = backend.reserve_cache(heads, 2, end + 70);
  const Tapping primitives(backend);
  twin::Cache layers[2];
  Prefix prefix(bench, heads, shape.position);
  for (int64_t layer : {0, 1})
    prefix.append(*cache, layers[layer], layer, twin::rows_of(bench.random, shape.position, heads));
  // In both layers the pass comes twice: the second time in place of the first, as after a truncation.
  DevicePass pass(backend, shape.tokens);
  cache->commit(end);
  for (int64_t layer : {0, 1, 0, 1}) {
    const std::vector<float> values = floats_of(twin::rows_of(bench.random, shape.tokens, heads));
    const Guarded qkv(backend, shape.tokens, heads.qkv_cols(), values);
    backend.append(*cache, qkv.tensor(), pass.at(shape.position, shape.tokens), layer, heads);
    qkv.expect_kept(values);
    twin::append(layers[layer], numbers_of(values), shape.position, heads, bench.kv);
  }
  heads.window = 1;
  Verdict verdict{0, kExact};
  for (int64_t layer : {0, 1}) {
    for (int64_t first : {int64_t{0}, std::max<int64_t>(0, shape.position - 3), shape.position}) {
      const int64_t tokens = std::min<int64_t>(shape.tokens + 3, end - first);
      const Numbers queries = twin::rows_of(bench.random, tokens, heads);
      const Guarded qkv(backend, tokens, heads.qkv_cols(), floats_of(queries)),
          context(backend, tokens, heads.context_cols());
      DevicePass reading(backend, tokens);
      Tensor out = context.tensor();
      backend.attend(out, {}, qkv.tensor(), *cache, reading.at(first, tokens), {}, layer, heads);
      const twin::Attention expected = twin::attend(queries, layers[layer], first, heads);
      // A single weight is 1: nothing is left to round but what a prompt hands on, a number of the format already.
      verdict.error =
          std::max(verdict.error, largest_error(context.get(), expected.context, Numbers(expected.context.size(), 1)));
    }
  }
  return verdict;
}

Verdict attend(Bench& bench, const Shape& shape, bool with_weights) {
  Backend& backend = bench.backend;
  const AttentionShape& heads = shape.heads;
  const int64_t end = shape.position + shape.tokens, cols = heads.qkv_cols();
  const auto cache = backend.reserve_cache(heads, 1, end + 1);
  const Tapping primitives(backend);
  Numbers before = twin::rows_of(bench.random, shape.position, heads);
  Numbers now = twin::rows_of(bench.random, shape.tokens, heads);
  plant(before, now, shape.position, heads);
  twin::Cache expected_cache;
  Prefix(bench, heads, shape.position).append(*cache, expected_cache, 0, before);
  now = numbers_of(floats_of(now));
  DevicePass pass(backend, shape.tokens);
  const PassInput input = pass.at(shape.position, shape.tokens);
  cache->commit(end);
  const Guarded qkv(backend, shape.tokens, cols, floats_of(now)), context(backend, shape.tokens, heads.context_cols());
  const Guarded weights(backend, heads.heads * shape.tokens, end);
  backend.append(*cache, qkv.tensor(), input, 0, heads);
  AttentionWeights asked;
  if (with_weights) asked = {weights.tensor().data, shape.tokens * end, end};
  Tensor out = context.tensor();
  backend.attend(out, asked, qkv.tensor(), *cache, input, {}, 0, heads);
  twin::append(expected_cache, now, shape.position, heads, bench.kv);
  const twin::Attention expected = twin::attend(now, expected_cache, shape.position, heads);
  Verdict verdict{largest_error(context.get(), expected.context, expected.scale),
                  bench.narrow() && shape.tokens > 1 ? prompt_attention(bench.dtype) : kFloat32Attention};
  if (with_weights) {
    Numbers scale = expected.weights_scale;
    for (double& x : scale) x += x > 0 ? 1e-12 : 0;  // what is not seen weighs exactly nothing
    const double error = largest_error(weights.get(), expected.weights, scale);
    verdict.error = error <= verdict.error ? verdict.error : error;
  }
  return verdict;
}

std::string name_of(const char* operation, const Shape& shape) {
  const AttentionShape& heads = shape.heads;
  return std::string(operation) + " " + std::to_string(heads.heads) + ":" + std::to_string(heads.kv_heads) + "x" +
         std::to_string(heads.head_dim) + (heads.window > 0 ? " window=" + std::to_string(heads.window) : "") +
         " at=" + std::to_string(shape.position) + " T=" + std::to_string(shape.tokens);
}

}  // namespace

void attention_cases(std::vector<Case>& table) {
  const std::vector<int64_t> tokens = {1, 2, 7, 16, 25, 64, 65, 130}, windows = {0, 5, 2047};
  const std::vector<int64_t> positions = {0, 1, 63, 64, 65, 127, 500, 2046, 2100};
  const std::vector<AttentionShape> kinds = {heads_of(1, 1, 12, 0),  heads_of(4, 2, 12, 0),  heads_of(4, 4, 16, 0),
                                             heads_of(3, 1, 32, 0),  heads_of(9, 3, 64, 0),  heads_of(32, 32, 96, 0),
                                             heads_of(8, 2, 128, 0), heads_of(2, 1, 256, 0), heads_of(2, 2, 96, 0)};
  const auto put = [&](const char* operation, const Shape& shape, bool quick, auto verdict) {
    table.push_back({name_of(operation, shape), quick, [=](Bench& b) { return verdict(b, shape); }});
  };
  const auto attend_only = [](Bench& b, const Shape& s) { return attend(b, s, false); };
  const auto attend_weights = [](Bench& b, const Shape& s) { return attend(b, s, true); };
  const auto rope_all = [](Bench& b, const Shape& s) { return rope(b, s, s.heads.head_dim); };
  const auto rope_part = [](Bench& b, const Shape& s) { return rope(b, s, s.heads.head_dim / 8 * 6 + 2); };
  for (size_t i = 0; i < kinds.size(); i++) {
    const AttentionShape& kind = kinds[i];
    const bool large = kind.heads > 9;
    for (const auto& [position, count] :
         std::vector<std::pair<int64_t, int64_t>>{{0, 1}, {0, 65}, {63, 2}, {500, 7}, {2100, 1}}) {
      put("rope", {kind, position, count}, position == 63, rope_all);
      put("rope of a part of", {kind, position, count}, position == 63, rope_part);
      if (!large || position < 2000) put("append", {kind, position, count}, position == 63, append);
    }
    // Every size of head at every position, with pass lengths and windows that take turns.
    for (size_t p = 0; p < positions.size(); p++) {
      for (size_t turn = 0; turn < 2; turn++) {
        const int64_t any = tokens[1 + (i + 3 * p) % 7];
        const int64_t count = turn == 0 ? 1 : large ? std::min<int64_t>(any, 25) : any;
        if (large && positions[p] > 2000 && turn == p % 2) continue;
        AttentionShape heads = kind;
        heads.window = windows[(i + p + turn) % 3];
        put("attend", {heads, positions[p], count}, positions[p] == 65 && !large, attend_only);
      }
    }
    for (int64_t window : {0, 5}) {
      AttentionShape heads = kind;
      heads.window = window;
      for (const auto& [position, count] :
           std::vector<std::pair<int64_t, int64_t>>{{0, 7}, {65, 1}, {127, 65}, {500, 2}})
        put("attend with weights", {heads, position, count}, position == 65 && window == 5 && !large, attend_weights);
    }
  }
  // One shape through everything.
  for (int64_t position : positions)
    for (int64_t count : tokens)
      for (int64_t window : windows) put("attend", {heads_of(2, 1, 64, window), position, count}, false, attend_only);
}

}  // namespace phi3lab::ops
