// Greedy generation: the loop that keeps the device busy while the host looks at what came.
#include <algorithm>

#include "session.h"
#include "stopwatch.h"

namespace phi3lab {

GreedyResult Session::generate_greedy(const GreedyRequest& request, const AbortRef& abort) {
  Phi3& phi3 = model();
  Backend& backend = phi3.backend();
  check_ids("generate", request.ids);
  check_context("generate", static_cast<int64_t>(request.ids.size()));
  check_files();
  check_count("length", request.length);
  check_count("chunk", request.chunk);
  const AbortScope scope(*this, abort);
  const CacheRef cache = request.cache ? request.cache : make_cache();
  SequenceCache& sequence = reserved(cache);
  const int64_t held = held_of(sequence, request.ids);
  const Listening listening(phi3, edits_of(request.edits));
  const DrainGuard guard(backend);
  const Stopping& stopping = request.stopping;
  phi3.exclude(stopping.eos);
  const auto excluding = [&](int64_t n) { return n < stopping.min_new_tokens; };
  std::vector<int32_t> ids = request.ids;
  GreedyResult result;
  int64_t asked = 0;  // tokens that the device was asked for
  const int64_t ahead = std::max<int64_t>(0, request.length - static_cast<int64_t>(ids.size()));
  const auto turns = [&](int64_t length) { return phi3.turns(sequence, length + ahead); };
  // What a caller's cache holds in the end: nothing of the passes that the device was ahead.
  const auto keep = [&](int64_t length) {
    if (!request.cache) return;
    backend.discard();
    sequence.length = std::min(length, sequence.length.load());
    sequence.ids = ids;
  };
  auto start = Clock::now();
  try {
    for (int64_t n = 0; !stopping.ended(result.tokens); n++) {
      const auto todo = static_cast<int64_t>(ids.size());
      // Where longer texts have other angles than the keys so far, the text is computed anew, once all of it is known.
      const bool anew = n == 0 || !request.use_cache || (asked == n && turns(todo));
      if (anew && todo <= config_.max_position_embeddings) {
        if (n > 0) sequence.length = 0;
        phi3.align(sequence, todo + ahead);
        const int64_t done = sequence.length;
        phi3.forward(sequence, ids.data() + done, todo - done, {todo + ahead, request.chunk},
                     [&](Tensor hidden, int64_t first) {
                       if (done + first + hidden.rows == todo) phi3.choose_token(hidden, excluding(n));
                     });
        asked = n + 1;
      }
      // The device goes on while the host looks at what it emitted.
      while (request.use_cache && asked < stopping.max_new_tokens && asked - n < backend.steps_ahead() &&
             sequence.length < config_.max_position_embeddings && !turns(sequence.length + 1)) {
        if (abort->aborted) throw Aborted();
        phi3.step(sequence, excluding(asked));
        asked++;
      }
      if (asked == n)
        throw std::runtime_error("[generate] Expected at most " + std::to_string(config_.max_position_embeddings) +
                                 " tokens, the model's context");
      const int32_t id = backend.next_token();
      check_files();
      if (id < 0) throw std::runtime_error("[generate] The scores of the next token hold NaN: the weights are damaged");
      (n == 0 ? result.prompt_ms : result.token_ms.emplace_back()) = milliseconds_since(start);
      start = Clock::now();
      result.tokens.push_back(id);
      ids.push_back(id);
      if (request.on_token) request.on_token(id, n);
    }
  } catch (const Aborted&) {
    keep(static_cast<int64_t>(ids.size()) - 1);
    if (stopping_) throw;
    result.aborted = true;
  } catch (const OutOfMemory& error) {
    keep(held);
    // Work that ran out of memory is tried again, but not where its tokens have gone out already.
    if (!result.tokens.empty()) throw std::runtime_error(error.what());
    throw;
  } catch (...) {
    keep(held);
    throw;
  }
  keep(static_cast<int64_t>(ids.size()) - 1);
  return result;
}

}  // namespace phi3lab
