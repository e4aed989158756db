// Every path's products in every format against a definition in double precision, and their row reader.
//
// Prints a line a case: "ok <name> <error>" or "not ok <name> <error> > <tolerance>", then "done"; the error is the
// largest |out − definition| over its scale Σ|w·x| (see kTolerances for what the scale counts). Exit status 1 on
// failure.
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "cpu/matmul/matmul.h"
#include "cpu/simd/path.h"
#include "cpu/threads/thread_pool.h"

using namespace phi3lab;
using namespace phi3lab::cpu;

namespace {

// Why each number. float32 sums: tiles and panels add up to 2,304 products in one chain, each addition rounding by at
// most 2⁻²⁵ of the sum so far; the sums so far walk at random, well below Σ|w·x|, and the largest of 10,000 errors here
// is 8e-7 (a mistake in one weight's last bit would be 1e-4). Fixed point: sums within a block are exact, so the chain
// is 32 times shorter, and 2⁻²⁴ of each block's largest activation is lost, which the scale counts with the terms.
// bfloat16: the definition's numbers are rounded first, and what is left are float32 sums of exact products.
struct Tolerance {
  const char* what;
  double error;
} kTolerances[] = {
    {"float32 sums", 1e-6},
    {"fixed point", 5e-7},
};

std::mt19937_64 generator(20260101);

float uniform(float low, float high) { return std::uniform_real_distribution<float>(low, high)(generator); }

uint16_t to_f16(float f) {  // for normal numbers of float16's range, rounding to nearest
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  const uint32_t sign = bits >> 16 & 0x8000;
  const int32_t exponent = static_cast<int32_t>(bits >> 23 & 255) - 112;
  if (exponent <= 0) return static_cast<uint16_t>(sign);
  return static_cast<uint16_t>(sign + (static_cast<uint32_t>(exponent) << 10) + ((bits & 0x7fffff) + 0x1000) / 0x2000);
}

double f16(const uint8_t* p) {
  const int bits = p[0] | p[1] << 8, exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double magnitude = exponent == 31  ? (fraction ? NAN : INFINITY)
                           : exponent == 0 ? std::ldexp(fraction, -24)
                                           : std::ldexp(1024 + fraction, exponent - 25);
  return bits >> 15 ? -magnitude : magnitude;
}

/** The nearest bfloat16, ties to even; the x of these tests are neither tiny nor non-finite. */
double to_bf16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
  std::memcpy(&x, &bits, 4);
  return static_cast<double>(x);
}

/** The definition: weight k of a row, by the formats' descriptions. */
double weight(WeightType type, const uint8_t* row, int64_t k) {
  switch (type) {
    case WeightType::F32: {
      float f;
      std::memcpy(&f, row + 4 * k, 4);
      return f;
    }
    case WeightType::F16:
      return f16(row + 2 * k);
    case WeightType::BF16: {
      const uint32_t bits = static_cast<uint32_t>(row[2 * k]) << 16 | static_cast<uint32_t>(row[2 * k + 1]) << 24;
      float f;
      std::memcpy(&f, &bits, 4);
      return f;
    }
    case WeightType::Q4_0: {
      const uint8_t* b = row + k / 32 * 18;
      const int i = static_cast<int>(k % 32);
      return f16(b) * ((i < 16 ? b[2 + i] % 16 : b[2 + i - 16] / 16) - 8);
    }
    case WeightType::Q4_1: {
      const uint8_t* b = row + k / 32 * 20;
      const int i = static_cast<int>(k % 32);
      return f16(b) * (i < 16 ? b[4 + i] % 16 : b[4 + i - 16] / 16) + f16(b + 2);
    }
    case WeightType::Q8_0: {
      const uint8_t* b = row + k / 32 * 34;
      return f16(b) * static_cast<int8_t>(b[2 + k % 32]);
    }
    case WeightType::Q6_K: {
      const uint8_t* b = row + k / 256 * 210;
      const int i = static_cast<int>(k % 256), half = i / 128, part = i % 128 / 32, at = i % 32;
      const int byte = b[64 * half + (part % 2) * 32 + at], low = part < 2 ? byte % 16 : byte / 16;
      const int high = b[128 + 32 * half + at] >> (2 * part) & 3;
      return f16(b + 208) * static_cast<int8_t>(b[192 + i / 16]) * (low + 16 * high - 32);
    }
  }
  return NAN;
}

std::vector<uint8_t> random_weights(WeightType type, int64_t rows, int64_t cols) {
  std::vector<uint8_t> bytes(static_cast<size_t>(rows) * row_bytes(type, cols));
  const auto put16 = [&](size_t at, uint16_t v) { std::memcpy(&bytes[at], &v, 2); };
  for (uint8_t& b : bytes) b = static_cast<uint8_t>(generator());
  switch (type) {
    case WeightType::F32:
      for (size_t i = 0; i < bytes.size(); i += 4) {
        const float f = uniform(-0.1f, 0.1f);
        std::memcpy(&bytes[i], &f, 4);
      }
      break;
    case WeightType::F16:
      for (size_t i = 0; i < bytes.size(); i += 2) put16(i, to_f16(uniform(-0.1f, 0.1f)));
      if (bytes.size() >= 8) put16(0, 3), put16(2, 0x8001);  // subnormal numbers
      break;
    case WeightType::BF16:
      for (size_t i = 0; i < bytes.size(); i += 2) {
        const float f = uniform(-0.1f, 0.1f);
        uint32_t bits;
        std::memcpy(&bits, &f, 4);
        put16(i, static_cast<uint16_t>(bits >> 16));
      }
      break;
    case WeightType::Q4_0:
    case WeightType::Q8_0:
      for (size_t i = 0; i < bytes.size(); i += row_bytes(type, 32)) put16(i, to_f16(uniform(-0.02f, 0.02f)));
      break;
    case WeightType::Q4_1:
      for (size_t i = 0; i < bytes.size(); i += 20) {
        const float d = uniform(0.001f, 0.02f);
        put16(i, to_f16(d));
        put16(i + 2, to_f16(-uniform(6, 9) * d));
      }
      break;
    case WeightType::Q6_K:
      for (size_t i = 0; i < bytes.size(); i += 210) put16(i + 208, to_f16(uniform(-0.001f, 0.001f)));
      break;
  }
  return bytes;
}

struct Part {
  WeightType type;
  int64_t rows;
  bool permuted;
};

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

/** A matrix, the memory behind it and its definition. */
struct Example {
  std::vector<std::vector<uint8_t>> bytes;
  std::vector<RowGroup> groups;
  std::vector<double> weights;  // (rows, cols), in output order
  int64_t rows = 0, cols;

  Example(const std::vector<Part>& parts, int64_t columns) : cols(columns) {
    for (const Part& part : parts) {
      bytes.push_back(random_weights(part.type, part.rows, cols));
      RowGroup g;
      g.type = part.type;
      g.data = bytes.back().data();
      g.rows = part.rows;
      for (int32_t r = 0; part.permuted && r < part.rows; r++)
        g.output_row.push_back(static_cast<int32_t>((r * 7 + 3) % part.rows));
      groups.push_back(g);
      rows += part.rows;
    }
    define();
  }

  void define() {
    weights.assign(static_cast<size_t>(rows * cols), 0);
    int64_t first = 0;
    for (const RowGroup& g : groups) {
      for (int64_t r = 0; r < g.rows; r++) {
        const uint8_t* row = static_cast<const uint8_t*>(g.data) + static_cast<size_t>(r) * row_bytes(g.type, cols);
        const int64_t to = first + (g.output_row.empty() ? r : g.output_row[static_cast<size_t>(r)]);
        for (int64_t k = 0; k < cols; k++) weights[static_cast<size_t>(to * cols + k)] = weight(g.type, row, k);
      }
      first += g.rows;
    }
  }
};

std::vector<float> random_activations(int64_t tokens, int64_t cols) {
  std::vector<float> x(static_cast<size_t>(tokens * cols));
  for (size_t i = 0; i < x.size(); i++) x[i] = uniform(-1, 1) * (i % 37 == 0 ? 30.0f : 1.0f);
  if (x.size() > 64) std::memset(&x[0], 0, 32 * sizeof(float));  // a block of nothing but zeros
  return x;
}

std::vector<float> product(const Isa& isa, const Example& e, const std::vector<float>& x, int64_t tokens, int threads,
                           Arena* arena) {
  const Matrix matrix(isa, e.groups, e.cols, arena);
  ThreadPool pool(threads);
  const Workspace workspace(threads, e.cols);
  const int64_t stride = e.rows + 5;
  std::vector<float> out(static_cast<size_t>(tokens * stride), 77);
  pool.run(
      [&](int thread, int) { matmul(pool, thread, workspace, out.data(), x.data(), matrix, tokens, stride, e.cols); });
  for (int64_t t = 0; t < tokens; t++) {
    for (int64_t r = e.rows; r < stride; r++) {
      if (out[static_cast<size_t>(t * stride + r)] != 77) return {};  // wrote beside its rows
    }
  }
  std::vector<float> dense;
  for (int64_t t = 0; t < tokens; t++) dense.insert(dense.end(), &out[t * stride], &out[t * stride] + e.rows);
  return dense;
}

/** Both tolerances' scale is Σ|w·x|; where sums are in fixed point each |x| counts with 1/8 of its block's largest. */
double largest_error(const Example& e, const std::vector<float>& x, const std::vector<float>& out, int64_t tokens,
                     bool fixed) {
  if (out.empty()) return NAN;
  double worst = 0;
  for (int64_t t = 0; t < tokens; t++) {
    std::vector<double> size(static_cast<size_t>(e.cols));
    for (int64_t k = 0; k < e.cols; k++) {
      double largest = 0;
      for (int64_t i = k / 32 * 32; fixed && i < std::min(e.cols, k / 32 * 32 + 32); i++) {
        largest = std::max(largest, std::fabs(static_cast<double>(x[static_cast<size_t>(t * e.cols + i)])));
      }
      size[static_cast<size_t>(k)] =
          std::fabs(static_cast<double>(x[static_cast<size_t>(t * e.cols + k)])) + largest / 8;
    }
    for (int64_t r = 0; r < e.rows; r++) {
      double sum = 0, scale = 1e-30;
      const double* w = &e.weights[static_cast<size_t>(r * e.cols)];
      for (int64_t k = 0; k < e.cols; k++) {
        sum += w[k] * x[static_cast<size_t>(t * e.cols + k)];
        scale += std::fabs(w[k]) * size[static_cast<size_t>(k)];
      }
      const double error = std::fabs(out[static_cast<size_t>(t * e.rows + r)] - sum) / scale;
      if (!(error <= worst)) worst = error;
    }
  }
  return worst;
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
    quants = quants || (p.type != WeightType::F32 && p.type != WeightType::F16 && p.type != WeightType::BF16);
  }
  name += " cols=" + std::to_string(c.cols) + " tokens=" + std::to_string(c.tokens) +
          " threads=" + std::to_string(c.threads);
  Example e(c.parts, c.cols);
  std::vector<float> x = random_activations(c.tokens, c.cols);
  const bool rounded = isa.bf16 && c.tokens >= kRoundedTokens, fixed = (isa.vnni || isa.dotprod) && quants && !rounded;
  Arena arena;
  const std::vector<float> out = product(isa, e, x, c.tokens, c.threads, &arena);
  if (rounded) {
    for (float& v : x) v = static_cast<float>(to_bf16(v));
    for (double& w : e.weights) w = to_bf16(static_cast<float>(w));  // a weight is a float32 first
  }
  report(name, largest_error(e, x, out, c.tokens, fixed), kTolerances[fixed].error);
}

/** Row reading, which embeddings are looked up by, is exact but for one rounding of d·q + m. */
void run_rows(const Isa& isa) {
  for (WeightType type : {WeightType::F32, WeightType::F16, WeightType::BF16, WeightType::Q4_0, WeightType::Q4_1,
                          WeightType::Q8_0, WeightType::Q6_K}) {
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

/** Makes a number of row 20 infinite, or NaN: of a quantised format the first block's scale, or Q4_1's minimum. */
void damage(Example& e, WeightType type, bool nan) {
  uint8_t* row = e.bytes[0].data() + 20 * row_bytes(type, e.cols);
  const float wide = nan ? NAN : std::numeric_limits<float>::infinity();
  const uint16_t half = nan ? 0x7e00 : 0x7c00, bf16 = nan ? 0x7fc0 : 0x7f80;
  if (type == WeightType::F32)
    std::memcpy(row, &wide, 4);
  else if (type == WeightType::BF16)
    std::memcpy(row, &bf16, 2);
  else
    std::memcpy(row + (type == WeightType::Q6_K ? 208 : type == WeightType::Q4_1 && nan ? 2 : 0), &half, 2);
  e.define();
}

/** NaN and infinity in weights or activations reach exactly those outputs that the definition gives them to. */
void run_nonfinite(const Isa& isa) {
  for (WeightType type : {WeightType::F32, WeightType::F16, WeightType::BF16, WeightType::Q4_0, WeightType::Q4_1,
                          WeightType::Q8_0, WeightType::Q6_K}) {
    for (int64_t tokens : {1, 3, 8, 9, 24, 150}) {
      for (const std::string what : {"activations", "infinite weights", "NaN weights"}) {
        Example e({{type, 35, false}}, type == WeightType::Q6_K ? 256 : 96);
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
        report(
            "non-finite " + name_of(isa) + " " + format_of(type).name + " tokens=" + std::to_string(tokens) + " " + what,
            wrong, 0);
      }
    }
  }
}

/** In fixed point several tokens' product is that of each by itself, to the bit. */
void run_alike(const Isa& isa) {
  for (WeightType type : {WeightType::Q4_0, WeightType::Q4_1, WeightType::Q8_0}) {
    for (int64_t tokens : {2, 7, 8, 9, 10, 47, 145, 300}) {
      const Example e({{type, 39, false}, {type, 20, false}}, 8448);
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
  for (W type : {W::F32, W::F16, W::BF16, W::Q4_0, W::Q4_1, W::Q8_0, W::Q6_K}) {
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

int main() {
  for (const Isa& available : available_isas()) {
    std::vector<Isa> isas = {available};
    if (available.path == Path::avx512) {
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
      if (isa.vnni && !isa.bf16) run_alike(isa);
    }
  }
  std::printf("done\n");
  return failures ? 1 : 0;
}
