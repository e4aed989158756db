#include "twin.h"

#include <atomic>
#include <thread>

namespace phi3lab::ops::twin {

void parallel(int64_t count, int64_t cost, const std::function<void(int64_t i)>& work) {
  std::atomic<int64_t> next{0};
  const auto run = [&] {
    for (int64_t i = next++; i < count; i = next++) work(i);
  };
  const int64_t cores = std::max(1u, std::thread::hardware_concurrency());
  const int64_t most = std::min({count, cores, 1 + cost / 200'000});
  std::vector<std::thread> threads;
  for (int64_t t = 1; t < most; t++) threads.emplace_back(run);
  run();
  for (std::thread& thread : threads) thread.join();
}

Numbers rms_norm(const Numbers& in, const Numbers& weight, double eps) {
  Numbers out(in.size());
  const size_t cols = weight.size();
  for (size_t row = 0; row < in.size(); row += cols) {
    double squares = 0;
    for (size_t k = 0; k < cols; k++) squares += in[row + k] * in[row + k];
    for (size_t k = 0; k < cols; k++)
      out[row + k] = in[row + k] / std::sqrt(squares / static_cast<double>(cols) + eps) * weight[k];
  }
  return out;
}

namespace {

/** Products in bands of rows, a band a task; the tokens' numbers lie side by side, so that the compiler finds vectors.
 */
Numbers product(const Numbers& in, const TestWeight& weight, Dtype dtype, bool absolute) {
  constexpr int64_t kBand = 16;
  const int64_t cols = weight.cols(), rows = weight.rows(), tokens = static_cast<int64_t>(in.size()) / cols;
  Numbers turned(in.size()), out(static_cast<size_t>(tokens * rows));
  for (int64_t t = 0; t < tokens; t++)
    for (int64_t k = 0; k < cols; k++)
      turned[k * tokens + t] = absolute ? std::fabs(in[t * cols + k]) : in[t * cols + k];
  parallel((rows + kBand - 1) / kBand, rows * cols * (tokens + 2), [&](int64_t band) {
    Numbers w(static_cast<size_t>(cols)), sums(static_cast<size_t>(tokens));
    for (int64_t r = band * kBand; r < std::min(rows, (band + 1) * kBand); r++) {
      weight.row(w.data(), r, dtype);
      std::fill(sums.begin(), sums.end(), 0);
      for (int64_t k = 0; k < cols; k++) {
        const double factor = absolute ? std::fabs(w[k]) : w[k];
        const double* x = &turned[k * tokens];
        double* sum = sums.data();
        for (int64_t t = 0; t < tokens; t++) sum[t] += factor * x[t];
      }
      for (int64_t t = 0; t < tokens; t++) out[t * rows + r] = sums[t];
    }
  });
  return out;
}

}  // namespace

Numbers matmul(const Numbers& in, const TestWeight& weight, Dtype dtype) { return product(in, weight, dtype, false); }

Numbers matmul_scale(const Numbers& in, const TestWeight& weight, Dtype dtype) {
  return product(in, weight, dtype, true);
}

std::vector<float> rotary_table(int64_t positions, int64_t dims) {
  std::vector<float> table(static_cast<size_t>(positions * dims));
  for (int64_t p = 0; p < positions; p++) {
    for (int64_t i = 0; i < dims / 2; i++) {
      const float frequency = 1 / std::pow(10000.0f, static_cast<float>(2 * i) / static_cast<float>(dims));
      table[p * dims + i] = std::cos(static_cast<float>(p) * frequency);
      table[p * dims + dims / 2 + i] = std::sin(static_cast<float>(p) * frequency);
    }
  }
  return table;
}

void rope(Numbers& qkv, const std::vector<float>& table, int64_t position, const AttentionShape& shape, int64_t dims) {
  const int64_t dim = shape.head_dim, turned = dims ? dims : dim, half = turned / 2, cols = shape.qkv_cols();
  for (int64_t t = 0; t < static_cast<int64_t>(qkv.size()) / cols; t++) {
    for (int64_t h = 0; h < shape.heads + shape.kv_heads; h++) {
      double* head = &qkv[t * cols + h * dim];
      for (int64_t i = 0; i < half; i++) {
        const auto cosine = static_cast<double>(table[(position + t) * turned + i]);
        const auto sine = static_cast<double>(table[(position + t) * turned + half + i]);
        const double a = head[i], b = head[i + half];
        head[i] = a * cosine - b * sine;
        head[i + half] = b * cosine + a * sine;
      }
    }
  }
}

Numbers swiglu(const Numbers& gate_up, int64_t ffn) {
  Numbers out;
  for (size_t row = 0; row < gate_up.size(); row += static_cast<size_t>(2 * ffn))
    for (int64_t i = 0; i < ffn; i++)
      out.push_back(gate_up[row + ffn + i] * gate_up[row + i] / (1 + std::exp(-gate_up[row + i])));
  return out;
}

void append(Cache& cache, const Numbers& qkv, int64_t position, const AttentionShape& shape, Dtype dtype) {
  const int64_t cols = shape.qkv_cols(), width = shape.kv_heads * shape.head_dim;
  const int64_t tokens = static_cast<int64_t>(qkv.size()) / cols;
  const auto needed = static_cast<size_t>((position + tokens) * width);
  if (cache.keys.size() < needed) cache.keys.resize(needed), cache.values.resize(needed);
  for (int64_t t = 0; t < tokens; t++) {
    const double* k = &qkv[t * cols + shape.heads * shape.head_dim];
    for (int64_t i = 0; i < width; i++) {
      cache.keys[(position + t) * width + i] = round_to(k[i], dtype);
      cache.values[(position + t) * width + i] = round_to(k[width + i], dtype);
    }
  }
}

Attention attend(const Numbers& qkv, const Cache& cache, int64_t position, const AttentionShape& shape,
                 const Cut& cut) {
  const int64_t cols = shape.qkv_cols(), tokens = static_cast<int64_t>(qkv.size()) / cols;
  const int64_t dim = shape.head_dim, width = shape.kv_heads * dim, all = position + tokens;
  Attention out;
  out.context.resize(static_cast<size_t>(tokens * shape.context_cols()));
  out.scale = out.context;
  out.weights.resize(static_cast<size_t>(shape.heads * tokens * all));
  out.weights_scale = out.weights;
  parallel(shape.heads * tokens, shape.heads * tokens * (position + tokens) * dim * 2, [&](int64_t pair) {
    const int64_t h = pair / tokens, t = pair % tokens, kv_head = h / (shape.heads / shape.kv_heads);
    const int64_t last = position + t, first = shape.window > 0 ? std::max<int64_t>(0, last + 1 - shape.window) : 0;
    const double* q = &qkv[t * cols + h * dim];
    double* p = &out.weights[(h * tokens + t) * all];
    double largest = -INFINITY, root = 0, sum = 0;
    std::vector<int64_t> seen;
    for (int64_t j = first; j <= last; j++)
      if (!cut || !cut(h, last, j)) seen.push_back(j);
    for (const int64_t j : seen) {
      double score = 0, squares = 0;
      for (int64_t i = 0; i < dim; i++) {
        const double term = q[i] * cache.keys[j * width + kv_head * dim + i] * static_cast<double>(shape.scale);
        score += term;
        squares += term * term;
      }
      p[j] = score;
      largest = std::max(largest, score);
      root = std::max(root, std::sqrt(squares));
    }
    for (const int64_t j : seen) sum += p[j] = std::exp(p[j] - largest);
    double* context = &out.context[t * shape.context_cols() + h * dim];
    double* scale = &out.scale[t * shape.context_cols() + h * dim];
    for (const int64_t j : seen) {
      p[j] /= sum;
      out.weights_scale[(h * tokens + t) * all + j] = p[j] * (1 + root);
      for (int64_t i = 0; i < dim; i++) {
        const double v = cache.values[j * width + kv_head * dim + i];
        context[i] += p[j] * v;
        scale[i] += p[j] * std::fabs(v) * (1 + root);
      }
    }
  });
  return out;
}

void edit_rows(Numbers& x, int64_t cols, int64_t position, const RowEdit& edit, const std::vector<int64_t>& positions,
               const Numbers& values) {
  const int64_t width = edit.last - edit.first;
  for (int64_t t = 0; t < static_cast<int64_t>(x.size()) / cols; t++) {
    const auto found = std::find(positions.begin(), positions.end(), position + t);
    if (found == positions.end()) continue;
    const int64_t n = edit.value_rows > 1 ? found - positions.begin() : 0;
    double along = 0;
    for (int64_t i = 0; i < width && !values.empty(); i++)
      along += x[t * cols + edit.first + i] * values[n * width + i];
    for (int64_t i = 0; i < width; i++) {
      double& number = x[t * cols + edit.first + i];
      const double value = values.empty() ? 1 : values[n * width + i], scale = static_cast<double>(edit.scale);
      if (edit.op == EditOp::add) number += scale * value;
      if (edit.op == EditOp::multiply) number *= scale * value;
      if (edit.op == EditOp::set) number = value;
      if (edit.op == EditOp::project_out) number -= along * value;
    }
  }
}

int32_t argmax(const std::vector<float>& logits, const std::vector<int32_t>& excluded) {
  int32_t best = -1;
  for (size_t i = 0; i < logits.size(); i++) {
    if (std::isnan(logits[i])) return -1;
    if (std::find(excluded.begin(), excluded.end(), static_cast<int32_t>(i)) != excluded.end()) continue;
    if (best < 0 || logits[i] > logits[best]) best = static_cast<int32_t>(i);
  }
  return best;
}

}  // namespace phi3lab::ops::twin
