#include "phi3.h"

#include <algorithm>
#include <cmath>

namespace phi3lab {
namespace {

// cos and sin of every position's rotary angles, as transformers computes them: frequencies and phases in float32.
std::vector<float> rotary_angles(const Config& config) {
  const int64_t half = config.head_dim / 2;
  std::vector<float> angles(static_cast<size_t>(config.max_position_embeddings * half * 2));
  for (int64_t i = 0; i < half; i++) {
    const float exponent = static_cast<float>(2 * i) / static_cast<float>(config.head_dim);
    const float frequency = 1.0f / std::pow(static_cast<float>(config.rope_theta), exponent);
    for (int64_t position = 0; position < config.max_position_embeddings; position++) {
      const float phase = static_cast<float>(position) * frequency;
      float* pair = angles.data() + (position * half + i) * 2;
      pair[0] = std::cos(phase);
      pair[1] = std::sin(phase);
    }
  }
  return angles;
}

constexpr int64_t kChunk = 512;

}  // namespace

Phi3::Phi3(std::unique_ptr<Backend> backend, const Config& config, const std::vector<std::string>& paths,
           const std::vector<Entry>& entries, const Progress& progress)
    : backend_(std::move(backend)), config_(config), max_chunk_(std::min(kChunk, config.max_position_embeddings)) {
  config_.validate();
  weights_ = load_weights(*backend_, config_, paths, entries, progress);
  const std::vector<float> angles = rotary_angles(config_);
  angles_ = backend_->allocate(static_cast<int64_t>(angles.size()));
  backend_->write(angles_->data, angles.data(), static_cast<int64_t>(angles.size()));
  step_ = backend_->allocate(max_chunk_ + 1);
}

std::unique_ptr<Cache> Phi3::make_cache() {
  return backend_->make_cache(
      {config_.num_hidden_layers, config_.num_key_value_heads, config_.head_dim, config_.max_position_embeddings});
}

Workspace Phi3::workspace(int64_t tokens, int64_t positions) {
  const AttentionShape shape = config_.attention();
  const int64_t cols[] = {config_.hidden_size, config_.hidden_size,           shape.qkv_size(),
                          shape.q_size(),      2 * config_.intermediate_size, config_.intermediate_size};
  int64_t row = 0;
  for (int64_t n : cols) row += n;
  if (tokens > scratch_tokens_) {
    scratch_.reset();
    scratch_ = backend_->allocate(row * tokens);
    backend_->reserve(tokens);
    scratch_tokens_ = tokens;
  }
  float* next = scratch_->data;
  const auto take = [&](int64_t n) {
    View view{next, tokens, n};
    next += view.size();
    return view;
  };
  Workspace ws;
  ws.hidden = take(cols[0]);
  ws.normed = take(cols[1]);
  ws.qkv = take(cols[2]);
  ws.context = take(cols[3]);
  ws.gate_up = take(cols[4]);
  ws.act = take(cols[5]);
  if (keep_attention_weights_) {
    const int64_t floats = shape.heads * tokens * positions;
    if (!attention_ || attention_->bytes < floats * 4) attention_ = backend_->allocate(floats);
    ws.weights = {attention_->data, shape.heads * tokens, positions};
  }
  return ws;
}

int64_t Phi3::workspace_bytes() const {
  int64_t bytes = 0;
  for (const auto& buffer : {angles_, step_, scratch_, attention_})
    if (buffer) bytes += buffer->bytes;
  return bytes;
}

void Phi3::forward(Cache& cache, const int32_t* ids, int64_t count, int64_t chunk, const Poll& poll,
                   const std::function<void(View hidden, int64_t first)>& visit) {
  const int64_t most = chunk > 0 ? std::min(chunk, max_chunk_) : max_chunk_;
  for (int64_t first = 0; first < count; first += most) {
    const int64_t tokens = std::min(most, count - first);
    const Workspace ws = workspace(tokens, cache.length + tokens);
    cache.commit(cache.length + tokens);
    auto* device_ids = reinterpret_cast<int32_t*>(step_->data);
    const auto past = static_cast<int32_t>(cache.length);
    backend_->set_ids(device_ids, ids + first, tokens);
    backend_->set_ids(device_ids + max_chunk_, &past, 1);
    const Pass pass{device_ids, device_ids + max_chunk_, tokens, cache.length + tokens};
    layers(cache, pass, ws, poll);
    cache.length += tokens;
    visit(ws.normed, first);
  }
}

void Phi3::layers(Cache& cache, const Pass& pass, const Workspace& ws, const Poll& poll) {
  Backend& b = *backend_;
  const AttentionShape shape = config_.attention();
  const float eps = config_.rms_norm_eps;
  b.embed(ws.hidden, *weights_.embed_tokens, pass);  // (T, hidden)
  b.tap("model.embed_tokens", -1, ws.hidden);
  for (int i = 0; i < static_cast<int>(weights_.layers.size()); i++) {
    const LayerWeights& layer = weights_.layers[static_cast<size_t>(i)];
    poll();
    b.attention_input(ws, cache, *layer.input_layernorm, *layer.qkv_proj, pass, angles_->data, shape, eps, i);
    b.attend(ws, cache, pass, shape, i);                                                      // (T, q_size)
    b.attention_output(ws, *layer.o_proj, i);                                                 // hidden += (T, hidden)
    b.mlp_input(ws, *layer.post_attention_layernorm, *layer.gate_up_proj, eps, i);            // (T, ffn)
    b.mlp_output(ws, *layer.down_proj, i);                                                    // hidden += (T, hidden)
    b.tap("", i, ws.hidden);
  }
  b.rms_norm(ws.normed, ws.hidden, *weights_.norm, eps);  // (T, hidden)
  b.tap("model.norm", -1, ws.normed);
}

void Phi3::lm_head(View logits, View hidden) { backend_->matmul(logits, hidden, *weights_.lm_head); }

}  // namespace phi3lab
