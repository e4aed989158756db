// Placing weights, memory, and the course of a pass: recording, waiting, stopping.
#include "backend.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "cuda/memory/mailbox.h"

namespace phi3lab::cuda {
namespace {

constexpr size_t kGraphs = 32;  // recorded passes that are kept: one for each number of sequences, among others
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
  const int64_t floats = device_.multiprocessors * (format_ != Dtype::float32 ? kPartialFloats : kPartialFloats / 64);
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

std::unique_ptr<Cache> CudaBackend::reserve_cache(const AttentionShape& shape, int64_t layers, int64_t capacity) {
  return ranges_->reserve(shape, layers, capacity, format_);
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
  const auto* batch = dynamic_cast<const CudaCacheBatch*>(&cache);
  if (timer_.running() && !batch) return timer_.run(pass);
  if (timer_.running() || tapped()) return pass();
  const int64_t range = batch ? batch->id() : static_cast<const CudaCache&>(cache).id();
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
