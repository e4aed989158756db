// Edits: rows of an intermediate changed at some positions, and attention without some of its edges. A row that no
// position names, and a column outside the edit's, is the same to the bit.
#include <algorithm>
#include <numeric>

#include "device.h"
#include "planted.h"
#include "twin.h"

namespace phi3lab::ops {
namespace {

// Relative to |x| + |scale · value|: a product and a sum, which may be one operation: two roundings of 2⁻²⁴.
constexpr double kArithmetic = 1.3e-7;
// Relative to |x| + |value| · Σ|x · value|: a sum of up to 16,384 products in float32, in 256 chains.
constexpr double kProjection = 1e-6;
// As cases_attention.cc says of float32: queries and weights stay so here in every format.
constexpr double kAttention = 4e-6;

struct Shape {
  int64_t rows, cols, position, first_row;  // row 0 stands at position + first_row
  int64_t first, last;
};

/** The set on the device, and all of its positions up to `end`. */
struct Chosen {
  std::vector<int32_t> list;
  int64_t from = 0, to = INT64_MAX;

  PositionSet on(const GuardedIds& ids) const {
    if (list.empty()) return {nullptr, 0, from, to};
    return {ids.data(), static_cast<int64_t>(list.size()), 0, 0};
  }
  std::vector<int64_t> all(int64_t end) const {
    if (!list.empty()) return {list.begin(), list.end()};
    std::vector<int64_t> positions(static_cast<size_t>(std::max<int64_t>(0, std::min(to, end) - from)));
    std::iota(positions.begin(), positions.end(), from);
    return positions;
  }
};

Verdict edit_rows(Bench& bench, const Shape& s, EditOp op, const Chosen& chosen, bool each, bool plain) {
  Backend& backend = bench.backend;
  const int64_t width = s.last - s.first, start = s.position + s.first_row;
  const std::vector<int64_t> positions = chosen.all(start + s.rows);
  const int64_t value_rows = plain ? 0 : each ? std::max<int64_t>(1, static_cast<int64_t>(positions.size())) : 1;
  const std::vector<float> given = bench.random.floats(s.rows * s.cols, -3, 3);
  std::vector<float> values = bench.random.floats(value_rows * width, -1, 1);
  if (op == EditOp::project_out) {
    double squares = 0;
    for (const float x : values) squares += static_cast<double>(x) * static_cast<double>(x);
    for (float& x : values) x = static_cast<float>(static_cast<double>(x) / std::sqrt(squares));
  }
  const Guarded x(backend, s.rows, s.cols, given);
  Guarded value(backend, std::max<int64_t>(1, value_rows), width);
  if (!plain) value.set(values);
  const GuardedIds ids(backend, chosen.list.empty() ? std::vector<int32_t>{0} : chosen.list);
  DevicePass pass(backend, s.rows);
  RowEdit edit{op, plain ? nullptr : value.tensor().data, value_rows, 0.75f, s.first, s.last, chosen.on(ids)};
  backend.edit_rows(x.tensor(), edit, pass.at(s.position, s.first_row + s.rows), s.first_row);

  Numbers expected = numbers_of(given), scale(given.size(), 1e-30);
  const Numbers before = expected, numbers = numbers_of(values);
  twin::edit_rows(expected, s.cols, start, edit, positions, numbers);
  for (const int64_t position : positions) {
    const int64_t t = position - start;
    if (t < 0 || t >= s.rows) continue;
    const int64_t n = each ? std::find(positions.begin(), positions.end(), position) - positions.begin() : 0;
    double products = 0;
    for (int64_t i = 0; i < width && !plain; i++)
      products += std::fabs(before[t * s.cols + s.first + i] * numbers[n * width + i]);
    for (int64_t i = 0; i < width; i++) {
      const double v = plain ? 1 : std::fabs(numbers[n * width + i]);
      const double old = std::fabs(before[t * s.cols + s.first + i]);
      double& one = scale[t * s.cols + s.first + i];
      if (op == EditOp::add) one = old + 0.75 * v;
      if (op == EditOp::multiply) one = old * 0.75 * v;
      if (op == EditOp::project_out) one = old + v * products;  // of set: exact
    }
  }
  if (!plain) value.expect_kept(values);
  return {largest_error(x.get(), expected, scale), op == EditOp::project_out ? kProjection : kArithmetic};
}

struct AttentionCase {
  AttentionShape heads;
  int64_t position, tokens;
};

/** Two lists of edges, one by lists and one by ranges; query 3 of the pass, where there is one, sees nothing at all. */
Verdict attend_blocked(Bench& bench, const AttentionCase& c) {
  Backend& backend = bench.backend;
  const AttentionShape& heads = c.heads;
  const int64_t end = c.position + c.tokens;
  const auto cache = backend.reserve_cache(heads, 1, end + 1);
  const Tapping primitives(backend);
  Numbers before = twin::rows_of(bench.random, c.position, heads), now = twin::rows_of(bench.random, c.tokens, heads);
  plant(before, now, c.position, heads);
  twin::Cache expected_cache;
  Prefix(bench, heads, c.position).append(*cache, expected_cache, 0, before);
  now = numbers_of(floats_of(now));
  DevicePass pass(backend, c.tokens);
  const PassInput input = pass.at(c.position, c.tokens);
  cache->commit(end);
  const Guarded qkv(backend, c.tokens, heads.qkv_cols(), floats_of(now)),
      context(backend, c.tokens, heads.context_cols()), weights(backend, heads.heads * c.tokens, end);
  backend.append(*cache, qkv.tensor(), input, 0, heads);

  std::vector<int32_t> keys;
  for (int64_t p = 0; p < end; p++)
    if (bench.random.below(3) == 0) keys.push_back(static_cast<int32_t>(p));
  const Chosen from_all{{}, c.position, INT64_MAX}, to_some{keys, 0, 0};
  const auto blind = static_cast<int32_t>(c.position + 3);
  const Chosen from_one{{blind}, 0, 0}, to_all{{}, 0, end};
  std::vector<uint8_t> every(static_cast<size_t>(heads.heads), 1), odd(every);
  for (size_t h = 0; h < odd.size(); h++) odd[h] = h % 2 == 0;
  const GuardedIds some(backend, keys.empty() ? std::vector<int32_t>{0} : keys), one(backend, {blind});
  const auto memory = backend.allocate(2 * every.size() + 2 * sizeof(BlockedEdges) + 64);
  auto* bytes = static_cast<uint8_t*>(memory->data);
  auto* edges = reinterpret_cast<BlockedEdges*>(bytes);
  uint8_t* lists = bytes + 2 * sizeof(BlockedEdges);
  const BlockedEdges both[] = {{lists, from_all.on(some), to_some.on(some)},
                               {lists + odd.size(), from_one.on(one), to_all.on(one)}};
  backend.write(edges, both, sizeof(both));
  backend.write(lists, odd.data(), odd.size());
  backend.write(lists + odd.size(), every.data(), every.size());
  backend.attend_blocked(context.tensor(), {weights.tensor().data, c.tokens * end, end}, qkv.tensor(), *cache, input,
                         edges, 2, 0, heads);

  twin::append(expected_cache, now, c.position, heads, bench.kv);
  const auto cut = [&](int64_t head, int64_t query, int64_t key) {
    return query == blind || (head % 2 == 0 && std::find(keys.begin(), keys.end(), key) != keys.end());
  };
  const twin::Attention expected = twin::attend(now, expected_cache, c.position, heads, cut);
  Numbers scale = expected.weights_scale;
  for (double& x : scale) x += x > 0 ? 1e-12 : 0;
  const double found = largest_error(context.get(), expected.context, expected.scale);
  const double error = largest_error(weights.get(), expected.weights, scale);
  return {error <= found ? found : error, kAttention};
}

const char* name_of(EditOp op) {
  constexpr const char* names[] = {"add", "multiply", "set", "project_out"};
  return names[static_cast<int>(op)];
}

}  // namespace

void edit_cases(std::vector<Case>& table) {
  const Shape shapes[] = {{1, 48, 9, 0, 0, 48},       {7, 576, 4, 0, 64, 128},   {16, 3072, 100, 0, 0, 3072},
                          {3, 16384, 0, 0, 1, 16383}, {1, 960, 20, 5, 959, 960}, {65, 301, 63, 2, 17, 41}};
  const Chosen sets[] = {{}, {{4, 9, 25, 66, 101}, 0, 0}, {{}, 7, INT64_MAX}, {{}, 64, 66}, {{3000}, 0, 0}};
  const char* names[] = {"all", "a list", "from one on", "a range", "none"};
  for (const Shape& s : shapes)
    for (size_t n = 0; n < 5; n++)
      for (const EditOp op : {EditOp::add, EditOp::multiply, EditOp::set, EditOp::project_out}) {
        const Chosen& chosen = sets[n];
        const std::string name = std::string("edit_rows ") + name_of(op) + " " + std::to_string(s.rows) + "x" +
                                 std::to_string(s.cols) + " at=" + std::to_string(s.position) + ", " + names[n];
        const bool quick = s.cols == 576;
        table.push_back({name, quick, [=](Bench& b) { return edit_rows(b, s, op, chosen, false, false); }});
        if (op == EditOp::set && n != 0 && n != 2)
          table.push_back(
              {name + ", a value each", quick, [=](Bench& b) { return edit_rows(b, s, op, chosen, true, false); }});
        if (op == EditOp::multiply)
          table.push_back({name + ", by a number alone", quick,
                           [=](Bench& b) { return edit_rows(b, s, op, chosen, false, true); }});
      }
  const auto shape = [](int64_t heads, int64_t kv, int64_t dim, int64_t window) {
    return AttentionShape{heads, kv, dim, window, 1 / std::sqrt(static_cast<float>(dim))};
  };
  for (const AttentionShape& heads : {shape(1, 1, 12, 0), shape(4, 2, 12, 5), shape(9, 3, 64, 0), shape(8, 2, 128, 70),
                                      shape(2, 1, 256, 0), shape(32, 32, 96, 0)})
    for (const auto& [position, tokens] :
         std::vector<std::pair<int64_t, int64_t>>{{0, 7}, {0, 1}, {63, 5}, {64, 1}, {130, 65}, {500, 4}}) {
      const AttentionCase c{heads, position, tokens};
      table.push_back({"attend_blocked " + std::to_string(heads.heads) + ":" + std::to_string(heads.kv_heads) + "x" +
                           std::to_string(heads.head_dim) +
                           (heads.window > 0 ? " window=" + std::to_string(heads.window) : "") +
                           " at=" + std::to_string(position) + " T=" + std::to_string(tokens),
                       position == 63, [=](Bench& b) { return attend_blocked(b, c); }});
    }
}

}  // namespace phi3lab::ops
