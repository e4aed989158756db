#include "phi3.h"

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace phi3lab {
namespace {

// Floats of whole lines of 256 bytes: whatever the model's sizes, each intermediate begins where vectors may be read.
int64_t whole_lines(int64_t floats) { return (floats + 63) / 64 * 64; }

}  // namespace

Phi3::Phi3(std::unique_ptr<Backend> backend, const Config& config, const std::vector<std::string>& paths,
           const std::vector<WeightEntry>& entries, const Progress& progress)
    : backend_(std::move(backend)),
      config_(config),
      max_chunk_(std::min(backend_->preferred_chunk(), config.max_position_embeddings)) {
  config_.validate();
  weights_ = load_weights(*backend_, config_, paths, entries, progress);
  backend_->prepare(max_chunk_, weights_.max_cols);
  rotary_ = std::make_unique<RotaryTables>(*backend_, config_);
  step_ = backend_->allocate(static_cast<size_t>(max_chunk_ + 2 + kExcluded) * sizeof(int32_t));
  token_ = backend_->allocate(chunk_bytes(1));
  head_ = backend_->allocate(head_bytes(1));
}

std::unique_ptr<Cache> Phi3::make_cache() {
  return backend_->reserve_cache(config_.farthest_attention(), config_.num_hidden_layers,
                                 config_.max_position_embeddings);
}

// The attention's and the feed-forward's intermediates never live at once: they lie in the same place.
Phi3::Chunk Phi3::lay_out(float* memory, int64_t tokens, int64_t positions) const {
  const AttentionShape shape = config_.farthest_attention();
  const int64_t hidden = config_.hidden_size, ffn = config_.intermediate_size;
  const auto take = [&](int64_t* at, int64_t cols) {
    const Tensor tensor{memory ? memory + *at : nullptr, tokens, cols};
    *at += whole_lines(tokens * cols);
    return tensor;
  };
  Chunk c;
  int64_t common = 0;
  c.hidden = take(&common, hidden);
  c.normed = take(&common, hidden);
  c.projected = take(&common, hidden);
  int64_t attention = common, feed_forward = common;
  c.qkv = take(&attention, shape.qkv_cols());
  c.context = take(&attention, shape.context_cols());
  c.gate_up = take(&feed_forward, 2 * ffn);
  c.activation = take(&feed_forward, ffn);
  c.positions = positions;
  c.bytes = static_cast<size_t>(std::max(attention, feed_forward)) * sizeof(float);
  return c;
}

size_t Phi3::chunk_bytes(int64_t tokens) const { return lay_out(nullptr, tokens, 0).bytes; }

Phi3::Head Phi3::head_in(const Buffer& memory, int64_t rows) const {
  auto* normed = static_cast<float*>(memory.data);
  return {{normed, rows, config_.hidden_size},
          {normed + whole_lines(rows * config_.hidden_size), rows, config_.vocab_size}};
}

size_t Phi3::head_bytes(int64_t rows) const {
  return static_cast<size_t>(whole_lines(rows * config_.hidden_size) + rows * config_.vocab_size) * sizeof(float);
}

Phi3::Chunk Phi3::chunk_of(int64_t tokens, int64_t positions) {
  if (tokens > 1 && tokens > scratch_tokens_) {
    scratch_tokens_ = 0;
    grow(scratch_, chunk_bytes(tokens));
    scratch_tokens_ = tokens;
  }
  return lay_out(static_cast<float*>((tokens == 1 ? token_ : scratch_)->data), tokens, positions);
}

void Phi3::grow(std::shared_ptr<Buffer>& buffer, size_t bytes) {
  if (buffer) grown_bytes_ -= buffer->bytes;
  buffer.reset();
  buffer = backend_->allocate(bytes);
  grown_bytes_ += buffer->bytes;
}

size_t Phi3::workspace_bytes() const {
  return backend_->workspace_bytes() + rotary_->bytes() + step_->bytes + token_->bytes + head_->bytes + grown_bytes_;
}

void Phi3::align(SequenceCache& sequence, int64_t length) {
  if (!turns(sequence, length)) return;
  const int64_t held = sequence.length;
  const std::vector<int32_t> ids(sequence.ids.begin(), sequence.ids.begin() + held);
  if (std::find(ids.begin(), ids.end(), -1) != ids.end())
    throw std::runtime_error(
        "[forward] A text of " + std::to_string(length) +
        " positions has other angles than its cache, whose embeddings are not kept: begin with an empty cache");
  sequence.length = 0;
  try {
    forward(sequence, ids.data(), held, {length, 0}, [](Tensor, int64_t) {});
  } catch (...) {  // the next pass begins here
    sequence.length = held;
    sequence.angles = Angles::mixed;
    throw;
  }
}

void Phi3::forward(SequenceCache& sequence, const int32_t* ids, int64_t count, const Pieces& pieces,
                   const std::function<void(Tensor hidden, int64_t first)>& visit) {
  const int64_t length = std::max(pieces.length, sequence.length + count);
  if (sequence.length == 0) sequence.angles = rotary_->angles_of(length);
  if (turns(sequence, length)) throw std::logic_error("[forward] Expected an aligned sequence");
  rotary_->table(sequence.angles);  // makes it where it is the first of its kind: passes allocate nothing
  if (rotary_->vary()) {
    sequence.ids.resize(static_cast<size_t>(sequence.length));
    sequence.ids.insert(sequence.ids.end(), ids, ids + count);
  }
  auto* device_ids = static_cast<int32_t*>(step_->data);
  int32_t* position = device_ids + max_chunk_;
  const int64_t most = pieces.tokens > 0 ? std::min(pieces.tokens, max_chunk_) : max_chunk_;
  for (int64_t first = 0; first < count; first += most) {
    const int64_t tokens = std::min(most, count - first);
    const auto past = static_cast<int32_t>(sequence.length.load());
    const Chunk c = chunk_of(tokens, past + tokens);
    sequence.cache->commit(past + tokens);
    backend_->write(device_ids, ids + first, static_cast<size_t>(tokens) * sizeof(int32_t));
    backend_->write(position, &past, sizeof(past));
    layers(*sequence.cache, sequence.angles, {device_ids, position, tokens}, c,
           pieces.embeds ? pieces.embeds + first * config_.hidden_size : nullptr, pieces.layers);
    visit(c.hidden, first);
    backend_->synchronize();
    sequence.length += tokens;
  }
}

size_t Phi3::seen(const AttentionShape& shape, const PassInput& input, const Chunk& c) const {
  const auto reach = [&](int64_t tokens, int64_t positions) {
    return static_cast<size_t>(shape.window > 0 ? std::min(positions, shape.window + tokens - 1) : positions);
  };
  if (input.sequences == 1) return reach(input.tokens, c.positions);
  size_t all = 0;
  for (const SequenceCache* sequence : gathered_.sequences) all += reach(1, sequence->length + 1);
  return all;
}

void Phi3::layers(Cache& cache, Angles angles, const PassInput& input, const Chunk& c, const float* embeds,
                  int64_t count) {
  Backend& b = *backend_;
  const float eps = config_.rms_norm_eps;
  const Weight& embeddings = *weights_.embed_tokens;
  if (embeds)
    b.copy(c.hidden, {const_cast<float*>(embeds), input.tokens, config_.hidden_size});
  else
    b.at(Part::embed, -1, embeddings.bytes / static_cast<size_t>(embeddings.rows) * static_cast<size_t>(input.tokens))
        .embed(c.hidden, input, embeddings);  // (T, hidden)
  b.tap("model.embed_tokens", -1, c.hidden);
  const int64_t end = count > 0 ? count : config_.num_hidden_layers;
  for (int64_t i = 0; i < end; i++) {
    const LayerWeights& w = weights_.layers[static_cast<size_t>(i)];
    const AttentionShape shape = config_.attention(i);
    const Tensor table = config_.rotates(i) ? rotary_->table(angles) : rotary_->still();
    const AttentionWeights kept = weights_for_ ? weights_for_(i, input.tokens, c.positions) : AttentionWeights();
    Tensor qkv = c.qkv, context = c.context, activation = c.activation;  // each layer's in a layout of its own
    b.at(Part::qkv, i, w.input_layernorm->bytes + w.qkv_proj->bytes)
        .norm_qkv_rope_append(qkv, cache, c.normed, c.hidden, *w.input_layernorm, w.qkv(), input, table, i, shape, eps);
    b.at(Part::attention, i, seen(shape, input, c) * cache.layer_position_bytes);
    if (const EditList::Blocked blocked = edits_ ? edits_->blocked(i) : EditList::Blocked(); blocked.count > 0)
      b.attend_blocked(context, kept, qkv, cache, input, blocked.edges, blocked.count, i, shape);
    else
      b.attend(context, kept, qkv, cache, input, table, i, shape);  // (T, heads * head_dim)
    if (kept.data) b.tap("self_attn.attn_weights", i, {kept.data, shape.heads * input.tokens, kept.row_stride});
    b.tap("self_attn.context", i, context);
    b.at(Part::output, i, w.o_proj->bytes)
        .project_residual(c.hidden, c.projected, context, *w.o_proj, i);  // (T, hidden)
    b.at(Part::gate_up, i, w.post_attention_layernorm->bytes + w.gate_up_proj->bytes)
        .norm_gate_up_swiglu(activation, c.normed, c.gate_up, c.hidden, *w.post_attention_layernorm, *w.gate_up_proj, i,
                             eps);
    b.at(Part::down, i, w.down_proj->bytes)
        .down_residual(c.hidden, c.projected, activation, *w.down_proj, i);  // (T, hidden)
    b.tap("", i, c.hidden);
    b.checkpoint(input.tokens / input.sequences);
  }
}

void Phi3::final_norm(Tensor out, Tensor hidden) {
  backend_->at(Part::head, -1, weights_.norm->bytes).rms_norm(out, hidden, *weights_.norm, config_.rms_norm_eps);
  backend_->tap("model.norm", -1, out);
}

void Phi3::lm_head(Tensor logits, Tensor normed) {
  backend_->at(Part::head, -1, weights_.lm_head->bytes).matmul(logits, normed, *weights_.lm_head);
}

void Phi3::exclude(const std::vector<int32_t>& ids) {
  excluded_ = std::min<int64_t>(kExcluded, static_cast<int64_t>(ids.size()));
  int32_t* excluded = static_cast<int32_t*>(step_->data) + max_chunk_ + 2;
  if (excluded_ > 0) backend_->write(excluded, ids.data(), static_cast<size_t>(excluded_) * sizeof(int32_t));
}

void Phi3::choose(int32_t* ids, const Head& head, const PassInput& input, Tensor hidden, bool excluding) {
  const int32_t* excluded = static_cast<int32_t*>(step_->data) + max_chunk_ + 2;
  backend_->at(Part::head, -1, weights_.norm->bytes + weights_.lm_head->bytes)
      .norm_lm_head_argmax(ids, head.logits, head.normed, input, hidden, *weights_.norm, *weights_.lm_head, excluded,
                           excluding ? excluded_ : 0, config_.rms_norm_eps);
}

void Phi3::choose_token(Tensor hidden, bool excluding) {
  auto* ids = static_cast<int32_t*>(step_->data);
  int32_t* position = ids + max_chunk_;
  choose(position + 1, head_in(*head_, 1), {ids, position, hidden.rows}, hidden.slice(hidden.rows - 1, 1), excluding);
}

void Phi3::step(SequenceCache& sequence, bool excluding) {
  int32_t* position = static_cast<int32_t*>(step_->data) + max_chunk_;
  const PassInput input{position + 1, position, 1};
  const int64_t positions = sequence.length + 1;
  sequence.cache->commit(positions);
  const Chunk c = chunk_of(1, positions);
  // The angles are part of the record: another table is another pointer.
  const int64_t own = (excluding ? 2 * excluded_ : 0) + static_cast<int64_t>(sequence.angles);
  const int64_t key = own + (edits_ ? edits_->id() : 0) * (2 * kExcluded + 8);
  backend_->replay(key, *sequence.cache, [&] {
    layers(*sequence.cache, sequence.angles, input, c);
    choose(input.ids, head_in(*head_, 1), input, c.hidden, excluding);
  });
  sequence.length += 1;
  steps_.passes++;
  steps_.positions += positions;
}

double Phi3::time_step(int64_t positions) {
  using Clock = std::chrono::steady_clock;
  constexpr int64_t kWarm = 4, kTimed = 32;
  const int64_t count = std::min(positions, config_.max_position_embeddings - kWarm - kTimed);
  if (count < 1) return 0;
  SequenceCache sequence;
  sequence.cache = make_cache();
  const DrainGuard guard(*backend_);
  const std::vector<int32_t> ids(static_cast<size_t>(count));
  forward(sequence, ids.data(), count, {count + kWarm + kTimed, 0}, [&](Tensor hidden, int64_t first) {
    if (first + hidden.rows == count) choose_token(hidden, false);
  });
  Clock::time_point start;
  for (int64_t asked = 0, n = 0; n <= kWarm + kTimed; n++) {
    while (asked < kWarm + kTimed && asked < n + backend_->steps_ahead()) {
      step(sequence, false);
      asked++;
    }
    if (backend_->next_token() < 0) return 0;  // NaN
    if (n == kWarm) start = Clock::now();
  }
  return std::chrono::duration<double>(Clock::now() - start).count() / kTimed;
}

}  // namespace phi3lab
