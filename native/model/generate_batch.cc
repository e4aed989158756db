// Greedy generation of several texts at once: after its prompt each gives a token to every pass, which reads the
// weights once for all. A text that ends leaves; what the device had begun for it meanwhile is dropped.
#include <algorithm>

#include "session.h"
#include "stopwatch.h"

namespace phi3lab {
namespace {

// A text on its way.
struct Text {
  SequenceCache* sequence;
  GreedyResult* result;
  Stopping stopping;
  std::vector<int32_t> ids;  // so far
  int64_t held;              // positions of its cache before the call

  bool ended() const { return stopping.ended(result->tokens); }
  void take(int32_t id) {
    if (id < 0) throw std::runtime_error("[generate] The scores of the next token hold NaN: the weights are damaged");
    result->tokens.push_back(id);
    ids.push_back(id);
  }
};

}  // namespace

std::vector<GreedyResult> Session::generate_greedy(const GreedyBatchRequest& request, const AbortRef& abort) {
  model();
  check_count("length", request.length);
  int64_t longest = request.length;
  for (const GreedyBatchRequest::Text& text : request.texts) {
    check_ids("generate", text.ids);
    check_context("generate", static_cast<int64_t>(text.ids.size()));
    longest = std::max(longest, static_cast<int64_t>(text.ids.size()));
  }
  check_files();
  const AbortScope scope(*this, abort);
  GreedyBatchRequest whole = request;
  whole.length = longest;
  std::vector<GreedyResult> results(request.texts.size());
  for (size_t first = 0; first < results.size(); first += CacheBatch::kMost)
    continue_texts(results, whole, first, std::min(CacheBatch::kMost, results.size() - first), abort);
  return results;
}

void Session::continue_texts(std::vector<GreedyResult>& results, const GreedyBatchRequest& request, size_t first,
                             size_t count, const AbortRef& abort) {
  Phi3& phi3 = model();
  Backend& backend = phi3.backend();
  std::vector<CacheRef> caches;  // before the guard: the device is idle when they go
  std::vector<Text> texts;
  for (size_t i = first; i < first + count; i++) {
    const GreedyBatchRequest::Text& text = request.texts[i];
    caches.push_back(text.cache ? text.cache : make_cache());
    SequenceCache& sequence = reserved(caches.back());
    if (std::any_of(texts.begin(), texts.end(), [&](const Text& other) { return other.sequence == &sequence; }))
      throw std::runtime_error("[generate] Expected a cache of its own for each text");
    texts.push_back({&sequence, &results[i], request.stopping, text.ids, held_of(sequence, text.ids)});
    texts.back().stopping.max_new_tokens = text.max_new_tokens;
  }
  const DrainGuard guard(backend);
  phi3.exclude(request.stopping.eos);
  const auto excluding = [&](int64_t n) { return n < request.stopping.min_new_tokens; };
  // What the caches hold in the end: nothing of the passes that the device was ahead, and after an error nothing new.
  const auto keep = [&](bool all) {
    backend.discard();
    for (Text& text : texts) {
      const int64_t length = all ? static_cast<int64_t>(text.ids.size()) - 1 : text.held;
      text.sequence->length = std::min(length, text.sequence->length.load());
      text.sequence->ids = text.ids;
    }
  };
  const auto prompt = [&](Text& text) {
    const auto start = Clock::now();
    phi3.align(*text.sequence, request.length);
    const int64_t done = text.sequence->length, todo = static_cast<int64_t>(text.ids.size());
    phi3.forward(*text.sequence, text.ids.data() + done, todo - done, {request.length, 0},
                 [&](Tensor hidden, int64_t at) {
                   if (done + at + hidden.rows == todo) phi3.choose_token(hidden, excluding(0));
                 });
    text.take(backend.next_token());
    text.result->prompt_ms = milliseconds_since(start);
  };
  // Goes on with these, each of `taken` new tokens, until one of them ends or their keys are to be turned anew.
  const auto go_on = [&](const std::vector<Text*>& active, int64_t taken) {
    std::vector<SequenceCache*> sequences;
    std::vector<int32_t> last;
    for (Text* text : active) {
      // Where longer texts have other angles than the keys so far, those are computed anew.
      if (phi3.turns(*text->sequence, request.length + taken)) text->sequence->ids = text->ids;
      phi3.align(*text->sequence, request.length + taken);
      sequences.push_back(text->sequence);
      last.push_back(text->ids.back());
    }
    phi3.gather(sequences, last, request.length + taken);
    const auto all = [&](const auto& holds) { return std::all_of(active.begin(), active.end(), holds); };
    auto start = Clock::now();
    for (int64_t asked = taken;; taken++) {
      // The device goes on while the host looks at what it emitted.
      while (asked - taken < backend.steps_ahead() && all([&](const Text* text) {
               return !text->ended() && asked < text->stopping.max_new_tokens &&
                      text->sequence->length < config_.max_position_embeddings &&
                      !phi3.turns(*text->sequence, request.length + asked);
             })) {
        if (abort->aborted) throw Aborted();
        phi3.step_gathered(excluding(asked));
        asked++;
      }
      if (asked == taken) return;
      std::vector<Text*> taking;
      for (Text* text : active) {
        const int32_t id = backend.next_token();
        if (text->ended()) continue;  // the device was ahead
        text->take(id);
        taking.push_back(text);
      }
      check_files();
      for (Text* text : taking) text->result->token_ms.push_back(milliseconds_since(start));
      start = Clock::now();
    }
  };
  const auto going_on = [&] {
    std::vector<Text*> active;
    for (Text& text : texts)
      if (!text.ended()) active.push_back(&text);
    return active;
  };
  try {
    for (Text& text : texts)
      if (!text.ended()) prompt(text);
    int64_t taken = 0;
    for (std::vector<Text*> active = going_on(); !active.empty(); active = going_on()) {
      const auto now = static_cast<int64_t>(active.front()->result->tokens.size());
      if (now == taken)
        throw std::runtime_error("[generate] Expected at most " + std::to_string(config_.max_position_embeddings) +
                                 " tokens, the model's context");
      taken = now;
      go_on(active, taken);
    }
  } catch (const Aborted&) {
    keep(true);
    if (stopping_) throw;
    for (GreedyResult& result : results) result.aborted = true;
    return;
  } catch (...) {
    keep(false);
    throw;
  }
  keep(true);
}

TensorRef Session::step(const StepRequest& request, const AbortRef& abort) {
  Phi3& phi3 = model();
  check_ids("step", request.ids);
  if (request.ids.size() != request.caches.size())
    throw std::runtime_error("[step] Expected a token for each of " + std::to_string(request.caches.size()) +
                             " caches but received " + std::to_string(request.ids.size()));
  std::vector<SequenceCache*> sequences;
  int64_t length = request.length;
  for (const CacheRef& cache : request.caches) {
    SequenceCache& sequence = reserved(cache);
    if (std::find(sequences.begin(), sequences.end(), &sequence) != sequences.end())
      throw std::runtime_error("[step] Expected a cache of its own for each sequence");
    check_context("step", sequence.length + 1);
    length = std::max(length, sequence.length + 1);
    sequences.push_back(&sequence);
  }
  check_files();
  const AbortScope scope(*this, abort);
  const DrainGuard guard(phi3.backend());
  std::vector<int64_t> before;
  for (SequenceCache* sequence : sequences) {
    phi3.align(*sequence, length);
    before.push_back(sequence->length);
  }
  const auto all = static_cast<int64_t>(sequences.size()), vocab = config_.vocab_size;
  TensorRef logits = tensor({all, vocab});
  try {
    for (int64_t done = 0; done < all;) {
      const int64_t end = std::min(all, done + static_cast<int64_t>(CacheBatch::kMost));
      const std::vector<int32_t> ids(request.ids.begin() + done, request.ids.begin() + end);
      phi3.gather({sequences.begin() + done, sequences.begin() + end}, ids, length);
      const Tensor scores = phi3.score_gathered();
      phi3.backend().copy({logits->data() + done * vocab, end - done, vocab}, scores);
      phi3.backend().synchronize();
      done = end;
    }
    check_files();
  } catch (...) {
    for (size_t i = 0; i < sequences.size(); i++) sequences[i]->length = before[i];
    throw;
  }
  return logits;
}

void Session::copy_cache(const CacheRef& to, const CacheRef& from, int64_t length, const AbortRef& abort) {
  SequenceCache &out = reserved(to), &in = reserved(from);
  if (length < out.length || length > in.length)
    throw std::runtime_error("[copy] Expected from " + std::to_string(out.length) + " to " + std::to_string(in.length) +
                             " positions but received " + std::to_string(length));
  const AbortScope scope(*this, abort);
  model().copy_positions(out, in, out.length, length);
}

}  // namespace phi3lab
