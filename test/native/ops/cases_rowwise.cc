// Operations row by row: embed, rms_norm, norm_heads, swiglu, add, add_bias, copy, advance, publish.
#include "device.h"
#include "formats.h"
#include "twin.h"

namespace phi3lab::ops {
namespace {

using W = WeightType;

// A row is looked up, not computed. The CPU reads quantised numbers with one rounding of d·q + m, 2⁻²⁴ of the row's
// largest; in the 16-bit formats, and on the GPU, the number kept is the one the definition names.
constexpr double kEmbedCpu = 1.2e-7, kEmbedCuda = 0;
// Relative, number by number. The mean is a sum of positive numbers, so its error is at most that of a chain of a
// thread's share (12 to 32 additions) plus the tree's, halved by the root; three more roundings follow: some 2⁻²¹.
constexpr double kRmsNorm = 6e-7;
// Relative to |up·silu(gate)| · (1 + |gate|): an exponential of 2 units in the last place, a division and a product,
// and the exponent's own rounding, 2⁻²⁴ of |gate|. Below 10⁻²⁷ of `up` the exponential may stop: no sum could tell.
constexpr double kSwiglu = 4e-7;
constexpr double kExact = 0;  // one float32 operation, or none: its result is unique

std::string shape_text(int64_t rows, int64_t cols) { return std::to_string(rows) + "x" + std::to_string(cols); }

Verdict embed(Bench& bench, const std::vector<Part>& parts, int64_t cols, int64_t tokens) {
  Backend& backend = bench.backend;
  const TestWeight table(bench.random, parts, cols, 0.05);
  const auto uploaded = backend.upload_weight(table.source(), WeightKind::embedding);
  std::vector<int32_t> ids;
  for (int64_t t = 0; t < tokens; t++) ids.push_back(static_cast<int32_t>(bench.random.below(table.rows())));
  ids.back() = static_cast<int32_t>(table.rows() - 1);
  if (tokens > 2) ids[0] = 0, ids[2] = ids[1];
  DevicePass pass(backend, tokens);
  const Guarded out(backend, tokens, cols);
  pass.ids().set(ids);
  backend.embed(out.tensor(), pass.at(5, tokens), *uploaded);
  Numbers expected(static_cast<size_t>(tokens * cols)), scale(expected.size());
  for (int64_t t = 0; t < tokens; t++) {
    table.row(&expected[t * cols], ids[t], table.kept(bench.dtype, 1));
    double largest = 0;
    for (int64_t k = 0; k < cols; k++) largest = std::max(largest, std::fabs(expected[t * cols + k]));
    std::fill_n(&scale[t * cols], cols, largest);
  }
  return {largest_error(out.get(), expected, scale), bench.cuda ? kEmbedCuda : kEmbedCpu};
}

Verdict rms_norm(Bench& bench, int64_t rows, int64_t cols, WeightType type, bool in_place) {
  Backend& backend = bench.backend;
  const TestNorm norm(bench.random, cols, type);
  const auto uploaded = backend.upload_weight(norm.source(), WeightKind::norm);
  std::vector<float> values = bench.random.floats(rows * cols, -2, 2);
  // Rows of many sizes: nothing but zeros, so small that eps decides, large enough for squares of 10²⁴.
  const float sizes[] = {1, 0, 1e-3f, 1e-8f, 1e12f, 300};
  for (int64_t r = 0; r < rows; r++)
    for (int64_t k = 0; k < cols; k++) values[r * cols + k] *= sizes[r % 6];
  const Guarded in(backend, rows, cols, values), other(backend, rows, cols);
  const Guarded& out = in_place ? in : other;
  backend.rms_norm(out.tensor(), in.tensor(), *uploaded, 1e-5f);
  const Numbers expected = twin::rms_norm(numbers_of(values), norm.numbers(), static_cast<double>(1e-5f));
  Numbers scale;
  for (double x : expected) scale.push_back(std::fabs(x));
  const Verdict verdict{largest_error(out.get(), expected, scale), kRmsNorm};
  if (!in_place) in.expect_kept(values);
  return verdict;
}

Verdict swiglu(Bench& bench, int64_t rows, int64_t ffn) {
  Backend& backend = bench.backend;
  std::vector<float> values = bench.random.floats(rows * 2 * ffn, -8, 8);
  const float edges[] = {0, -0.0f, 90, -90, 30, -30, 1e-6f, -1e4f, 1e4f};
  for (int64_t i = 0; i < std::min<int64_t>(9, ffn); i++) values[(rows - 1) * 2 * ffn + i] = edges[i];
  const Guarded in(backend, rows, 2 * ffn, values), out(backend, rows, ffn);
  backend.swiglu(out.tensor(), in.tensor());
  const Numbers expected = twin::swiglu(numbers_of(values), ffn);
  Numbers scale;
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t i = 0; i < ffn; i++) {
      const auto gate = static_cast<double>(values[r * 2 * ffn + i]),
                 up = static_cast<double>(values[(2 * r + 1) * ffn + i]);
      scale.push_back(std::fabs(expected[r * ffn + i]) * (1 + std::fabs(gate)) + std::fabs(up) * 1e-27);
    }
  }
  const Verdict verdict{largest_error(out.get(), expected, scale), kSwiglu};
  in.expect_kept(values);
  return verdict;
}

Verdict add(Bench& bench, int64_t rows, int64_t cols, bool in_place) {
  Backend& backend = bench.backend;
  const std::vector<float> a = bench.random.floats(rows * cols, -3, 3), b = bench.random.floats(rows * cols, -3, 3);
  const Guarded left(backend, rows, cols, a), right(backend, rows, cols, b), other(backend, rows, cols);
  const Guarded& out = in_place ? left : other;
  backend.add(out.tensor(), left.tensor(), right.tensor());
  Numbers expected;
  for (size_t i = 0; i < a.size(); i++) expected.push_back(static_cast<double>(a[i] + b[i]));
  const Verdict verdict{largest_error(out.get(), expected, Numbers(a.size(), 1)), kExact};
  right.expect_kept(b);
  return verdict;
}

/** In every format, its rows in groups and permuted, as q's and k's are. */
Verdict add_bias(Bench& bench, int64_t rows, const std::vector<Part>& parts) {
  Backend& backend = bench.backend;
  const TestWeight bias(bench.random, parts, 1, 0.5);
  const auto uploaded = backend.upload_weight(bias.source(), WeightKind::bias);
  const int64_t cols = bias.rows();
  const std::vector<float> values = bench.random.floats(rows * cols, -3, 3);
  const Guarded out(backend, rows, cols, values);
  backend.add_bias(out.tensor(), *uploaded);
  Numbers expected;
  for (int64_t i = 0; i < rows * cols; i++) {
    double number;
    bias.row(&number, i % cols, Dtype::float32);
    expected.push_back(static_cast<double>(values[i] + static_cast<float>(number)));
  }
  return {largest_error(out.get(), expected, Numbers(expected.size(), 1)), kExact};
}

/** Each head of q and k by itself; values stay. */
Verdict norm_heads(Bench& bench, int64_t rows, const AttentionShape& heads) {
  Backend& backend = bench.backend;
  const TestNorm of_queries(bench.random, heads.head_dim), of_keys(bench.random, heads.head_dim);
  const auto q_norm = backend.upload_weight(of_queries.source(), WeightKind::norm);
  const auto k_norm = backend.upload_weight(of_keys.source(), WeightKind::norm);
  const std::vector<float> values = bench.random.floats(rows * heads.qkv_cols(), -2, 2);
  const Guarded qkv(backend, rows, heads.qkv_cols(), values);
  backend.norm_heads(qkv.tensor(), *q_norm, *k_norm, heads, 1e-5f);
  Numbers expected = numbers_of(values), scale;
  for (int64_t t = 0; t < rows; t++) {
    for (int64_t h = 0; h < heads.heads + heads.kv_heads; h++) {
      const auto head = expected.begin() + t * heads.qkv_cols() + h * heads.head_dim;
      const TestNorm& norm = h < heads.heads ? of_queries : of_keys;
      const Numbers normed =
          twin::rms_norm(Numbers(head, head + heads.head_dim), norm.numbers(), static_cast<double>(1e-5f));
      std::copy(normed.begin(), normed.end(), head);
    }
  }
  for (double x : expected) scale.push_back(std::fabs(x) + 1e-30);
  return {largest_error(qkv.get(), expected, scale), kRmsNorm};
}

Verdict copy(Bench& bench, int64_t rows, int64_t cols) {
  const std::vector<float> values = bench.random.floats(rows * cols, -3, 3);
  const Guarded in(bench.backend, rows, cols, values), out(bench.backend, rows, cols);
  bench.backend.copy(out.tensor(), in.tensor());
  out.expect_kept(values);
  in.expect_kept(values);
  return {0, kExact};
}

Verdict advance(Bench& bench) {
  const GuardedIds position(bench.backend, {4090});
  for (int64_t count : {1, 5, 130}) bench.backend.advance(position.data(), 1, count);
  return {std::fabs(position.get()[0] - 4226.0), kExact};
}

/** Ids come in the order in which they were sent, also while later ones are on their way; `discard` forgets the rest.
 */
Verdict emit(Bench& bench) {
  Backend& backend = bench.backend;
  const GuardedIds id(backend, {7});
  double wrong = 0;
  for (int round = 0; round < 50; round++) {
    backend.emit(id.data(), 1);
    backend.advance(id.data(), 1, 1);
    backend.emit(id.data(), 1);
    wrong += backend.next_token() != 7 + round;
    if (round % 3 == 0)
      backend.discard();
    else
      wrong += backend.next_token() != 8 + round;
  }
  return {wrong, kExact};
}

}  // namespace

void rowwise_cases(std::vector<Case>& table) {
  const auto put = [&](const std::string& name, bool quick, std::function<Verdict(Bench&)> run) {
    table.push_back({name, quick, std::move(run)});
  };
  for (W type : all_weight_types()) {
    const bool blocks = format_of(type).block_size > 1;
    for (int64_t cols : blocks ? std::vector<int64_t>{256, 768} : std::vector<int64_t>{48, 50, 576, 3072})
      for (int64_t tokens : {1, 7, 130})
        put("embed " + std::string(format_of(type).name) + " 211x" + std::to_string(cols) +
                " T=" + std::to_string(tokens),
            tokens == 7 && cols < 300, [=](Bench& b) { return embed(b, {{type, 211}}, cols, tokens); });
  }
  put("embed Q4_1 Q8_0 F16 stacked and permuted T=25", true,
      [](Bench& b) { return embed(b, {{W::Q4_1, 48, true}, {W::Q8_0, 19, true}, {W::F16, 5}}, 96, 25); });
  for (int64_t cols : {1, 48, 50, 64, 88, 575, 576, 3072, 8192})
    for (int64_t rows : {1, 7, 130})
      put("rms_norm " + shape_text(rows, cols), rows == 7 && cols < 100,
          [=](Bench& b) { return rms_norm(b, rows, cols, W::F32, false); });
  for (W type : {W::F16, W::BF16})
    put("rms_norm weight in " + std::string(format_of(type).name), false,
        [=](Bench& b) { return rms_norm(b, 6, 576, type, false); });
  for (int64_t cols : {50, 3072}) {
    put("rms_norm in place 7x" + std::to_string(cols), cols == 50,
        [=](Bench& b) { return rms_norm(b, 7, cols, W::F32, true); });
    put("add in place 7x" + std::to_string(cols), cols == 50, [=](Bench& b) { return add(b, 7, cols, true); });
  }
  for (int64_t ffn : {1, 50, 88, 1536, 8192})
    for (int64_t rows : {1, 7, 130})
      put("swiglu " + shape_text(rows, ffn), rows == 7 && ffn < 100, [=](Bench& b) { return swiglu(b, rows, ffn); });
  for (int64_t cols : {1, 50, 576, 3072}) {
    for (int64_t rows : {1, 7, 130}) {
      put("add " + shape_text(rows, cols), rows == 7 && cols == 50,
          [=](Bench& b) { return add(b, rows, cols, false); });
      put("copy " + shape_text(rows, cols), rows == 7 && cols == 50, [=](Bench& b) { return copy(b, rows, cols); });
    }
  }
  for (int64_t rows : {1, 7, 130}) {
    for (W type : {W::F32, W::F16, W::BF16})
      put("add_bias " + std::string(format_of(type).name) + " T=" + std::to_string(rows), rows == 7,
          [=](Bench& b) { return add_bias(b, rows, {{type, 896, true}, {type, 128, true}, {W::F32, 128}}); });
    for (const AttentionShape& heads : {AttentionShape{1, 1, 2}, AttentionShape{4, 2, 12}, AttentionShape{14, 2, 64},
                                        AttentionShape{32, 8, 128}, AttentionShape{2, 1, 250}})
      put("norm_heads " + shape_text(heads.heads, heads.head_dim) + " T=" + std::to_string(rows),
          rows == 7 && heads.heads < 9, [=](Bench& b) { return norm_heads(b, rows, heads); });
  }
  put("advance 1, 5, 130", true, advance);
  put("emit, next_token and discard", true, emit);
}

}  // namespace phi3lab::ops
