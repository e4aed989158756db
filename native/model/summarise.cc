// Vectors to what the head says of them, in chunks: the scores of a chunk live in scratch memory and are summarised
// there, so that a table of (rows, vocab) never is.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <stdexcept>

#include "session.h"

namespace phi3lab {
namespace {

// Rows of scores that are looked at together: 12 MiB of a vocabulary of 49,152.
constexpr int64_t kRows = 64;

}  // namespace

SummaryResult Session::summarise(const SummaryRequest& request, const AbortRef& abort) {
  Phi3& phi3 = model();
  Backend& backend = phi3.backend();
  const int64_t width = config_.hidden_size, vocab = config_.vocab_size, rows = request.rows, k = request.k;
  const int64_t have = rows_of("summarise", *request.hidden), group = std::max<int64_t>(1, request.group);
  const auto named = static_cast<int64_t>(request.tokens.size()) / std::max<int64_t>(1, rows);
  if (request.start < 0 || rows < 1 || request.start > have || rows > have - request.start || rows % group != 0)
    throw std::runtime_error("[summarise] Expected rows from 0 to " + std::to_string(have - 1) + ", in groups of " +
                             std::to_string(group) + ", but received " + std::to_string(rows) + " from " +
                             std::to_string(request.start) + " on");
  if (k < 0 || k > std::min<int64_t>(vocab, SummaryRequest::kMost))
    throw std::runtime_error("[summarise] Expected k from 0 to " +
                             std::to_string(std::min<int64_t>(vocab, SummaryRequest::kMost)) + " but received " +
                             std::to_string(k));
  if (group > phi3.max_chunk())
    throw std::runtime_error("[summarise] Expected groups of at most " + std::to_string(phi3.max_chunk()) + " rows");
  if (!request.tokens.empty()) check_ids("summarise", request.tokens);
  check_files();
  const AbortScope scope(*this, abort);

  const int64_t chunk = std::min(rows, std::max(group, std::min(kRows, phi3.max_chunk()) / group * group));
  const TensorRef logits = tensor({chunk, vocab}), normed = tensor({request.norm ? chunk : 1, width});
  const TensorRef summary = tensor({chunk, 2 * k + 3 + 2 * named}),
                  tokens = tensor({chunk, std::max<int64_t>(1, named)});
  Summary out;
  out.k = k, out.tokens = named;
  float* at = summary->data();
  const auto take = [&](int64_t cols) {
    float* taken = at;
    at += chunk * cols;
    return taken;
  };
  out.logits = take(k), out.logsumexp = take(1), out.entropy = take(1);
  float* divergence = take(1);
  if (request.group > 0) out.divergence = divergence;
  out.token_logits = take(named);
  out.ids = reinterpret_cast<int32_t*>(take(k)), out.token_ranks = reinterpret_cast<int32_t*>(take(named));

  SummaryResult result;
  const auto read = [&](auto& list, const void* from, int64_t cols, int64_t first, int64_t count) {
    list.resize(static_cast<size_t>(rows * cols));
    if (cols > 0 && from) backend.read(list.data() + first * cols, from, static_cast<size_t>(count * cols) * 4);
  };
  for (int64_t first = 0; first < rows; first += chunk) {
    const int64_t count = std::min(chunk, rows - first);
    Tensor in{request.hidden->data() + (request.start + first) * width, count, width};
    if (named > 0)
      backend.write(tokens->data(), request.tokens.data() + first * named, static_cast<size_t>(count * named) * 4);
    if (request.norm) {
      const Tensor to{normed->data(), count, width};
      phi3.apply(to, in, Role::norm, -1);
      in = to;
    }
    const Tensor scores{logits->data(), count, vocab};
    phi3.lm_head(scores, in);
    backend.summarise(out, scores, reinterpret_cast<const int32_t*>(tokens->data()), group);
    backend.checkpoint(count);
    backend.synchronize();
    read(result.ids, out.ids, k, first, count);
    read(result.logits, out.logits, k, first, count);
    read(result.logsumexp, out.logsumexp, 1, first, count);
    read(result.entropy, out.entropy, 1, first, count);
    read(result.divergence, out.divergence, request.group > 0 ? 1 : 0, first, count);
    read(result.token_logits, out.token_logits, named, first, count);
    read(result.token_ranks, out.token_ranks, named, first, count);
    for (int64_t t = first; t < first + count; t++)
      if (!std::isfinite(result.logsumexp[static_cast<size_t>(t)]))
        throw std::runtime_error("[summarise] Expected finite scores but row " + std::to_string(t) +
                                 " holds NaN or infinity");
  }
  check_files();
  return result;
}

}  // namespace phi3lab
