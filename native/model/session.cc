#include "session.h"

#include <algorithm>

#include "native/devices.h"
#include "taps.h"

namespace phi3lab {
namespace {

template <typename T>
void drop_expired(std::vector<std::weak_ptr<T>>& list) {
  list.erase(std::remove_if(list.begin(), list.end(), [](const auto& item) { return item.expired(); }), list.end());
}

}  // namespace

Session::AbortScope::AbortScope(Session& session, const AbortRef& abort) : session_(session) {
  const std::lock_guard<std::mutex> lock(session_.mutex_);
  if (session_.stopping_) abort->aborted = true;
  session_.current_ = abort;
  if (session_.model_) session_.model_->backend().set_abort_flag(&abort->aborted);
  if (abort->aborted) throw Aborted();
}

Session::AbortScope::~AbortScope() {
  const std::lock_guard<std::mutex> lock(session_.mutex_);
  if (session_.model_) session_.model_->backend().set_abort_flag(nullptr);
  session_.current_.reset();
}

void Session::open(const OpenRequest& request, const AbortRef& abort, const Progress& progress) {
  const AbortScope scope(*this, abort);
  config_ = request.config;
  device_ = request.device;
  model_ = std::make_unique<Phi3>(
      make_backend({request.device, request.dtype, request.threads, request.compute, request.kv_dtype}), request.config,
      request.files, request.entries, [&](int64_t uploaded, int64_t total) {
        if (abort->aborted) throw Aborted();
        if (progress) progress(uploaded, total);
      });
  dtype_ = model_->backend().dtype();
}

Phi3& Session::model() {
  if (!model_) throw std::runtime_error(kDisposed);
  return *model_;
}

TensorRef Session::tensor(std::vector<int64_t> dims) {
  auto made = std::make_shared<DeviceTensor>();
  made->dims = std::move(dims);
  made->buffer = model().backend().allocate(static_cast<size_t>(made->size()) * sizeof(float));
  const std::lock_guard<std::mutex> lock(mutex_);
  if (tensors_.size() >= prune_at_) {
    drop_expired(tensors_);
    prune_at_ = 2 * tensors_.size() + 64;
  }
  tensors_.push_back(made);
  return made;
}

CacheRef Session::make_cache() {
  auto made = std::make_shared<SequenceCache>();
  const std::lock_guard<std::mutex> lock(mutex_);
  drop_expired(caches_);
  caches_.push_back(made);
  return made;
}

SequenceCache& Session::reserved(const CacheRef& cache) {
  if (cache->disposed) throw std::runtime_error("The cache was disposed, or the model that it belongs to");
  if (cache->cache) return *cache;
  std::unique_ptr<Cache> made = model().make_cache();
  const std::lock_guard<std::mutex> lock(mutex_);
  cache->cache = std::move(made);
  return *cache;
}

Session::CacheSize Session::size_of(const SequenceCache& cache) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (cache.disposed) throw std::runtime_error("The cache was disposed, or the model that it belongs to");
  return {config_.max_position_embeddings, cache.cache ? cache.cache->bytes() : 0};
}

void Session::drop(SequenceCache& cache) {
  const std::lock_guard<std::mutex> lock(mutex_);
  cache.disposed = true;
  cache.cache.reset();
}

void Session::check_files() {
  if (device_ == "cpu") model().check_files();
}

void Session::check_ids(const char* operation, const std::vector<int32_t>& ids) const {
  const std::string prefix = std::string("[") + operation + "] ";
  if (ids.empty()) throw std::runtime_error(prefix + "Expected at least one token but received none");
  for (int32_t id : ids)
    if (id < 0 || id >= config_.vocab_size)
      throw std::runtime_error(prefix + "Expected token ids from 0 to " + std::to_string(config_.vocab_size - 1) +
                               " but received " + std::to_string(id));
}

int64_t Session::held_of(const SequenceCache& sequence, const std::vector<int32_t>& prompt) {
  const int64_t held = sequence.length;
  if (held >= static_cast<int64_t>(prompt.size()))
    throw std::runtime_error("[generate] Expected a cache of fewer positions than the prompt's " +
                             std::to_string(prompt.size()) + " but received " + std::to_string(held));
  return held;
}

void Session::check_context(const char* operation, int64_t positions) const {
  if (positions > config_.max_position_embeddings)
    throw std::runtime_error(std::string("[") + operation + "] Expected at most " +
                             std::to_string(config_.max_position_embeddings) +
                             " tokens, the model's context, but received " + std::to_string(positions));
}

void Session::check_count(const char* name, int64_t count) {
  if (count < 0 || count > INT32_MAX)
    throw std::runtime_error(std::string("[generate] Expected a ") + name + " from 0 to 2147483647 but received " +
                             std::to_string(count));
}

int64_t Session::rows_of(const char* operation, const DeviceTensor& hidden) const {
  const std::string prefix = std::string("[") + operation + "] ";
  if (!hidden.buffer) throw std::runtime_error(prefix + "The hidden states were disposed");
  if (hidden.dims.empty() || hidden.dims.back() != config_.hidden_size)
    throw std::runtime_error(prefix + "Expected hidden states of " + std::to_string(config_.hidden_size) +
                             " numbers a position but received " +
                             std::to_string(hidden.dims.empty() ? 0 : hidden.dims.back()));
  return hidden.size() / config_.hidden_size;
}

std::shared_ptr<const EditList> Session::edits_of(const EditRequests& requests) {
  if (requests.empty()) return nullptr;
  if (last_edits_ && last_edits_->same(requests)) return last_edits_;
  auto made = std::make_shared<const EditList>(model().backend(), config_, requests);
  if (!made->hooked()) last_edits_ = made;
  return made;
}

ForwardResult Session::forward(const ForwardRequest& request, const AbortRef& abort) {
  Phi3& phi3 = model();
  const TensorRef& embeds = request.embeds;
  const std::vector<int32_t> unknown(embeds ? static_cast<size_t>(rows_of("forward", *embeds)) : 0, -1);
  const CacheRef cache = request.cache ? request.cache : make_cache();
  SequenceCache& sequence = reserved(cache);
  const std::vector<int32_t>& run = embeds ? unknown : request.ids;
  const int64_t past = sequence.length, tokens = static_cast<int64_t>(run.size());
  const bool whole = request.layers == 0;
  if (!embeds) check_ids("forward", request.ids);
  if (tokens == 0) throw std::runtime_error("[forward] Expected at least one position but received none");
  if (request.layers < 0 || request.layers > config_.num_hidden_layers || (!whole && request.cache))
    throw std::runtime_error("[forward] Expected from 1 to " + std::to_string(config_.num_hidden_layers) +
                             " layers and no cache, whose layers would differ in length");
  check_context("forward", past + tokens);
  check_files();
  const AbortScope scope(*this, abort);
  Listening listening(phi3, edits_of(request.edits));
  phi3.align(sequence, std::max(request.length, past + tokens));
  ForwardResult result;
  if (whole) result.last_hidden_state = tensor({tokens, config_.hidden_size});
  TapCollector taps(phi3.backend(), request.taps, tokens, past + tokens, config_.num_attention_heads,
                    [this](std::vector<int64_t> dims) { return tensor(std::move(dims)); });
  if (!request.taps.empty()) listening.record(taps);
  try {
    const Pieces pieces{request.length, 0, embeds ? embeds->data() : nullptr, request.layers};
    phi3.forward(sequence, run.data(), tokens, pieces, [&](Tensor hidden, int64_t first) {
      if (whole) {
        const Tensor out{result.last_hidden_state->data(), tokens, config_.hidden_size};
        phi3.final_norm(out.slice(first, hidden.rows), hidden);
      }
      taps.advance(first + hidden.rows);
    });
    check_files();
  } catch (...) {
    sequence.length = past;
    throw;
  }
  result.taps = taps.take();
  return result;
}

TensorRef Session::lm_head(const TensorRef& hidden, int64_t start, int64_t rows, const AbortRef& abort) {
  Phi3& phi3 = model();
  const int64_t have = rows_of("lm_head", *hidden), width = config_.hidden_size, vocab = config_.vocab_size;
  if (start < 0 || rows < 1 || start > have || rows > have - start)
    throw std::runtime_error("[lm_head] Expected rows from 0 to " + std::to_string(have - 1) + " but received " +
                             std::to_string(rows) + " from " + std::to_string(start) + " on");
  check_files();
  const AbortScope scope(*this, abort);
  TensorRef logits = tensor({rows, vocab});
  for (int64_t done = 0; done < rows; done += phi3.max_chunk()) {
    const int64_t count = std::min(phi3.max_chunk(), rows - done);
    phi3.lm_head({logits->data() + done * vocab, count, vocab},
                 {hidden->data() + (start + done) * width, count, width});
    phi3.backend().checkpoint(count);
  }
  phi3.backend().synchronize();
  check_files();
  return logits;
}

void Session::start_profile() {
  model().count_steps();
  auto profile = std::make_unique<Profile>(config_.num_hidden_layers);
  model().backend().profile(profile.get());
  profile_ = std::move(profile);
}

Profile Session::stop_profile() {
  Phi3& phi3 = model();
  phi3.backend().profile(nullptr);
  if (!profile_) throw std::runtime_error("[profile] No profile was started");
  Profile profile = std::move(*profile_);
  profile_.reset();
  if (profile.replays.passes == 0) return profile;
  const Phi3::Steps steps = phi3.steps();
  try {
    profile.replays.replayed =
        static_cast<double>(profile.replays.passes) * phi3.time_step(steps.positions / steps.passes);
  } catch (const OutOfMemory&) {
    // Then nobody says what replaying saves.
  }
  return profile;
}

double Session::stream() {
  if (stream_ == 0) stream_ = model().backend().measure_stream();
  return stream_;
}

TensorRef Session::upload(const float* data, std::vector<int64_t> dims) {
  TensorRef made = tensor(std::move(dims));
  if (made->size() > 0)
    model().backend().write(made->buffer->data, data, static_cast<size_t>(made->size()) * sizeof(float));
  return made;
}

void Session::read(float* out, const DeviceTensor& tensor, int64_t start, int64_t count) {
  if (!tensor.buffer) throw std::runtime_error("[read] The tensor was disposed, or the model that it belongs to");
  if (start < 0 || count < 0 || start > tensor.size() || count > tensor.size() - start)
    throw std::runtime_error("[read] Expected elements from 0 to " + std::to_string(tensor.size()) + " but received " +
                             std::to_string(count) + " from " + std::to_string(start) + " on");
  if (count > 0) model().backend().read(out, tensor.data() + start, static_cast<size_t>(count) * sizeof(float));
}

Memory Session::memory() {
  const std::lock_guard<std::mutex> lock(mutex_);
  Memory memory{0, 0, 0};
  if (!model_) return memory;
  memory.weights = model_->weight_bytes();
  memory.workspace = model_->workspace_bytes();
  for (const auto& weak : caches_)
    if (const CacheRef cache = weak.lock())
      if (cache->cache) memory.cache += cache->cache->bytes();
  return memory;
}

void Session::dispose() {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& weak : tensors_)
    if (const TensorRef tensor = weak.lock()) tensor->buffer.reset();
  for (const auto& weak : caches_)
    if (const CacheRef cache = weak.lock()) {
      cache->disposed = true;
      cache->cache.reset();
    }
  last_edits_.reset();
  model_.reset();
}

void Session::shutdown() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    if (current_) current_->aborted = true;
  }
  worker_.stop();
}

}  // namespace phi3lab
