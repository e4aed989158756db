// What is told of rows of scores: the likeliest ids and ranks exactly, sums of exponentials, entropies and divergences
// to float32's roundings.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "device.h"
#include "twin.h"

namespace phi3lab::ops {
namespace {

struct Shape {
  int64_t rows, vocab, k, tokens, group;
};

/** How scores lie: near each other, with ties among them, or so far apart that most probabilities are 0. */
enum class Spread { near, ties, far };

/** Rows of a shape. */
std::vector<float> scores(Random& random, const Shape& s, Spread spread) {
  const float most = spread == Spread::far ? 90 : 25;
  std::vector<float> all = random.floats(s.rows * s.vocab, -most, most);
  if (spread == Spread::ties)
    for (float& x : all) x = std::round(x / 8) * 8;
  return all;
}

struct Row {
  std::vector<int64_t> order;  // ids by falling score, of equals by id
  double logsumexp = 0, entropy = 0;
  std::vector<double> logs;
};

Row row_of(const float* row, int64_t vocab) {
  Row made;
  made.order.resize(static_cast<size_t>(vocab));
  std::iota(made.order.begin(), made.order.end(), 0);
  std::stable_sort(made.order.begin(), made.order.end(), [&](int64_t a, int64_t b) { return row[a] > row[b]; });
  const double max = static_cast<double>(row[made.order[0]]);
  double sum = 0;
  for (int64_t i = 0; i < vocab; i++) sum += std::exp(static_cast<double>(row[i]) - max);
  made.logsumexp = max + std::log(sum);
  for (int64_t i = 0; i < vocab; i++) {
    const double log = static_cast<double>(row[i]) - made.logsumexp;
    made.logs.push_back(log);
    made.entropy -= std::exp(log) * log;
  }
  return made;
}

Verdict summarise(Bench& bench, const Shape& s, Spread spread) {
  const std::vector<float> given = scores(bench.random, s, spread);
  std::vector<int32_t> tokens;
  for (int64_t i = 0; i < s.rows * s.tokens; i++) tokens.push_back(static_cast<int32_t>(bench.random.below(s.vocab)));
  if (tokens.empty()) tokens.push_back(0);  // memory to point at
  const Guarded logits(bench.backend, s.rows, s.vocab, given);
  const Guarded best(bench.backend, s.rows, std::max<int64_t>(1, s.k)), sums(bench.backend, 3, s.rows),
      named(bench.backend, s.rows, std::max<int64_t>(1, s.tokens));
  const GuardedIds ids(bench.backend, std::vector<int32_t>(static_cast<size_t>(std::max<int64_t>(1, s.rows * s.k)))),
      ranks(bench.backend, std::vector<int32_t>(static_cast<size_t>(std::max<int64_t>(1, s.rows * s.tokens)))),
      wanted(bench.backend, tokens);
  Summary out;
  out.k = s.k, out.tokens = s.tokens;
  out.ids = ids.data(), out.logits = best.tensor().data, out.token_logits = named.tensor().data;
  out.token_ranks = ranks.data();
  out.logsumexp = sums.tensor().data, out.entropy = out.logsumexp + s.rows;
  if (s.group > 0) out.divergence = out.entropy + s.rows;
  bench.backend.summarise(out, logits.tensor(), wanted.data(), std::max<int64_t>(1, s.group));

  // Exact ones count as a whole each; the others by their distance, in parts of what rounding may make of it.
  double wrong = 0, worst = 0;
  const auto told = ids.get(), places = ranks.get();
  const std::vector<float> numbers = sums.get(), greatest = best.get(), theirs = named.get();
  std::vector<Row> rows;
  for (int64_t t = 0; t < s.rows; t++) rows.push_back(row_of(given.data() + t * s.vocab, s.vocab));
  for (int64_t t = 0; t < s.rows; t++) {
    const Row& row = rows[static_cast<size_t>(t)];
    const float* scored = given.data() + t * s.vocab;
    for (int64_t i = 0; i < s.k; i++) {
      const int64_t id = row.order[static_cast<size_t>(i)];
      wrong += told[static_cast<size_t>(t * s.k + i)] != id;
      wrong += greatest[static_cast<size_t>(t * s.k + i)] != scored[id];
    }
    for (int64_t i = 0; i < s.tokens; i++) {
      const int32_t id = tokens[static_cast<size_t>(t * s.tokens + i)];
      const auto at = std::find(row.order.begin(), row.order.end(), id) - row.order.begin();
      wrong += places[static_cast<size_t>(t * s.tokens + i)] != at + 1;
      wrong += theirs[static_cast<size_t>(t * s.tokens + i)] != scored[id];
    }
    const auto far = [&](int64_t which, double expected) {
      const double error = std::abs(static_cast<double>(numbers[static_cast<size_t>(which * s.rows + t)]) - expected);
      worst = std::max(worst, error / std::max(1.0, std::abs(expected)));
    };
    far(0, row.logsumexp);
    far(1, row.entropy);
    if (s.group == 0) continue;
    const Row& last = rows[static_cast<size_t>((t / s.group + 1) * s.group - 1)];
    double divergence = 0;
    for (int64_t i = 0; i < s.vocab; i++) {
      const auto n = static_cast<size_t>(i);
      divergence += std::exp(last.logs[n]) * (last.logs[n] - row.logs[n]);
    }
    far(2, divergence);
  }
  if (s.group == 0) logits.expect_kept(given);
  // A score's difference from the greatest is rounded once, up to 50 · 2⁻²⁴, and the exponential to 2 units more.
  return {wrong + worst, 6e-6};
}

Verdict not_a_number(Bench& bench, float planted) {
  const int64_t vocab = 700;
  std::vector<float> given = bench.random.floats(3 * vocab, -9, 9);
  given[static_cast<size_t>(vocab + 311)] = planted;
  const Guarded logits(bench.backend, 3, vocab, given), sums(bench.backend, 2, 3), best(bench.backend, 3, 2);
  const GuardedIds ids(bench.backend, std::vector<int32_t>(6));
  Summary out;
  out.k = 2, out.ids = ids.data(), out.logits = best.tensor().data;
  out.logsumexp = sums.tensor().data, out.entropy = out.logsumexp + 3;
  bench.backend.summarise(out, logits.tensor(), ids.data(), 1);
  const std::vector<float> numbers = sums.get();
  return {static_cast<double>(!std::isfinite(numbers[0])) + static_cast<double>(std::isfinite(numbers[1])) +
              static_cast<double>(!std::isfinite(numbers[2])),
          0};
}

}  // namespace

void summarise_cases(std::vector<Case>& table) {
  const std::vector<Shape> shapes = {{1, 211, 5, 1, 0},    {7, 211, 211, 3, 7},   {64, 1000, 10, 2, 4},
                                     {3, 49152, 10, 2, 3}, {5, 32064, 1, 0, 0},   {12, 777, 0, 4, 6},
                                     {2, 1, 1, 1, 2},      {40, 5003, 37, 1, 20}, {31, 257, 16, 8, 31}};
  for (const Shape& s : shapes)
    for (const Spread spread : {Spread::near, Spread::ties, Spread::far})
      table.push_back({"summarise " + std::to_string(s.rows) + "x" + std::to_string(s.vocab) +
                           " k=" + std::to_string(s.k) + " tokens=" + std::to_string(s.tokens) +
                           " group=" + std::to_string(s.group) +
                           (spread == Spread::ties  ? " ties"
                            : spread == Spread::far ? " far apart"
                                                    : ""),
                       s.vocab < 6000, [=](Bench& bench) { return summarise(bench, s, spread); }});
  table.push_back(
      {"summarise NaN", true, [](Bench& b) { return not_a_number(b, std::numeric_limits<float>::quiet_NaN()); }});
  table.push_back(
      {"summarise infinity", true, [](Bench& b) { return not_a_number(b, std::numeric_limits<float>::infinity()); }});
}

}  // namespace phi3lab::ops
