// What is told of rows of scores without handing them out: the likeliest tokens, the sum of the exponentials, the
// entropy, the place of named tokens, and how far each row's distribution is from another's. A thread a row.
#include <algorithm>
#include <cmath>
#include <limits>

#include "backend.h"

namespace phi3lab::cpu {
namespace {

/** Numbers that are looked at one by one only where the greatest of them is among the k so far. */
constexpr int64_t kBlock = 256;

/** The k greatest numbers of a row in falling order, of equals the first ones, a NaN none of them; gives the greatest.
 */
float select(int32_t* ids, float* logits, int64_t k, const float* row, int64_t count, const Rowwise& rowwise) {
  int64_t held = 0;
  float most = -std::numeric_limits<float>::infinity();
  for (int64_t first = 0; first < count; first += kBlock) {
    const int64_t last = std::min(first + kBlock, count);
    const float greatest = rowwise.greatest(row + first, last - first);
    most = std::max(most, greatest);
    if (held == k && (k == 0 || !(greatest > logits[k - 1]))) continue;
    for (int64_t i = first; i < last; i++) {
      const float x = row[i];
      if (held == k ? !(x > logits[k - 1]) : std::isnan(x)) continue;
      int64_t at = held < k ? held++ : k - 1;
      for (; at > 0 && x > logits[at - 1]; at--) logits[at] = logits[at - 1], ids[at] = ids[at - 1];
      logits[at] = x, ids[at] = static_cast<int32_t>(i);
    }
  }
  for (; held < k; held++) logits[held] = -std::numeric_limits<float>::infinity(), ids[held] = -1;
  return most;
}

int32_t rank_of(int32_t token, const float* row, int64_t count) {
  const float x = row[token];
  int32_t before = 0;
  for (int64_t i = 0; i < token; i++) before += row[i] >= x;
  for (int64_t i = token + 1; i < count; i++) before += row[i] > x;
  return 1 + before;
}

/** All that is said of row t by itself. */
void describe(const Summary& out, int64_t t, const float* row, int64_t count, const int32_t* tokens,
              const Rowwise& rowwise) {
  const float max = select(out.ids + t * out.k, out.logits + t * out.k, out.k, row, count, rowwise);
  double sum, weighted;
  rowwise.exponential_sums(&sum, &weighted, row, count, max);
  const double log_sum = std::log(sum);
  out.logsumexp[t] = static_cast<float>(static_cast<double>(max) + log_sum);
  out.entropy[t] = static_cast<float>(log_sum - weighted / sum);
  for (int64_t i = 0; i < out.tokens; i++) {
    const int32_t token = tokens[t * out.tokens + i];
    out.token_logits[t * out.tokens + i] = row[token];
    out.token_ranks[t * out.tokens + i] = rank_of(token, row, count);
  }
}

}  // namespace

void CpuBackend::summarise(Summary out, Tensor logits, const int32_t* tokens, int64_t group) {
  logits.expect_float32("summarise");
  const Rowwise* rowwise = &rowwise_;
  const int64_t vocab = logits.cols;
  if (!out.divergence) {
    stage([=](const Worker& w) {
      each_own_token(logits.rows, w,
                     [&](int64_t t) { describe(out, t, logits.data + t * vocab, vocab, tokens, *rowwise); });
    });
    return;
  }
  // The rows that the others are compared with come first: then each of those is read from memory once.
  stage([=](const Worker& w) {
    each_own_token(logits.rows / group, w, [&](int64_t g) {
      const int64_t last = (g + 1) * group - 1;
      describe(out, last, logits.data + last * vocab, vocab, tokens, *rowwise);
      out.divergence[last] = 0;
      rowwise->probabilities(logits.data + last * vocab, vocab, out.logsumexp[last]);
    });
  });
  stage([=](const Worker& w) {
    each_own_token(logits.rows, w, [&](int64_t t) {
      const int64_t last = (t / group + 1) * group - 1;
      if (t == last) return;
      const float* row = logits.data + t * vocab;
      describe(out, t, row, vocab, tokens, *rowwise);
      const double surprise = rowwise->expectation(logits.data + last * vocab, row, vocab, out.logsumexp[t]);
      out.divergence[t] = static_cast<float>(-static_cast<double>(out.entropy[last]) - surprise);
    });
  });
}

}  // namespace phi3lab::cpu
