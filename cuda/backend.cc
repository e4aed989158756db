// Placing weights, memory, and the course of a pass: recording, waiting, stopping.
#include "backend.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "cuda/memory/convert.h"
#include "cuda/memory/mailbox.h"

namespace phi3lab::cuda {
namespace {

constexpr size_t kGraphs = 8;  // recorded passes that are kept
// Of a matrix's largest number, as bfloat16's bits: 2^-9, with which the least that float16 tells apart is as little as
// float32's own rounding of a sum, and the largest below float16's end.
constexpr uint32_t kLeastOfLargest = 0x3b00, kMostOfLargest = 0x477f;
// Of dense numbers that a compact weight is unpacked into at once: what the multiplying kernel reads next, so that of
// Phi-3-mini's shape in 16 bits all but gate and up, which are two parts, is one.
constexpr size_t kUnpackedBytes = size_t{64} << 20;
constexpr int64_t kPartRows = 256;
constexpr int64_t kMicroseconds = 10000;  // of a prompt's work that may be under way when it is asked to stop

size_t memory_limit() {
  const char* text = std::getenv("PHI3LAB_CUDA_MEMORY_LIMIT");
  return text ? static_cast<size_t>(std::strtoull(text, nullptr, 10)) : 0;
}

}  // namespace

CudaBackend::CudaBackend(const DeviceProperties& device, const KernelSet& kernels, Dtype dtype)
    : device_(device),
      kernels_(kernels),
      dtype_(dtype),
      format_(dtype),
      streams_(std::make_shared<Streams>()),
      memory_(std::make_shared<Memory>(streams_, device.index, memory_limit())),
      ranges_(std::make_shared<CacheRanges>(streams_, memory_, device.index)) {
  for (cudaEvent_t& mark : marks_) PHI3LAB_CUDA_CHECK(cudaEventCreateWithFlags(&mark, cudaEventDisableTiming));
  PHI3LAB_CUDA_CHECK(cudaEventCreateWithFlags(&written_, cudaEventDisableTiming));
  candidates_ = DeviceMemory(memory_, kMostCandidates * sizeof(Candidate));
  sent_ = DeviceMemory(memory_, sizeof(uint32_t));
  mailbox_ = std::make_unique<Mailbox>(sent_.as<uint32_t>());
  if (kernels_.clusters && (kernels_.wgmma || format_ == Dtype::float32)) return;
  const int64_t floats =
      device_.multiprocessors * (format_ != Dtype::float32 ? kPartialFloats : kPartialFloats / 64);
  parts_ = DeviceMemory(memory_, static_cast<size_t>(floats) * sizeof(float));
  arrived_ = DeviceMemory(memory_, kPartialCounters * sizeof(unsigned));
  PHI3LAB_CUDA_CHECK(cudaMemsetAsync(arrived_.data(), 0, arrived_.bytes(), stream()));
  partials_ = {parts_.as<float>(), arrived_.as<unsigned>(), floats, kPartialCounters};
}

CudaBackend::~CudaBackend() {
  loader_.reset();
  cudaStreamSynchronize(streams_->work);
  if (cublaslt_) memory_->uncount(cublaslt_->workspace_bytes());
  for (const Graph& graph : graphs_) cudaGraphExecDestroy(graph.exec);
  for (cudaEvent_t mark : marks_)
    if (mark) cudaEventDestroy(mark);
  if (written_) cudaEventDestroy(written_);
}

const char* CudaBackend::dtype() const {
  return dtype_ == Dtype::float32 ? "float32" : dtype_ == Dtype::bfloat16 ? "bfloat16" : "float16";
}

namespace {

/** Whether all of a weight is in formats that stay compact; of what is looked up by rows or compared by them, in one. */
bool can_stay_compact(const WeightSource& source, WeightKind kind) {
  if (kind == WeightKind::norm || kind == WeightKind::bias || source.groups.empty()) return false;
  const WeightType type = source.groups.front().type;
  return std::all_of(source.groups.begin(), source.groups.end(), [&](const RowGroup& group) {
    return stays_compact(group.type) && (kind == WeightKind::projection || group.type == type);
  });
}

}  // namespace

std::unique_ptr<CudaWeight> CudaBackend::upload_compact(const WeightSource& source) {
  auto weight = std::make_unique<CudaWeight>();
  weight->cols = source.cols;
  std::vector<size_t> offsets;
  std::vector<std::pair<size_t, int64_t>> places;  // of each group: its matrix, and its first row there
  for (const RowGroup& group : source.groups) {
    if (weight->compact.empty() || weight->compact.back().type != group.type)
      weight->compact.push_back({group.type, 0, source.cols});
    CompactMatrix& matrix = weight->compact.back();
    places.emplace_back(weight->compact.size() - 1, matrix.rows);
    matrix.rows += group.rows;
    weight->rows += group.rows;
  }
  for (const CompactMatrix& matrix : weight->compact) {
    offsets.push_back(weight->bytes);
    weight->bytes += compact_bytes(matrix.type, matrix.rows, matrix.cols);
  }
  weight->memory = DeviceMemory(memory_, weight->bytes);
  for (size_t i = 0; i < offsets.size(); i++) {
    CompactMatrix& matrix = weight->compact[i];
    matrix = compact_at(weight->memory.as<char>() + offsets[i], matrix.type, matrix.rows, matrix.cols);
  }
  for (size_t i = 0; i < places.size(); i++)
    loader_->send(source.groups[i], weight->compact[places[i].first], places[i].second);
  return weight;
}

std::unique_ptr<Weight> CudaBackend::upload_weight(const WeightSource& source, WeightKind kind) {
  if (!loader_) loader_ = std::make_unique<Loader>(memory_, device_.index);
  if (!prepared_ && format_ != Dtype::float32 && !cublaslt_coming_.valid())
    cublaslt_coming_ = std::async(std::launch::async, [index = device_.index] {
      PHI3LAB_CUDA_CHECK(cudaSetDevice(index));
      return CublasLt::load();
    });
  if (can_stay_compact(source, kind)) {
    auto compact = upload_compact(source);
    if (prepared_)
      loader_->finish(), make_room(*compact);
    else
      compact_weights_.push_back(compact.get());
    return compact;
  }
  auto weight = std::make_unique<CudaWeight>();
  weight->dtype = kind == WeightKind::norm || kind == WeightKind::bias ? Dtype::float32 : format_;
  weight->cols = source.cols;
  for (const RowGroup& group : source.groups) weight->rows += group.rows;
  weight->bytes = static_cast<size_t>(weight->rows * weight->cols * size_of(weight->dtype));
  weight->memory = DeviceMemory(memory_, weight->bytes);
  auto* target = static_cast<char*>(weight->memory.data());
  for (const RowGroup& group : source.groups) {
    loader_->send(group, weight->cols, target, weight->dtype);
    target += group.rows * weight->cols * size_of(weight->dtype);
  }
  if (prepared_)
    loader_->finish();  // passes may come at once
  else if (weight->dtype == Dtype::bfloat16)
    bfloat16_weights_.push_back(weight.get());
  return weight;
}

std::unique_ptr<Cache> CudaBackend::reserve_cache(const AttentionShape& shape, int64_t layers, int64_t capacity) {
  return ranges_->reserve(shape, layers, capacity, format_);
}

void CudaBackend::prepare(int64_t tokens, int64_t max_cols) {
  if (loader_) loader_->finish();
  loader_.reset();
  for (const CudaWeight* weight : compact_weights_) make_room(*weight);
  keep_as_float16();
  compact_weights_.clear();
  prepared_ = true;
  if (!has_tensor_cores()) return;
  halves_ = DeviceMemory(memory_, static_cast<size_t>(tokens * max_cols * 2));
  cublaslt_ = cublaslt_coming_.valid() ? cublaslt_coming_.get() : CublasLt::load();
  if (cublaslt_) memory_->count(cublaslt_->workspace_bytes());
}

void CudaBackend::keep_as_float16() {
  const std::vector<CudaWeight*> weights = std::move(bfloat16_weights_);
  bfloat16_weights_.clear();
  std::vector<CudaWeight*> all = weights;
  if (format_ == Dtype::bfloat16) all.insert(all.end(), compact_weights_.begin(), compact_weights_.end());
  if (all.empty()) return;
  const DeviceMemory largest(memory_, all.size() * sizeof(uint32_t));
  PHI3LAB_CUDA_CHECK(cudaMemsetAsync(largest.data(), 0, largest.bytes(), stream()));
  for (size_t i = 0; i < all.size(); i++)
    each_dense(*all[i], Dtype::bfloat16, [&](const void* numbers, int64_t, int64_t rows) {
      find_largest_bfloat16(largest.as<uint32_t>() + i, numbers, rows * all[i]->cols, stream());
    });
  std::vector<uint32_t> found(all.size());
  PHI3LAB_CUDA_CHECK(cudaMemcpyAsync(found.data(), largest.data(), largest.bytes(), cudaMemcpyDeviceToHost, stream()));
  PHI3LAB_CUDA_CHECK(cudaStreamSynchronize(stream()));
  for (uint32_t bits : found)
    if (bits != 0 && (bits < kLeastOfLargest || bits > kMostOfLargest)) return;
  for (CudaWeight* weight : weights) {
    bfloat16_to_float16(weight->memory.data(), weight->rows * weight->cols, stream());
    weight->dtype = Dtype::float16;
  }
  format_ = Dtype::float16;
}

void CudaBackend::make_room(const CudaWeight& weight) {
  size_t needed = 0;
  for (const CompactMatrix& matrix : weight.compact) {
    const auto row = static_cast<size_t>(matrix.cols) * sizeof(float);
    needed = std::max({needed, row, std::min(static_cast<size_t>(matrix.rows) * row, kUnpackedBytes)});
  }
  if (needed <= unpacked_.bytes()) return;
  PHI3LAB_CUDA_CHECK(cudaStreamSynchronize(stream()));
  unpacked_ = DeviceMemory();
  unpacked_ = DeviceMemory(memory_, needed);
}

void CudaBackend::each_dense(const CudaWeight& weight, Dtype dtype,
                             const std::function<void(const void* numbers, int64_t first, int64_t rows)>& visit) {
  if (weight.compact.empty()) return visit(weight.memory.data(), 0, weight.rows);
  int64_t before = 0;
  for (const CompactMatrix& matrix : weight.compact) {
    const int64_t most = static_cast<int64_t>(unpacked_.bytes()) / (matrix.cols * size_of(dtype));
    const int64_t parts = (matrix.rows + most - 1) / most;
    // Alike, and of whole tiles where there are so many rows.
    int64_t rows = (matrix.rows + parts - 1) / parts;
    if (rows > kPartRows && rows < matrix.rows) rows = std::min((rows + kPartRows - 1) / kPartRows * kPartRows, most);
    for (int64_t first = 0; first < matrix.rows; first += rows) {
      const int64_t count = std::min(rows, matrix.rows - first);
      unpack_rows(unpacked_.data(), matrix, first, count, dtype, stream());
      visit(unpacked_.data(), before + first, count);
    }
    before += matrix.rows;
  }
}

size_t CudaBackend::workspace_bytes() const {
  return halves_.bytes() + unpacked_.bytes() + candidates_.bytes() + parts_.bytes() + arrived_.bytes() +
         (cublaslt_ ? cublaslt_->workspace_bytes() : 0);
}

void CudaBackend::read(void* host, const void* device, size_t bytes) {
  PHI3LAB_CUDA_CHECK(cudaStreamWaitEvent(streams_->copy, written_, 0));
  PHI3LAB_CUDA_CHECK(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, streams_->copy));
  PHI3LAB_CUDA_CHECK(cudaStreamSynchronize(streams_->copy));
}

void CudaBackend::write(void* device, const void* host, size_t bytes) {
  const std::lock_guard<std::recursive_mutex> lock(streams_->enqueue);
  // From memory that is not pinned the copy returns when the host's memory may be used again.
  PHI3LAB_CUDA_CHECK(cudaMemcpyAsync(device, host, bytes, cudaMemcpyHostToDevice, stream()));
  PHI3LAB_CUDA_CHECK(cudaEventRecord(written_, stream()));
}

void CudaBackend::replay(int64_t key, const Cache& cache, const std::function<void()>& pass) {
  if (timer_.running()) return timer_.run(pass);
  if (tapped()) return pass();
  const int64_t range = static_cast<const CudaCache&>(cache).id();
  auto found = std::find_if(graphs_.begin(), graphs_.end(),
                            [&](const Graph& graph) { return graph.key == key && graph.cache == range; });
  if (found == graphs_.end()) {
    if (graphs_.size() == kGraphs) {
      PHI3LAB_CUDA_CHECK(cudaStreamSynchronize(stream()));
      cudaGraphExecDestroy(graphs_.front().exec);
      graphs_.erase(graphs_.begin());
    }
    graphs_.push_back({key, range, record(pass)});
    found = std::prev(graphs_.end());
  }
  PHI3LAB_CUDA_CHECK(cudaGraphLaunch(found->exec, stream()));
}

cudaGraphExec_t CudaBackend::record(const std::function<void()>& pass) {
  const std::lock_guard<std::recursive_mutex> lock(streams_->enqueue);
  PHI3LAB_CUDA_CHECK(cudaStreamBeginCapture(stream(), cudaStreamCaptureModeThreadLocal));
  cudaGraph_t graph = nullptr;
  try {
    pass();
  } catch (...) {
    cudaStreamEndCapture(stream(), &graph);
    if (graph) cudaGraphDestroy(graph);
    (void)cudaGetLastError();
    throw;
  }
  PHI3LAB_CUDA_CHECK(cudaStreamEndCapture(stream(), &graph));
  cudaGraphExec_t exec = nullptr;
  const cudaError_t error = cudaGraphInstantiate(&exec, graph, 0);
  cudaGraphDestroy(graph);
  check(error, "cudaGraphInstantiate");
  PHI3LAB_CUDA_CHECK(cudaGraphUpload(exec, stream()));
  return exec;
}

void CudaBackend::synchronize() {
  timer_.end();
  const cudaError_t error = cudaStreamSynchronize(stream());
  passed_ = marked_;
  check(error, "the work before");
}

int32_t CudaBackend::next_token() {
  int32_t id = 0;
  for (int64_t turn = 1; !mailbox_->take(&id); turn++) {
    if (turn % 64 != 0) continue;
    if (aborted()) throw Aborted();
    if (turn % 4096 != 0) continue;
    const cudaError_t error = cudaStreamQuery(stream());
    if (error == cudaErrorNotReady) continue;
    check(error, "the work before");
    if (mailbox_->take(&id)) return id;
    throw std::runtime_error("[receive] Expected an id, but nothing that sends one is under way");
  }
  return id;
}

void CudaBackend::discard() noexcept {
  cudaStreamSynchronize(stream());
  passed_ = marked_;
  mailbox_->forget();
}

void CudaBackend::checkpoint(int64_t tokens) {
  if (aborted()) throw Aborted();
  if (tokens == 1) return;  // a whole pass of one token is short, and may be being recorded
  PHI3LAB_CUDA_CHECK(cudaEventRecord(marks_[marked_++ % kMarks], stream()));
  // About 10 ms may be under way: how many layers that is, is learnt from how long one takes, which is known where its
  // end and the end before were both waited for.
  if (tokens != paced_tokens_) most_under_way_ = kFirstUnderWay, saw_end_ = false;
  paced_tokens_ = tokens;
  while (marked_ - passed_ > most_under_way_) {
    bool waited = false;
    cudaError_t state = cudaErrorNotReady;
    while ((state = cudaEventQuery(marks_[passed_ % kMarks])) == cudaErrorNotReady) {
      if (aborted()) throw Aborted();
      waited = true;
    }
    check(state, "the work before");
    passed_++;
    const auto now = std::chrono::steady_clock::now();
    if (waited && saw_end_) {
      const auto layer = std::chrono::duration_cast<std::chrono::microseconds>(now - last_end_);
      most_under_way_ = std::clamp<int64_t>(kMicroseconds / std::max<int64_t>(1, layer.count()), 2, kMarks - 1);
    }
    saw_end_ = waited;
    last_end_ = now;
  }
}

}  // namespace phi3lab::cuda
