// Every path's products in every format against a definition in double precision, and their row reader.
//
// Prints a line a case: "ok <name> <error>" or "not ok <name> <error> > <tolerance>", then "done"; the error is the
// largest |out − definition| over its scale Σ|w·x| (see kTolerances for what the scale counts). Exit status 1 on
// failure. Usage: matmul_test [path]; default: every path that this processor has, and AVX-512 as other processors read
// memory.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "cpu/simd/path.h"
#include "matmul_example.h"

using namespace phi3lab;
using namespace phi3lab::cpu;

namespace {

/** The nearest bfloat16, ties to even. */
double to_bf16(double x) { return ops::round_to(x, ops::Dtype::bfloat16); }

struct Case {
  std::vector<Part> parts;
  int64_t cols, tokens;
  int threads;
};

int failures = 0;

void report(const std::string& name, double error, double tolerance) {
  const bool ok = error <= tolerance;  // false for NaN as well
  failures += !ok;
  if (ok)
    std::printf("ok %s %.1e\n", name.c_str(), error);
  else
    std::printf("not ok %s %.1e > %.1e\n", name.c_str(), error, tolerance);
}

std::string name_of(const Isa& isa) {
  return isa_name(isa) + std::string(isa.bf16 ? "+bf16" : "") + (isa.fetches ? "" : " unaided");
}

/** Fewer tokens are multiplied exactly where bfloat16 is asked for. */
constexpr int64_t kRoundedTokens = 24;

void run_case(const Isa& isa, const Case& c) {
  std::string name = "matmul " + name_of(isa);
  bool quants = false;
  for (const Part& p : c.parts) {
    name += std::string(" ") + format_of(p.type).name + "[" + std::to_string(p.rows) + (p.permuted ? "p]" : "]");
    quants = quants || format_of(p.type).block_size > 1;
  }
  name += " cols=" + std::to_string(c.cols) + " tokens=" + std::to_string(c.tokens) +
          " threads=" + std::to_string(c.threads);
  Example e(c.parts, c.cols);
  std::vector<float> x = random_activations(c.tokens, c.cols);
  const bool rounded = isa.bf16 && c.tokens >= kRoundedTokens, fixed = (isa.vnni || isa.dotprod) && quants && !rounded;
  Arena arena;
  const std::vector<float> out = product(isa, e, x, c.tokens, c.threads, &arena);
  if (rounded) {
    for (float& v : x) v = static_cast<float>(to_bf16(static_cast<double>(v)));
    for (double& w : e.weights) w = to_bf16(static_cast<double>(static_cast<float>(w)));  // a weight is a float32 first
  }
  report(name, largest_error(e, x, out, c.tokens, fixed), kTolerances[fixed].error);
}

/** Row reading, which embeddings are looked up by, is exact but for one rounding of d·q + m. */
void run_rows(const Isa& isa) {
  for (WeightType type : ops::all_weight_types()) {
    const Example e({{type, 37, true}, {type, 19, false}}, 256);
    Arena arena;
    const Matrix matrix(isa, e.groups, e.cols, &arena);
    double worst = 0;
    std::vector<float> row(256);
    for (int64_t r = 0; r < e.rows; r++) {
      matrix.read_row(row.data(), r);
      for (int64_t k = 0; k < e.cols; k++) {
        worst = std::max(worst,
                         std::fabs(row[static_cast<size_t>(k)] - e.weights[static_cast<size_t>(r * e.cols + k)]) / 0.1);
      }
    }
    report("rows " + name_of(isa) + " " + format_of(type).name, worst, 3e-7);
  }
}

/** NaN and infinity in weights or activations reach exactly those outputs that the definition gives them to. */
void run_nonfinite(const Isa& isa) {
  for (WeightType type : ops::all_weight_types()) {
    for (int64_t tokens : {1, 3, 8, 9, 24, 150}) {
      for (const std::string what : {"activations", "infinite weights", "NaN weights"}) {
        Example e({{type, 35, false}}, format_of(type).block_size == 256 ? 256 : 96);
        std::vector<float> x = random_activations(tokens, e.cols);
        if (what == "activations") {
          x[40] = NAN;
          x[x.size() - 50] = std::numeric_limits<float>::infinity();
        } else {
          damage(e, type, what == "NaN weights");
        }
        Arena arena;
        const std::vector<float> out = product(isa, e, x, tokens, 2, &arena);
        double wrong = out.empty() ? 1 : 0;
        for (int64_t t = 0; t < tokens && !out.empty(); t++) {
          for (int64_t r = 0; r < e.rows; r++) {
            double sum = 0;
            for (int64_t k = 0; k < e.cols; k++)
              sum += e.weights[static_cast<size_t>(r * e.cols + k)] * x[static_cast<size_t>(t * e.cols + k)];
            const float y = out[static_cast<size_t>(t * e.rows + r)];
            if (std::isnan(sum) ? !std::isnan(y) : std::isinf(sum) ? y != sum : !std::isfinite(y)) wrong++;
          }
        }
        report("non-finite " + name_of(isa) + " " + format_of(type).name + " tokens=" + std::to_string(tokens) + " " +
                   what,
               wrong, 0);
      }
    }
  }
}

/** Whether VNNI multiplies a format in fixed point. */
bool is_fixed(WeightType type) {
  return format_of(type).block_size > 1 && type != WeightType::Q2_K && type != WeightType::Q3_K;
}

/** In fixed point several tokens' product is that of each by itself, to the bit. */
void run_alike(const Isa& isa) {
  for (WeightType type : ops::all_weight_types()) {
    if (!is_fixed(type)) continue;
    for (int64_t tokens : {2, 7, 8, 9, 10, 47, 145, 300}) {
      // More columns than are unpacked at a time; with long prompts in two formats.
      const bool longest = tokens <= 10 || type == WeightType::Q4_0 || type == WeightType::Q8_0;
      const Example e({{type, 39, false}, {type, 20, false}}, longest ? 8448 : 512);
      std::vector<float> x = random_activations(tokens, e.cols);
      x[70] = NAN;
      Arena arena;
      const std::vector<float> out = product(isa, e, x, tokens, 2, &arena);
      double different = out.empty() ? 1 : 0;
      for (int64_t t = 0; t < tokens && !out.empty(); t++) {
        const std::vector<float> one = product(isa, e, {&x[t * e.cols], &x[t * e.cols] + e.cols}, 1, 1, &arena);
        for (int64_t r = 0; r < e.rows; r++)
          different += std::memcmp(&one[static_cast<size_t>(r)], &out[static_cast<size_t>(t * e.rows + r)], 4) != 0;
      }
      report("alike " + name_of(isa) + " " + format_of(type).name + " tokens=" + std::to_string(tokens), different, 0);
    }
  }
}

/** Activations at the ends of float32's range keep their size in every path. */
void run_range(const Isa& isa, int64_t tokens) {
  for (float size : {1e-38f, 1e-33f, 1e30f}) {
    const Example e({{WeightType::Q4_1, 32, false}}, 64);
    std::vector<float> x = random_activations(tokens, e.cols);
    for (float& v : x) v *= size;
    Arena arena;
    // Below 2⁻¹²⁶ float32 itself has fewer bits: products of 1e-38 with 0.01 keep about 1e-45, its smallest number.
    const double tolerance = size < 1e-35f ? 1e-3 : 5e-7;
    char name[64];
    std::snprintf(name, sizeof name, "range %s %.0e tokens=%d", name_of(isa).c_str(), size, static_cast<int>(tokens));
    double worst = 0;
    const std::vector<float> out = product(isa, e, x, tokens, 1, &arena);
    for (int64_t i = 0; i < tokens * e.rows; i++) {
      const int64_t t = i / e.rows, r = i % e.rows;
      double sum = 0, scale = 0;
      for (int64_t k = 0; k < e.cols; k++) {
        const double term = e.weights[static_cast<size_t>(r * e.cols + k)] * x[static_cast<size_t>(t * e.cols + k)];
        sum += term, scale += std::fabs(term);
      }
      worst = std::max(worst, std::fabs(out[static_cast<size_t>(i)] - sum) / scale);
    }
    report(name, worst, tolerance);
  }
}

std::vector<Case> cases() {
  using W = WeightType;
  std::vector<Case> list;
  for (W type : ops::all_weight_types()) {
    const int64_t unit = format_of(type).block_size == 1 ? 1 : format_of(type).block_size;
    for (int64_t tokens : {1, 2, 3, 5, 6, 7, 8, 13, 24, 25, 31, 61, 124, 129, 145})
      list.push_back({{{type, 50, false}}, 2 * unit < 64 ? 70 : 2 * unit, tokens, 2});
    list.push_back({{{type, 1, false}}, unit, 1, 1});
    list.push_back({{{type, 3, false}}, unit, 130, 3});
    list.push_back({{{type, 64, true}, {type, 32, true}, {type, 32, false}}, 512, 1, 2});
    list.push_back({{{type, 64, true}, {type, 32, true}, {type, 32, false}}, 512, 40, 2});
    list.push_back({{{type, 17, true}, {type, 30, false}}, 256, 1, 2});
    list.push_back({{{type, 17, true}, {type, 30, false}}, 256, 140, 2});
    list.push_back({{{type, 40, false}}, 2304, 1, 2});
    list.push_back({{{type, 40, false}}, 2304, 30, 2});
    list.push_back({{{type, 70, false}}, 2304, 150, 2});  // more columns than a panel holds
    list.push_back({{{type, 40, false}}, 8448, 14, 2});   // more than are unpacked at a time
  }
  for (int64_t cols : {1, 15, 17, 33, 575}) {
    for (int64_t tokens : {1, 9})
      list.push_back({{{W::F32, 21, false}, {W::BF16, 3, false}, {W::F16, 9, true}}, cols, tokens, 2});
  }
  list.push_back({{{W::Q4_1, 48, true}, {W::Q8_0, 20, false}, {W::F16, 7, false}}, 96, 1, 2});
  list.push_back({{{W::Q4_1, 48, true}, {W::Q8_0, 20, false}, {W::F16, 7, false}}, 96, 31, 2});
  list.push_back({{{W::Q4_1, 48, true}, {W::Q8_0, 20, false}, {W::F16, 7, false}}, 96, 131, 2});
  list.push_back({{{W::BF16, 40, false}, {W::Q4_1, 35, false}}, 1024, 300, 2});
  return list;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string chosen = argc > 1 ? argv[1] : "";
  for (const Isa& available : available_isas()) {
    if (!chosen.empty() && chosen != isa_name(available)) continue;
    std::vector<Isa> isas = {available};
    if (available.path == Path::avx512 && chosen.empty()) {
      isas.push_back(available);
      isas.back().fetches = !available.fetches;
    }
    try {
      isas.push_back(with_bf16(available));
    } catch (const std::exception& error) {
      std::printf("skipped: %s\n", error.what());
    }
    for (const Isa& isa : isas) {
      for (const Case& c : cases()) run_case(isa, c);
      run_rows(isa);
      run_nonfinite(isa);
      run_range(isa, 1);
      run_range(isa, 9);
      if (isa.path == Path::avx512 && isa.vnni && !isa.bf16) run_alike(isa);
    }
  }
  std::printf("done\n");
  return failures ? 1 : 0;
}
