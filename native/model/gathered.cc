// Passes of several sequences: a token of each, with a position and a cache each. What they need stands apart from
// what one sequence's passes need, for as many sequences as there may be: less would move when more come, and with it
// what was recorded.
#include <algorithm>
#include <stdexcept>

#include "phi3.h"

namespace phi3lab {
namespace {

constexpr auto kMost = static_cast<int64_t>(CacheBatch::kMost);

}  // namespace

void Phi3::gather(const std::vector<SequenceCache*>& sequences, const std::vector<int32_t>& ids, int64_t length) {
  if (sequences.empty() || sequences.size() > CacheBatch::kMost || ids.size() != sequences.size())
    throw std::logic_error("[gather] Expected from 1 to " + std::to_string(CacheBatch::kMost) +
                           " sequences with a token each");
  std::vector<Cache*> caches;
  std::vector<int32_t> positions;
  for (SequenceCache* sequence : sequences) {
    if (turns(*sequence, length)) throw std::logic_error("[gather] Expected aligned sequences");
    if (sequence->length == 0) sequence->angles = rotary_->angles_of(length);
    caches.push_back(sequence->cache.get());
    positions.push_back(static_cast<int32_t>(sequence->length));
  }
  Gathered& g = gathered_;
  if (!g.caches) {
    grow(g.input, static_cast<size_t>(2 * kMost) * sizeof(int32_t));
    grow(g.scratch, chunk_bytes(kMost));
    grow(g.head, head_bytes(kMost));
    g.caches = backend_->make_batch(config_.farthest_attention());
  }
  rotary_->table(sequences.front()->angles);  // makes it where it is the first of its kind: passes allocate nothing
  auto* device_ids = static_cast<int32_t*>(g.input->data);
  backend_->write(device_ids, ids.data(), ids.size() * sizeof(int32_t));
  backend_->write(device_ids + kMost, positions.data(), positions.size() * sizeof(int32_t));
  g.caches->hold(caches);
  g.sequences = sequences;
  if (!rotary_->vary()) return;
  for (size_t i = 0; i < ids.size(); i++) {
    std::vector<int32_t>& all = sequences[i]->ids;
    all.resize(static_cast<size_t>(sequences[i]->length));
    all.push_back(ids[i]);
  }
}

void Phi3::pass_gathered(int64_t key, const std::function<void(const PassInput& input, Tensor hidden)>& end) {
  const Gathered& g = gathered_;
  const auto count = static_cast<int64_t>(g.sequences.size());
  auto* ids = static_cast<int32_t*>(g.input->data);
  const PassInput input{ids, ids + kMost, count, count};
  int64_t longest = 0;
  for (SequenceCache* sequence : g.sequences) {
    const int64_t positions = sequence->length + 1;
    sequence->cache->commit(positions);
    longest = std::max(longest, positions);
  }
  const Chunk c = lay_out(static_cast<float*>(g.scratch->data), count, longest);
  const Angles angles = g.sequences.front()->angles;
  // The last one that is left goes on by itself. Below 0: what `step` records over its cache is another pass.
  Cache& cache = count > 1 ? static_cast<Cache&>(*g.caches) : *g.sequences.front()->cache;
  const int64_t record = (key * (kMost + 1) + count) * 3 + static_cast<int64_t>(angles);
  backend_->replay(-1 - record, cache, [&] {
    layers(cache, angles, input, c);
    end(input, c.hidden);
  });
  for (SequenceCache* sequence : g.sequences) sequence->length += 1;
  if (count > 1) return;
  steps_.passes++;
  steps_.positions += longest;
}

void Phi3::step_gathered(bool excluding) {
  pass_gathered(1 + (excluding ? excluded_ : 0), [&](const PassInput& input, Tensor hidden) {
    choose(input.ids, head_in(*gathered_.head, input.tokens), input, hidden, excluding);
  });
}

Tensor Phi3::score_gathered() {
  const Head head = head_in(*gathered_.head, static_cast<int64_t>(gathered_.sequences.size()));
  pass_gathered(0, [&](const PassInput&, Tensor hidden) {
    backend_->at(Part::head, -1, weights_.norm->bytes + weights_.lm_head->bytes)
        .norm_lm_head(head.logits, head.normed, hidden, *weights_.norm, *weights_.lm_head, config_.rms_norm_eps);
  });
  return head.logits;
}

void Phi3::copy_positions(SequenceCache& out, const SequenceCache& in, int64_t first, int64_t end) {
  out.cache->commit(end);
  backend_->copy_positions(*out.cache, *in.cache, first, end);
  backend_->synchronize();
  out.angles = in.angles;
  if (rotary_->vary()) {
    out.ids.resize(static_cast<size_t>(first));
    out.ids.insert(out.ids.end(), in.ids.begin() + first, in.ids.begin() + end);
  }
  out.length = end;
}

}  // namespace phi3lab
