#include "session.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "devices.h"

namespace phi3lab {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

std::string tap_name(const char* name, int layer) {
  if (layer < 0) return name;
  return "model.layers." + std::to_string(layer) + (*name ? "." : "") + name;
}

template <typename T>
void drop_expired(std::vector<std::weak_ptr<T>>& list) {
  list.erase(std::remove_if(list.begin(), list.end(), [](const auto& item) { return item.expired(); }), list.end());
}

// Collects the taps of a pass that comes in chunks, each into one tensor of all its rows.
class TapCollector {
 public:
  using Make = std::function<TensorRef(std::vector<int64_t>)>;
  TapCollector(Backend& backend, const std::unordered_set<std::string>& wanted, int64_t tokens, int64_t positions,
               int64_t heads, Make make)
      : backend_(backend), wanted_(wanted), tokens_(tokens), positions_(positions), heads_(heads), make_(std::move(make)) {}

  int64_t first = 0;  // of the chunk
  int64_t rows = 0;
  std::unordered_map<std::string, TensorRef> taps;

  void receive(const char* name, int layer, View view) {
    const std::string full = tap_name(name, layer);
    if (!wanted_.count(full)) return;
    TensorRef& tensor = taps[full];
    if (std::strcmp(name, "self_attn.attn_weights") != 0) {
      if (!tensor) tensor = make_({tokens_, view.cols});
      backend_.copy({tensor->buffer->data + first * view.cols, view.rows, view.cols}, view);
      return;
    }
    if (!tensor) {
      tensor = make_({heads_, tokens_, positions_});
      const std::vector<float> zeros(static_cast<size_t>(tensor->size()));
      backend_.write(tensor->buffer->data, zeros.data(), tensor->size());
    }
    for (int64_t head = 0; head < heads_; head++)
      for (int64_t t = 0; t < rows; t++)
        backend_.copy({tensor->buffer->data + (head * tokens_ + first + t) * positions_, 1, view.cols},
                      view.from(head * rows + t, 1));
  }

 private:
  Backend& backend_;
  const std::unordered_set<std::string>& wanted_;
  int64_t tokens_, positions_, heads_;
  Make make_;
};

}  // namespace

void Session::open(const OpenRequest& request, const AbortState& abort, const Progress& progress) {
  const Poll stop = poll(abort);
  config_ = request.config;
  device_ = request.device;
  model_ = std::make_unique<Phi3>(make_backend(request.device, request.threads), request.config, request.files,
                                  request.entries, [&](int64_t placed, int64_t total) {
                                    stop();
                                    if (progress) progress(placed, total);
                                  });
}

Phi3& Session::model() {
  if (!model_) throw Error("The model was disposed; load it again with from_pretrained");
  return *model_;
}

Poll Session::poll(const AbortState& abort) {
  return [this, &abort] {
    if (abort.aborted.load(std::memory_order_relaxed) || stopping_.load(std::memory_order_relaxed)) throw Aborted();
  };
}

TensorRef Session::tensor(std::vector<int64_t> dims) {
  auto made = std::make_shared<DeviceTensor>();
  made->dims = std::move(dims);
  made->buffer = model().backend().allocate(made->size());
  const std::lock_guard<std::mutex> lock(mutex_);
  if (tensors_.size() >= 2 * tensors_.capacity() / 3) drop_expired(tensors_);
  tensors_.push_back(made);
  return made;
}

CacheRef Session::make_cache() {
  auto box = std::make_shared<CacheBox>();
  box->cache = model().make_cache();
  const std::lock_guard<std::mutex> lock(mutex_);
  drop_expired(caches_);
  caches_.push_back(box);
  return box;
}

void Session::check_ids(const char* operation, const std::vector<int32_t>& ids, int64_t past) const {
  const std::string prefix = std::string("[") + operation + "] ";
  if (ids.empty()) throw Error(prefix + "Expected at least one token but received none");
  for (int32_t id : ids)
    if (id < 0 || id >= config_.vocab_size)
      throw Error(prefix + "Expected token ids from 0 to " + std::to_string(config_.vocab_size - 1) + " but received " +
                  std::to_string(id));
  const int64_t positions = past + static_cast<int64_t>(ids.size());
  if (positions > config_.max_position_embeddings)
    throw Error(prefix + "Expected at most " + std::to_string(config_.max_position_embeddings) +
                " positions, the model's context, but received " + std::to_string(positions));
}

ForwardResult Session::forward(const std::vector<int32_t>& ids, const CacheRef& given,
                               const std::unordered_set<std::string>& wanted, const AbortState& abort) {
  Phi3& phi3 = model();
  const CacheRef box = given ? given : make_cache();
  if (!box->cache) throw Error("[forward] The cache was disposed");
  Cache& cache = *box->cache;
  const int64_t past = cache.length, tokens = static_cast<int64_t>(ids.size());
  check_ids("forward", ids, past);
  ForwardResult result;
  result.last_hidden_state = tensor({tokens, config_.hidden_size});
  TapCollector taps(phi3.backend(), wanted, tokens, past + tokens, config_.num_attention_heads,
                    [this](std::vector<int64_t> dims) { return tensor(std::move(dims)); });
  taps.rows = std::min(phi3.max_chunk(), tokens);
  if (!wanted.empty()) {
    phi3.backend().listen([&](const char* name, int layer, View view) { taps.receive(name, layer, view); });
    for (const std::string& name : wanted)
      if (name.find("attn_weights") != std::string::npos) phi3.keep_attention_weights(true);
  }
  const auto leave = [&] {
    phi3.backend().listen({});
    phi3.keep_attention_weights(false);
  };
  try {
    phi3.forward(cache, ids.data(), tokens, 0, poll(abort), [&](View hidden, int64_t first) {
      View out{result.last_hidden_state->buffer->data, tokens, config_.hidden_size};
      phi3.backend().copy(out.from(first, hidden.rows), hidden);
      taps.first = first + hidden.rows;
      taps.rows = std::min(phi3.max_chunk(), tokens - taps.first);
    });
    phi3.backend().synchronize();
  } catch (...) {
    cache.length = past;
    leave();
    throw;
  }
  leave();
  for (const std::string& name : wanted)
    if (!taps.taps.count(name)) throw Error("[forward] Expected the name of an intermediate but received " + name);
  result.taps = std::move(taps.taps);
  return result;
}

TensorRef Session::lm_head(const TensorRef& hidden, int64_t start, int64_t rows, const AbortState& abort) {
  Phi3& phi3 = model();
  if (!hidden->buffer) throw Error("[lm_head] The hidden states were disposed");
  const int64_t width = config_.hidden_size, have = hidden->size() / std::max<int64_t>(1, width);
  if (hidden->dims.empty() || hidden->dims.back() != width)
    throw Error("[lm_head] Expected hidden states of " + std::to_string(width) + " numbers a position but received " +
                std::to_string(hidden->dims.empty() ? 0 : hidden->dims.back()));
  if (start < 0 || rows < 1 || start + rows > have)
    throw Error("[lm_head] Expected rows from 0 to " + std::to_string(have - 1) + " but received " +
                std::to_string(start) + " to " + std::to_string(start + rows - 1));
  const Poll stop = poll(abort);
  TensorRef logits = tensor({rows, config_.vocab_size});
  for (int64_t done = 0; done < rows; done += phi3.max_chunk()) {
    stop();
    const int64_t count = std::min(phi3.max_chunk(), rows - done);
    phi3.lm_head({logits->buffer->data + done * config_.vocab_size, count, config_.vocab_size},
                 {hidden->buffer->data + (start + done) * width, count, width});
  }
  phi3.backend().synchronize();
  return logits;
}

GreedyResult Session::generate_greedy(const GreedyRequest& request, const AbortState& abort) {
  Phi3& phi3 = model();
  check_ids("generate", request.ids, 0);
  std::vector<int32_t> ids = request.ids;
  const CacheRef box = make_cache();
  Cache& cache = *box->cache;
  const std::shared_ptr<Buffer> logits = phi3.backend().allocate(config_.vocab_size);
  const View scores{logits->data, 1, config_.vocab_size};
  const Poll stop = poll(abort);
  GreedyResult result;
  auto start = Clock::now();
  try {
    for (int64_t n = 0; n < request.max_new_tokens; n++) {
      stop();
      if (!request.use_cache) cache.length = 0;
      const auto past = static_cast<size_t>(cache.length.load());
      phi3.forward(cache, ids.data() + past, static_cast<int64_t>(ids.size() - past), request.chunk, stop,
                   [&](View hidden, int64_t first) {
                     if (past + static_cast<size_t>(first + hidden.rows) == ids.size())
                       phi3.lm_head(scores, hidden.from(hidden.rows - 1, 1));
                   });
      const bool ban = n < request.min_new_tokens;
      int32_t id = -1;
      phi3.backend().argmax(&id, scores, request.eos.data(), ban ? static_cast<int64_t>(request.eos.size()) : 0);
      phi3.backend().synchronize();
      if (id < 0) throw Error("[generate] The scores of the next token hold NaN: the weights are damaged");
      (n == 0 ? result.prompt_ms : result.token_ms.emplace_back()) = milliseconds_since(start);
      start = Clock::now();
      result.tokens.push_back(id);
      ids.push_back(id);
      if (request.on_token) request.on_token(id, n);
      if (std::find(request.eos.begin(), request.eos.end(), id) != request.eos.end()) break;
    }
  } catch (const Aborted&) {
    if (stopping_) throw;
    result.aborted = true;
  }
  return result;
}

TensorRef Session::upload(const float* data, std::vector<int64_t> dims) {
  TensorRef made = tensor(std::move(dims));
  model().backend().write(made->buffer->data, data, made->size());
  return made;
}

void Session::read(float* out, const DeviceTensor& tensor, int64_t start, int64_t count) {
  if (!tensor.buffer) throw Error("[read] The tensor was disposed, or the model that it belongs to");
  if (start < 0 || count < 0 || start + count > tensor.size())
    throw Error("[read] Expected elements from 0 to " + std::to_string(tensor.size()) + " but received " +
                std::to_string(start) + " to " + std::to_string(start + count));
  model().backend().read(out, tensor.buffer->data + start, count);
}

Memory Session::memory() {
  const std::lock_guard<std::mutex> lock(mutex_);
  Memory memory{0, 0, 0};
  if (!model_) return memory;
  memory.weights = model_->backend().weight_bytes();
  memory.workspace = model_->workspace_bytes();
  for (const auto& weak : caches_)
    if (const CacheRef box = weak.lock())
      if (box->cache) memory.cache += box->cache->bytes();
  return memory;
}

void Session::dispose() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& weak : tensors_)
    if (const TensorRef tensor = weak.lock()) tensor->buffer.reset();
  for (const auto& weak : caches_)
    if (const CacheRef box = weak.lock()) box->cache.reset();
  model_.reset();
}

void Session::shutdown() {
  stopping_ = true;
  worker_.stop();
}

}  // namespace phi3lab
