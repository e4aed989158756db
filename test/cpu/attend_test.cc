// The CPU's attention by itself: the same numbers to the bit however queries are cut into passes and split between
// threads; what a query does not see; and what float16 keys and values do with numbers that it lacks. Against the
// definition it is tested by test/native/ops.
//
// Prints a line a case: "ok <name>" or "not ok <name> <what>", then "done". Exit status 1 on failure.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "cpu/backend.h"

using namespace phi3lab;
using namespace phi3lab::cpu;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity(), kNan = std::numeric_limits<float>::quiet_NaN();
int failures = 0;

void report(const std::string& name, const std::string& problem) {
  std::printf(problem.empty() ? "ok %s\n" : "not ok %s %s\n", name.c_str(), problem.c_str());
  failures += !problem.empty();
}

/** One layer, over a text whose rows of qkv are given. */
class Layer {
 public:
  Layer(const Isa& isa, int threads, KvType type, const AttentionShape& shape, int64_t capacity)
      : shape_(shape), backend_(isa, threads, type), cache_(backend_.reserve_cache(shape, 1, capacity)) {}

  /** Context (tokens, heads · head_dim) of the next tokens, their keys and values appended. */
  std::vector<float> pass(const float* qkv, int64_t tokens, bool with_weights = false) {
    std::vector<float> rows(qkv, qkv + tokens * shape_.qkv_cols());
    std::vector<float> context(static_cast<size_t>(tokens * shape_.context_cols()));
    int32_t ids = 0, position = static_cast<int32_t>(length_);
    length_ += tokens;
    std::vector<float> weights(static_cast<size_t>(shape_.heads * tokens * length_));
    cache_->commit(length_);
    const PassInput input{&ids, &position, tokens};
    const Tensor in{rows.data(), tokens, shape_.qkv_cols()};
    backend_.append(*cache_, in, input, 0, shape_);
    Tensor out{context.data(), tokens, shape_.context_cols()};
    backend_.attend(out, {with_weights ? weights.data() : nullptr, tokens * length_, length_}, in, *cache_, input, {},
                    0, shape_);
    backend_.synchronize();
    return context;
  }
  void truncate(int64_t length) { length_ = length; }

 private:
  AttentionShape shape_;
  CpuBackend backend_;
  std::unique_ptr<Cache> cache_;
  int64_t length_ = 0;
};

AttentionShape shape_of(int64_t heads, int64_t kv_heads, int64_t dim, int64_t window) {
  return {heads, kv_heads, dim, window, 1 / std::sqrt(static_cast<float>(dim))};
}

std::vector<float> random_rows(int64_t tokens, const AttentionShape& shape) {
  static std::mt19937 generator(20260101);
  std::vector<float> rows(static_cast<size_t>(tokens * shape.qkv_cols()));
  for (float& x : rows) x = std::uniform_real_distribution<float>(-2, 2)(generator);
  return rows;
}

bool same(const float* a, const float* b, int64_t count) {
  return std::memcmp(a, b, static_cast<size_t>(count) * sizeof(float)) == 0;
}

/** In one pass, and in passes of 1, 7 and 64 tokens, on one thread and on three, also while weights are asked for. */
std::string cuts(const Isa& isa, KvType type, const AttentionShape& shape, int64_t tokens) {
  const std::vector<float> rows = random_rows(tokens, shape);
  const std::vector<float> whole = Layer(isa, 1, type, shape, tokens).pass(rows.data(), tokens);
  for (const int threads : {1, 3})
    for (const int64_t most : {int64_t{1}, int64_t{7}, int64_t{64}, tokens})
      for (const bool with_weights : {false, true}) {
        Layer layer(isa, threads, type, shape, tokens);
        for (int64_t first = 0; first < tokens; first += most) {
          const int64_t count = std::min(most, tokens - first), cols = shape.context_cols();
          const std::vector<float> piece = layer.pass(&rows[first * shape.qkv_cols()], count, with_weights);
          if (!same(piece.data(), &whole[first * cols], count * cols))
            return "passes of " + std::to_string(most) + " differ from one pass on " + std::to_string(threads) +
                   " threads" + (with_weights ? ", with weights" : "");
        }
      }
  return "";
}

/** A text that is longer than what is committed at a time: passes of 60 tokens, then 70 tokens by themselves. */
std::string long_text(const Isa& isa, KvType type, const AttentionShape& shape, int64_t tokens) {
  const std::vector<float> rows = random_rows(tokens, shape);
  const std::vector<float> whole = Layer(isa, 1, type, shape, tokens).pass(rows.data(), tokens);
  Layer layer(isa, 3, type, shape, tokens);
  int64_t count = 0;
  for (int64_t first = 0; first < tokens; first += count) {
    count = first + 60 <= tokens - 70 ? 60 : 1;
    const int64_t cols = shape.context_cols();
    const std::vector<float> piece = layer.pass(&rows[first * shape.qkv_cols()], count);
    if (!same(piece.data(), &whole[first * cols], count * cols))
      return "the pass at " + std::to_string(first) + " differs from one pass over all";
  }
  return "";
}

/** NaN in keys and values that a query does not see: later ones, those before its window, those left of a longer text.
 */
std::string unseen(const Isa& isa, KvType type) {
  const AttentionShape shape = shape_of(6, 2, 48, 40);
  const int64_t tokens = 150, seen = 100, cols = shape.context_cols();
  const std::vector<float> rows = random_rows(tokens, shape);
  std::vector<float> spoilt = rows;
  std::fill(spoilt.begin() + seen * shape.qkv_cols(), spoilt.end(), kNan);
  const std::vector<float> expected = Layer(isa, 2, type, shape, tokens).pass(rows.data(), tokens);
  Layer layer(isa, 2, type, shape, tokens);
  const std::vector<float> context = layer.pass(spoilt.data(), tokens);
  if (!same(context.data(), expected.data(), seen * cols)) return "a later NaN reaches a query";
  for (int64_t i = seen * cols; i < tokens * cols; i++)
    if (!std::isnan(context[i])) return "a query's own NaN does not reach it";
  layer.truncate(seen);
  for (int64_t t = seen; t < tokens; t++)
    if (!same(layer.pass(&rows[t * shape.qkv_cols()], 1).data(), &expected[t * cols], cols))
      return "a NaN that was truncated reaches a token";
  std::fill_n(spoilt.begin(), seen * shape.qkv_cols(), kNan);
  std::copy(rows.begin() + seen * shape.qkv_cols(), rows.end(), spoilt.begin() + seen * shape.qkv_cols());
  const std::vector<float> windowed = Layer(isa, 2, type, shape, tokens).pass(spoilt.data(), tokens);
  const int64_t first = (seen + shape.window - 1) * cols;
  if (!same(&windowed[first], &expected[first], tokens * cols - first))
    return "a NaN before the window reaches a query";
  return "";
}

/** A key whose score is −∞ weighs nothing; a query that sees nothing else, or a score of +∞, is NaN, as in a softmax.
 */
std::string infinite(const Isa& isa) {
  const AttentionShape shape = shape_of(1, 1, 16, 0);
  const int64_t tokens = 70, cols = shape.qkv_cols(), dim = shape.head_dim;
  std::vector<float> rows = random_rows(tokens, shape);
  for (int64_t t = 0; t < tokens; t++) rows[t * cols] = 1;             // queries
  for (int64_t t = 0; t < 64; t++) rows[t * cols + dim] = -kInfinity;  // keys of a whole block
  const std::vector<float> context = Layer(isa, 1, KvType::float32, shape, tokens).pass(rows.data(), tokens);
  for (int64_t i = 0; i < 64 * dim; i++)
    if (!std::isnan(context[i])) return "nothing but −∞ gives " + std::to_string(context[i]);
  for (int64_t i = 0; i < dim; i++)
    if (context[64 * dim + i] != rows[64 * cols + 2 * dim + i]) return "a score of −∞ weighs something";
  rows[66 * cols + dim] = kInfinity;
  const std::vector<float> above = Layer(isa, 1, KvType::float32, shape, tokens).pass(rows.data(), tokens);
  if (!same(above.data() + 64 * dim, context.data() + 64 * dim, 2 * dim)) return "a later score of +∞ reaches a query";
  if (!std::isnan(above[66 * dim])) return "a score of +∞ gives " + std::to_string(above[66 * dim]);
  return "";
}

/** What float16 makes of a value: a window of one key gives it back. */
std::string halves(const Isa& isa) {
  const std::vector<std::pair<float, float>> numbers = {
      {65504, 65504},
      {65519, 65504},
      {65520, 65504},
      {-70000, -65504},
      {3e38f, 65504},
      {kNan, kNan},
      {0, 0},
      {-0.0f, -0.0f},
      {1.00048828125f, 1},
      {1.00146484375f, 1.001953125f},
      {1e-9f, 0},
      {2.9802322e-8f, 0},
      {3e-8f, 5.9604645e-8f},
      {8.9406967e-8f, 1.1920929e-7f},
      {6.1035156e-5f, 6.1035156e-5f},
      {6.1e-5f, 6.0975552e-5f},
  };
  const AttentionShape shape = shape_of(1, 1, static_cast<int64_t>(numbers.size()), 1);
  std::vector<float> row(static_cast<size_t>(shape.qkv_cols()));
  for (size_t i = 0; i < numbers.size(); i++) row[2 * numbers.size() + i] = numbers[i].first;
  const std::vector<float> context = Layer(isa, 1, KvType::float16, shape, 1).pass(row.data(), 1);
  for (size_t i = 0; i < numbers.size(); i++) {
    const float expected = numbers[i].second;
    if (!(context[i] == expected || (std::isnan(context[i]) && std::isnan(expected))))
      return std::to_string(numbers[i].first) + " is " + std::to_string(context[i]);
  }
  return "";
}

std::string name_of(const AttentionShape& shape) {
  return std::to_string(shape.heads) + ":" + std::to_string(shape.kv_heads) + "x" + std::to_string(shape.head_dim) +
         " window=" + std::to_string(shape.window);
}

void run(const Isa& isa, const std::string& name) {
  for (const KvType type : {KvType::float32, KvType::float16}) {
    const std::string what = name + (type == KvType::float32 ? " float32" : " float16");
    for (const AttentionShape& shape : {shape_of(9, 3, 64, 0), shape_of(1, 1, 12, 0), shape_of(5, 1, 80, 50),
                                        shape_of(26, 2, 32, 0), shape_of(4, 4, 96, 130)})
      report(what + " cut " + name_of(shape), cuts(isa, type, shape, 200));
    for (const AttentionShape& shape : {shape_of(4, 2, 16, 0), shape_of(4, 2, 16, 700)})
      report(what + " long " + name_of(shape), long_text(isa, type, shape, 1100));
    const AttentionShape wide = shape_of(32, 32, 128, 0);
    report(what + " long " + name_of(wide), long_text(isa, type, wide, 300));
    report(what + " unseen", unseen(isa, type));
  }
  report(name + " infinite", infinite(isa));
  report(name + " halves", halves(isa));
}

}  // namespace

int main() {
  for (Isa isa : available_isas()) {
    const std::string name = isa_name(isa);
    if (isa.vnni || isa.dotprod) continue;  // which attention does without
    run(isa, name);
    isa.fetches = !isa.fetches;
    if (isa.path == Path::avx512) run(isa, name + (isa.fetches ? " fetching" : " unaided"));
  }
  std::printf("done\n");
  return failures > 0;
}
