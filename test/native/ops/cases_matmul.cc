// Products with weights in every file format: sizes that fit no tile, stacked groups, permuted rows, non-finite
// numbers.
#include "device.h"
#include "formats.h"
#include "twin.h"

namespace phi3lab::ops {
namespace {

using W = WeightType;

// Relative to Σ|w·x|. Why each number:
// - float32 sums of up to 8,192 products: in lanes and tiles, so chains are at most some hundred additions long, each
//   rounding by 2⁻²⁵ of the sum so far, which walks at random far below Σ|w·x|. On the CPU chains are up to 2,304 long,
//   or in fixed point, where 2⁻²⁴ of each block's largest activation is lost (the scale counts an eighth of it with
//   every term): the largest of 10,000 errors is 8e-7.
// - a 16-bit backend's sums for one token are the same. For more, tensor cores cut each step's sum instead of rounding
//   it: 2⁻²³ of the sum so far at every 16th column, all in one direction; 512 steps of a random walk that ends near
//   Σ|w·x| / √cols come to about 1e-6 at most.
// A mistake in the last bit of one bfloat16 weight among 3,072 would be 1e-6, of 576 7e-6; a term left out 2e-3.
constexpr double kFloat32Sums = 1e-6, kTensorCoreSums = 2e-6;

/** The input: one number in 37 thirty times as large, and a block of zeros. */
std::vector<float> activations(Random& random, int64_t tokens, int64_t cols) {
  std::vector<float> x = random.floats(tokens * cols, -1, 1);
  for (size_t i = 0; i < x.size(); i += 37) x[i] *= 30;
  if (x.size() > 64) std::fill_n(x.begin(), 32, 0.0f);
  return x;
}

/** What an error is measured by; where the CPU may sum quantised blocks in fixed point, each |x| counts with 1/8 of its
 * block's largest. */
Numbers scale_of(const Bench& bench, const TestWeight& weight, Dtype kept, Numbers x) {
  if (!bench.cuda && weight.quantised()) {
    for (size_t block = 0; block < x.size(); block += 32) {
      double largest = 0;
      for (size_t i = block; i < block + 32; i++) largest = std::max(largest, std::fabs(x[i]));
      for (size_t i = block; i < block + 32; i++) x[i] = std::fabs(x[i]) + largest / 8;
    }
  }
  return twin::matmul_scale(x, weight, kept);
}

struct Shape {
  std::vector<Part> parts;
  int64_t cols, tokens;
  WeightKind kind = WeightKind::projection;
};

Verdict matmul(Bench& bench, const Shape& shape) {
  Backend& backend = bench.backend;
  const TestWeight weight(bench.random, shape.parts, shape.cols, 1 / std::sqrt(static_cast<double>(shape.cols)));
  const auto uploaded = backend.upload_weight(weight.source(), shape.kind);
  const std::vector<float> x = activations(bench.random, shape.tokens, shape.cols);
  const Guarded in(backend, shape.tokens, shape.cols, x), out(backend, shape.tokens, weight.rows());
  backend.matmul(out.tensor(), in.tensor(), *uploaded);
  const std::vector<float> got = out.get();
  in.expect_kept(x);
  const Dtype kept = weight.kept(bench.dtype, shape.tokens);
  const Numbers exact = numbers_of(x), scale = scale_of(bench, weight, kept, exact);
  const bool tensor_cores = bench.narrow() && shape.tokens > 1;
  Verdict verdict{largest_error(got, twin::matmul(exact, weight, kept), scale),
                  tensor_cores ? kTensorCoreSums : kFloat32Sums};
  if (tensor_cores && !(verdict.error <= verdict.tolerance))  // prompts' activations may be rounded: then all of them
    verdict.error = largest_error(got, twin::matmul(rounded(exact, bench.dtype), weight, kept), scale);
  return verdict;
}

/** NaN and infinity reach every output of their token and none of another's. */
Verdict nonfinite(Bench& bench, int64_t tokens, int64_t cols) {
  Backend& backend = bench.backend;
  const TestWeight weight(bench.random, {{W::BF16, 83}}, cols, 1);
  const auto uploaded = backend.upload_weight(weight.source(), WeightKind::projection);
  std::vector<float> x = activations(bench.random, tokens, cols);
  const int64_t nan = bench.random.below(tokens), infinite = (nan + 1) % tokens;
  x[nan * cols + bench.random.below(cols)] = NAN;
  x[infinite * cols + bench.random.below(cols)] = INFINITY;
  const Guarded in(backend, tokens, cols, x), out(backend, tokens, 83);
  backend.matmul(out.tensor(), in.tensor(), *uploaded);
  const std::vector<float> got = out.get();
  double wrong = 0;
  for (int64_t i = 0; i < tokens * 83; i++) {
    const float y = got[i];
    // A prompt's infinity in float16 may be its largest number.
    const bool clamped = bench.dtype == Dtype::float16 && std::isfinite(y);
    wrong += i / 83 == nan ? !std::isnan(y) : i / 83 == infinite ? std::isfinite(y) && !clamped : !std::isfinite(y);
  }
  return {wrong, 0};
}

std::string name_of(const Shape& shape) {
  std::string name = "matmul";
  for (const Part& part : shape.parts)
    name +=
        " " + std::string(format_of(part.type).name) + "[" + std::to_string(part.rows) + (part.permuted ? "p]" : "]");
  return name + " cols=" + std::to_string(shape.cols) + " T=" + std::to_string(shape.tokens);
}

std::vector<Shape> shapes() {
  std::vector<Shape> list;
  const std::vector<int64_t> tokens = {1, 2, 7, 16, 25, 64, 65, 130};
  for (W type : all_weight_types()) {
    const int64_t unit = format_of(type).block_size, cols = unit == 256 ? 512 : 576;
    for (int64_t t : tokens) list.push_back({{{type, 83}}, cols, t});
    for (int64_t t : {1, 2, 65}) {
      list.push_back({{{type, 64, true}, {type, 32, true}, {type, 32}}, unit == 256 ? 256 : 192, t});
      list.push_back({{{type, 1}}, std::max<int64_t>(unit, 8), t});
    }
    list.push_back({{{type, 211}}, unit == 256 ? 256 : 64, 1, WeightKind::head});
    for (int64_t t : {1, 25}) list.push_back({{{type, 3}}, unit == 256 ? 256 : 96, t, WeightKind::head});
  }
  for (W type : {W::F32, W::F16, W::BF16})  // rows that begin on no 16 bytes; fewer columns than lanes
    for (int64_t cols : {1, 48, 50, 88, 575})
      for (int64_t t : {1, 7, 65}) list.push_back({{{type, 50}}, cols, t});
  for (int64_t t : {1, 7, 65}) {  // rows of several formats in one matrix, as K-quants' files have values in more bits
    list.push_back({{{W::Q4_K, 64, true}, {W::Q4_K, 32, true}, {W::Q6_K, 32}}, 512, t});
    list.push_back({{{W::Q4_0, 33}, {W::Q8_0, 50, true}, {W::Q5_1, 7}}, 288, t});
  }
  for (int64_t t : tokens)
    list.push_back({{{W::Q4_1, 48, true}, {W::Q8_0, 20}, {W::F16, 7}, {W::F32, 9, true}}, 96, t});
  for (int64_t t : {1, 25}) {  // a small and a large model's matrices
    list.push_back({{{W::BF16, 960}}, 576, t});
    list.push_back({{{W::Q4_1, 3072}}, 576, t});
    list.push_back({{{W::F16, 576}}, 1536, t});
    list.push_back({{{W::BF16, 3072}}, 3072, t});
    list.push_back({{{W::BF16, 530}}, 8192, t});
    for (W type : {W::Q8_0, W::Q4_0, W::Q4_K, W::Q6_K}) list.push_back({{{type, 530}}, 8192, t});
    list.push_back({{{W::Q5_K, 9216}}, 3072, t});
    list.push_back({{{W::Q4_0, 300}}, 20480, t});
  }
  list.push_back({{{W::BF16, 9216}}, 3072, 1});
  list.push_back({{{W::BF16, 32064}}, 1536, 1, WeightKind::head});
  for (W type : {W::BF16, W::Q8_0, W::Q4_1}) list.push_back({{{type, 200000}}, 64, 1, WeightKind::head});
  list.push_back({{{W::BF16, 32064}}, 64, 7, WeightKind::head});
  return list;
}

}  // namespace

void matmul_cases(std::vector<Case>& table) {
  for (const Shape& shape : shapes()) {
    int64_t rows = 0;
    for (const Part& part : shape.parts) rows += part.rows;
    const bool quick =
        rows <= 100 && shape.cols <= 576 && (shape.tokens == 1 || shape.tokens == 7 || shape.tokens == 65);
    table.push_back({name_of(shape), quick, [=](Bench& b) { return matmul(b, shape); }});
  }
  for (int64_t tokens : {7, 65})
    for (int64_t cols : {50, 576})
      table.push_back({"matmul of NaN and infinity cols=" + std::to_string(cols) + " T=" + std::to_string(tokens),
                       cols == 50, [=](Bench& b) { return nonfinite(b, tokens, cols); }});
}

}  // namespace phi3lab::ops
