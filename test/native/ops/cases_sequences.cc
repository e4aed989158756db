// Passes of several sequences, a token each: rows at positions of their own, caches that a CacheBatch holds. What a row
// becomes is what it becomes alone; and positions that go from one cache to another.
#include "chain.h"
#include "device.h"
#include "planted.h"
#include "twin.h"

namespace phi3lab::ops {
namespace {

constexpr double kEps = 1e-5;
constexpr double kRope = 2e-7;              // as cases_attention.cc says of one sequence
constexpr double kFloat32Attention = 4e-6;  // the same

struct Shape {
  AttentionShape heads;
  std::vector<int64_t> positions;  // of each sequence's token
};

AttentionShape heads_of(int64_t heads, int64_t kv_heads, int64_t head_dim, int64_t window) {
  return {heads, kv_heads, head_dim, window, 1 / std::sqrt(static_cast<float>(head_dim))};
}

/** Sequences of such lengths, each with its cache of two layers, and what the backend is told of their next token. */
class Sequences {
 public:
  Sequences(Bench& bench, const Shape& shape)
      : layers(2),
        bench_(bench),
        shape_(shape),
        ids_(bench.backend, std::vector<int32_t>(shape.positions.size())),
        positions_(bench.backend, {shape.positions.begin(), shape.positions.end()}),
        batch_(bench.backend.make_batch(shape.heads)) {
    std::vector<Cache*> held;
    for (std::vector<twin::Cache>& layer : layers) layer.resize(shape.positions.size());
    for (int64_t position : shape.positions) {
      caches.push_back(bench.backend.reserve_cache(shape.heads, 2, position + 70));
      caches.back()->commit(position + 1);
      held.push_back(caches.back().get());
    }
    // What was held before is of no account.
    std::vector<Cache*> turned(held.rbegin(), held.rend());
    batch_->hold(turned);
    batch_->hold(held);
  }

  int64_t count() const { return static_cast<int64_t>(shape_.positions.size()); }
  PassInput input() const { return {ids_.data(), positions_.data(), count(), count()}; }
  CacheBatch& batch() { return *batch_; }
  /** Fills a layer's caches up to the tokens, among them keys planted for `qkv`, the tokens' rows. */
  void fill(int64_t layer, Numbers& qkv) {
    const Tapping primitives(bench_.backend);
    const int64_t cols = shape_.heads.qkv_cols();
    for (int64_t s = 0; s < count(); s++) {
      const int64_t position = shape_.positions[s];
      Numbers before = twin::rows_of(bench_.random, position, shape_.heads);
      Numbers now(qkv.begin() + s * cols, qkv.begin() + (s + 1) * cols);
      plant(before, now, position, shape_.heads);
      std::copy(now.begin(), now.end(), qkv.begin() + s * cols);
      Prefix(bench_, shape_.heads, position).append(*caches[s], layers[layer][s], layer, before);
    }
    // As the backend gets them.
    qkv = numbers_of(floats_of(qkv));
  }
  /** What the tokens' attention is, their keys and values appended. */
  twin::Attention attend(int64_t layer, const Numbers& qkv) {
    const int64_t cols = shape_.heads.qkv_cols();
    twin::Attention all;
    for (int64_t s = 0; s < count(); s++) {
      const Numbers row(qkv.begin() + s * cols, qkv.begin() + (s + 1) * cols);
      twin::append(layers[layer][s], row, shape_.positions[s], shape_.heads, bench_.kv);
      const twin::Attention one = twin::attend(row, layers[layer][s], shape_.positions[s], shape_.heads);
      all.context.insert(all.context.end(), one.context.begin(), one.context.end());
      all.scale.insert(all.scale.end(), one.scale.begin(), one.scale.end());
    }
    return all;
  }

  std::vector<std::unique_ptr<Cache>> caches;
  std::vector<std::vector<twin::Cache>> layers;  // of each, of each sequence

 private:
  Bench& bench_;
  Shape shape_;
  GuardedIds ids_, positions_;
  std::unique_ptr<CacheBatch> batch_;
};

Verdict rope(Bench& bench, const Shape& shape) {
  const AttentionShape& heads = shape.heads;
  const int64_t cols = heads.qkv_cols(), dim = heads.head_dim;
  Sequences sequences(bench, shape);
  const std::vector<float> angles = twin::rotary_table(2200, dim);
  const std::vector<float> values = bench.random.floats(sequences.count() * cols, -2, 2);
  const Guarded table(bench.backend, 2200, dim, angles), qkv(bench.backend, sequences.count(), cols, values);
  const Tapping primitives(bench.backend);
  bench.backend.rope(qkv.tensor(), sequences.input(), table.tensor(), heads);
  Numbers expected, scale;
  for (int64_t s = 0; s < sequences.count(); s++) {
    Numbers row = numbers_of({values.begin() + s * cols, values.begin() + (s + 1) * cols});
    twin::rope(row, angles, shape.positions[s], heads);
    for (int64_t k = 0; k < cols; k++) {
      const bool turns = k < (heads.heads + heads.kv_heads) * dim;
      const int64_t other = k % dim < dim / 2 ? k + dim / 2 : k - dim / 2;
      scale.push_back(turns ? std::hypot(row[k], row[other]) : 1e-30);
    }
    expected.insert(expected.end(), row.begin(), row.end());
  }
  return {largest_error(qkv.get(), expected, scale), kRope};
}

Verdict attend(Bench& bench, const Shape& shape) {
  Backend& backend = bench.backend;
  const AttentionShape& heads = shape.heads;
  Sequences sequences(bench, shape);
  const Tapping primitives(backend);
  Verdict verdict{0, kFloat32Attention};
  for (int64_t layer : {0, 1}) {
    Numbers now = twin::rows_of(bench.random, sequences.count(), heads);
    sequences.fill(layer, now);
    const std::vector<float> values = floats_of(now);
    const Guarded qkv(backend, sequences.count(), heads.qkv_cols(), values),
        context(backend, sequences.count(), heads.context_cols());
    backend.append(sequences.batch(), qkv.tensor(), sequences.input(), layer, heads);
    Tensor out = context.tensor();
    backend.attend(out, {}, qkv.tensor(), sequences.batch(), sequences.input(), {}, layer, heads);
    qkv.expect_kept(values);
    const twin::Attention expected = sequences.attend(layer, now);
    const double error = largest_error(context.get(), expected.context, expected.scale);
    if (!(error <= verdict.error)) verdict.error = error;
  }
  return verdict;
}

/** The fused verbs of attention, as cases_attention_chain.cc has them of one sequence. */
Verdict chain(Bench& bench, const Shape& shape, int64_t hidden_cols, WeightType type, bool tapped) {
  Backend& backend = bench.backend;
  const AttentionShape& heads = shape.heads;
  Sequences sequences(bench, shape);
  const int64_t count = sequences.count(), cols = heads.qkv_cols();
  const TestNorm norm(bench.random, hidden_cols);
  const TestWeight qkv_weight(bench.random, {{type, cols}}, hidden_cols,
                              1 / std::sqrt(static_cast<double>(hidden_cols))),
      projection(bench.random, {{type, hidden_cols}}, heads.context_cols(),
                 2 / std::sqrt(static_cast<double>(heads.context_cols())));
  const auto uploaded_norm = backend.upload_weight(norm.source(), WeightKind::norm),
             uploaded_qkv = backend.upload_weight(qkv_weight.source(), WeightKind::projection),
             uploaded_projection = backend.upload_weight(projection.source(), WeightKind::projection);
  const std::vector<float> angles = twin::rotary_table(2200, heads.head_dim);
  const std::vector<float> start = bench.random.floats(count * hidden_cols, -2, 2);
  const Guarded table(backend, 2200, heads.head_dim, angles), hidden(backend, count, hidden_cols, start),
      normed(backend, count, hidden_cols), projected(backend, count, hidden_cols), qkv(backend, count, cols),
      context(backend, count, heads.context_cols());
  Numbers rows = twin::matmul(twin::rms_norm(numbers_of(start), norm.numbers(), kEps), qkv_weight,
                              qkv_weight.kept(bench.dtype, count));
  for (int64_t s = 0; s < count; s++) {
    Numbers row(rows.begin() + s * cols, rows.begin() + (s + 1) * cols);
    twin::rope(row, angles, shape.positions[s], heads);
    std::copy(row.begin(), row.end(), rows.begin() + s * cols);
  }
  Numbers planted = rows;
  sequences.fill(1, planted);
  {
    const Tapping definitions(backend, tapped);
    Tensor made = qkv.tensor(), out = context.tensor();
    backend.norm_qkv_rope_append(made, sequences.batch(), normed.tensor(), hidden.tensor(), *uploaded_norm,
                                 *uploaded_qkv, sequences.input(), table.tensor(), 1, heads, static_cast<float>(kEps));
    backend.attend(out, {}, made, sequences.batch(), sequences.input(), table.tensor(), 1, heads);
    backend.project_residual(hidden.tensor(), projected.tensor(), out, *uploaded_projection, 1);
    backend.checkpoint(1);
  }
  const twin::Attention attention = sequences.attend(1, rows);
  const Numbers added = twin::matmul(attention.context, projection, projection.kept(bench.dtype, count));
  Numbers expected = numbers_of(start);
  for (size_t i = 0; i < expected.size(); i++) expected[i] += added[i];
  const double error = largest_error(hidden.get(), expected, scale_of(added, hidden_cols));
  for (const Guarded* one : {&normed, &projected, &qkv, &context}) one->get();
  // A token's own key may have all the weight.
  return {error, bench.narrow()               ? prompt_chain(bench.dtype)
                 : bench.kv == Dtype::float32 ? kFloat32Chain
                                              : decode_chain(bench.kv, 1, heads.context_cols())};
}

/** A cache that holds other positions takes over those from `first` to `end`; attention then sees what it took. */
Verdict copied(Bench& bench, const AttentionShape& heads, int64_t first, int64_t end) {
  Backend& backend = bench.backend;
  const Tapping primitives(backend);
  Verdict verdict{0, kFloat32Attention};
  const auto from = backend.reserve_cache(heads, 2, end + 200), to = backend.reserve_cache(heads, 2, end + 200);
  twin::Cache layers[2];
  Numbers queries[2];
  from->commit(end + 130);  // so that the two lie otherwise
  for (int64_t layer : {0, 1}) {
    twin::Cache before;
    queries[layer] = twin::rows_of(bench.random, 1, heads);
    Numbers rows = twin::rows_of(bench.random, end, heads), old = twin::rows_of(bench.random, end, heads);
    plant(rows, queries[layer], end, heads);
    std::copy_n(rows.begin(), first * heads.qkv_cols(), old.begin());
    Prefix(bench, heads, end).append(*from, layers[layer], layer, rows);
    Prefix(bench, heads, end).append(*to, before, layer, old);
  }
  to->commit(end);
  backend.copy_positions(*to, *from, first, end);
  backend.synchronize();
  to->commit(end + 1);
  DevicePass pass(backend, 1);
  for (int64_t layer : {0, 1}) {
    queries[layer] = numbers_of(floats_of(queries[layer]));
    const Guarded qkv(backend, 1, heads.qkv_cols(), floats_of(queries[layer])),
        context(backend, 1, heads.context_cols());
    const PassInput input = pass.at(end, 1);
    Tensor out = context.tensor();
    backend.append(*to, qkv.tensor(), input, layer, heads);
    backend.attend(out, {}, qkv.tensor(), *to, input, {}, layer, heads);
    twin::append(layers[layer], queries[layer], end, heads, bench.kv);
    const twin::Attention expected = twin::attend(queries[layer], layers[layer], end, heads);
    const double error = largest_error(context.get(), expected.context, expected.scale);
    if (!(error <= verdict.error)) verdict.error = error;
  }
  return verdict;
}

/** Ids of several come row by row, each row's greatest. */
Verdict chosen(Bench& bench, int64_t rows, int64_t vocab) {
  Backend& backend = bench.backend;
  std::vector<float> values = bench.random.floats(rows * vocab, -9, 9);
  values[static_cast<size_t>((rows - 1) * vocab + 1)] = NAN;
  const std::vector<int32_t> excluded = {twin::argmax({values.begin(), values.begin() + vocab}, {})};
  std::vector<int32_t> started;
  for (int32_t t = 0; t < rows; t++) started.push_back(100 * t + 3);
  const Guarded logits(backend, rows, vocab, values);
  const GuardedIds ids(backend, std::vector<int32_t>(static_cast<size_t>(rows), -77)), beside(backend, excluded),
      positions(backend, started);
  double wrong = 0;
  for (int64_t count : {0, 1}) {
    backend.argmax(ids.data(), logits.tensor(), beside.data(), count);
    backend.emit(ids.data(), rows);
    backend.advance(positions.data(), rows, 3);
    for (int64_t t = 0; t < rows; t++) {
      const std::vector<float> row(values.begin() + t * vocab, values.begin() + (t + 1) * vocab);
      wrong += backend.next_token() != twin::argmax(row, count > 0 ? excluded : std::vector<int32_t>());
    }
  }
  const std::vector<int32_t> now = positions.get();
  for (int64_t t = 0; t < rows; t++) wrong += now[t] != started[t] + 6;
  return {wrong, 0};
}

}  // namespace

void sequence_cases(std::vector<Case>& table) {
  const std::vector<AttentionShape> kinds = {heads_of(4, 2, 12, 0),   heads_of(3, 1, 32, 5),  heads_of(9, 3, 64, 0),
                                             heads_of(8, 2, 128, 70), heads_of(2, 1, 256, 0), heads_of(32, 32, 96, 0)};
  const std::vector<std::vector<int64_t>> positions = {
      {5, 0}, {63, 64, 1, 130}, {500, 2, 64, 2100, 77, 31, 63, 128}, {9, 70, 3, 0, 64, 65, 63, 127, 200, 1, 2}};
  for (size_t i = 0; i < kinds.size(); i++)
    for (size_t p = 0; p < positions.size(); p++) {
      const AttentionShape& heads = kinds[i];
      if (heads.heads == 32 && p == 3) continue;
      const Shape shape{heads, positions[p]};
      const std::string name = " several " + std::to_string(heads.heads) + ":" + std::to_string(heads.kv_heads) + "x" +
                               std::to_string(heads.head_dim) +
                               (heads.window > 0 ? " window=" + std::to_string(heads.window) : "") +
                               " n=" + std::to_string(shape.positions.size());
      const bool quick = p == 1 && heads.heads < 9;
      table.push_back({"rope of" + name, quick, [=](Bench& b) { return rope(b, shape); }});
      table.push_back({"attend for" + name, quick, [=](Bench& b) { return attend(b, shape); }});
      for (bool tapped : {false, true})
        for (WeightType type : {WeightType::BF16, WeightType::Q8_0}) {
          if (type == WeightType::Q8_0 && (tapped || heads.head_dim % 32 != 0)) continue;
          table.push_back(
              {"attention chain of" + name + (type == WeightType::Q8_0 ? " in Q8_0" : "") + (tapped ? " tapped" : ""),
               quick, [=](Bench& b) { return chain(b, shape, 256, type, tapped); }});
        }
    }
  for (const AttentionShape& heads : {heads_of(4, 2, 12, 0), heads_of(9, 3, 64, 0), heads_of(2, 1, 256, 0)})
    for (const auto& [first, end] : std::vector<std::pair<int64_t, int64_t>>{
             {0, 7}, {0, 64}, {3, 5}, {63, 65}, {64, 200}, {70, 100}, {130, 333}, {0, 600}})
      table.push_back({"append copied positions " + std::to_string(first) + " to " + std::to_string(end) + " of " +
                           std::to_string(heads.heads) + "x" + std::to_string(heads.head_dim),
                       end == 65, [=, first = first, end = end](Bench& b) { return copied(b, heads, first, end); }});
  for (int64_t rows : {2, 8, 64})
    table.push_back({"argmax of " + std::to_string(rows) + " rows", rows == 2,
                     [=](Bench& b) { return chosen(b, rows, rows == 64 ? 211 : 32064); }});
}

}  // namespace phi3lab::ops
