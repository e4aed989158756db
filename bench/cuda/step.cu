// Where a decoded token's time goes: each kernel of Phi-3-mini-4k's step by itself, once a layer over weights of its
// own, and the whole step, as graphs of launches that may overlap. Random weights; prints a table, with the run's read
// stream. PHI3LAB_CUDA_ARCH chooses the kernels.
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

#include "cuda/attention/decode.h"
#include "cuda/device/kernel_set.h"
#include "cuda/gemv/gemv.h"
#include "cuda/memory/cache_view.h"
#include "limits.cuh"

using namespace phi3lab;
using namespace phi3lab::cuda;

namespace {

constexpr int kLayers = 32, kHidden = 3072, kFfn = 8192, kVocab = 32064, kPositions = 4096;
const AttentionShape kShape{32, 32, 96, 2047, 0.10206207f};

struct Layer {
  const void *qkv, *output, *gate_up, *down;
  const float *norm, *feed_forward_norm;
};

class Step {
 public:
  Step() {
    PHI3LAB_CUDA_CHECK(cudaStreamCreate(&stream));
    for (Layer& layer : layers_)
      layer = {matrix(3 * kHidden, kHidden), matrix(kHidden, kHidden), matrix(2 * kFfn, kHidden),
               matrix(kHidden, kFfn),        vector(kHidden),          vector(kHidden)};
    head_ = matrix(kVocab, kHidden);
    cache_.kv_heads = static_cast<int32_t>(kShape.kv_heads);
    cache_.head_dim = static_cast<int32_t>(kShape.head_dim);
    cache_.block_stride = 2ll * kLayers * kHidden * CacheView::kBlock;
    cache_.data = memory(static_cast<size_t>(cache_.block_stride) * (kPositions / CacheView::kBlock) * 2);
    for (float** vector : {&hidden_, &qkv_, &context_, &activation_, &logits_, &norm_}) *vector = this->vector(kVocab);
    table_ = static_cast<float*>(memory(size_t{kPositions} * 96 * sizeof(float)));
    candidates_ = static_cast<Candidate*>(memory(kMostCandidates * sizeof(Candidate)));
    position_ = static_cast<int32_t*>(memory(sizeof(int32_t)));
    partials_.floats = int64_t{kPartialFloats} * kernels_.device.multiprocessors;
    partials_.counters = kPartialCounters;
    partials_.parts = static_cast<float*>(memory(static_cast<size_t>(partials_.floats) * sizeof(float)));
    partials_.arrived = static_cast<unsigned*>(memory(kPartialCounters * sizeof(unsigned)));
    PHI3LAB_CUDA_CHECK(cudaMemset(partials_.arrived, 0, kPartialCounters * sizeof(unsigned)));
  }

  void qkv(int l) { gemm(qkv_, hidden_, layers_[l].norm, layers_[l].qkv, 3 * kHidden, kHidden, GemvEnd::store); }
  void attention(int l) {
    decode_attend({context_, qkv_, cache_, position_, table_, l, kShape, Dtype::float16, stream}, partials_,
                  kernels_.device, kernels_.kernels);
  }
  void output(int l) { gemm(hidden_, context_, nullptr, layers_[l].output, kHidden, kHidden, GemvEnd::residual); }
  void gate_up(int l) {
    gemm(activation_, hidden_, layers_[l].feed_forward_norm, layers_[l].gate_up, 2 * kFfn, kHidden, GemvEnd::swiglu);
  }
  void down(int l) { gemm(hidden_, activation_, nullptr, layers_[l].down, kHidden, kFfn, GemvEnd::residual); }
  void head() { gemm(logits_, hidden_, norm_, head_, kVocab, kHidden, GemvEnd::logits); }

  /** Median microseconds of `work`, recorded as a graph and replayed. */
  double time(int position, const std::function<void()>& work) {
    PHI3LAB_CUDA_CHECK(cudaMemcpy(position_, &position, sizeof(position), cudaMemcpyHostToDevice));
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    PHI3LAB_CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    work();
    PHI3LAB_CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
    PHI3LAB_CUDA_CHECK(cudaGraphInstantiate(&exec, graph, 0));
    const auto replay = [&] {
      for (int i = 0; i < 10; i++) PHI3LAB_CUDA_CHECK(cudaGraphLaunch(exec, stream));
    };
    const double us = 1000 * median_ms(stream, 9, replay) / 10;
    cudaGraphExecDestroy(exec);
    cudaGraphDestroy(graph);
    return us;
  }

  cudaStream_t stream = nullptr;

 private:
  void gemm(float* out, const float* in, const float* norm, const void* weight, int rows, int cols, GemvEnd end) {
    Gemv m;
    m.out = out;
    m.in = in;
    m.norm = norm;
    m.weight = weight;
    m.candidates = candidates_;
    m.rows = rows;
    m.cols = cols;
    m.eps = 1e-5f;
    m.end = end;
    m.dtype = Dtype::float16;  // as the backend keeps bfloat16 weights
    gemv(m, kernels_.device, kernels_.kernels, stream);
  }
  void* memory(size_t bytes) {
    void* data = nullptr;
    PHI3LAB_CUDA_CHECK(cudaMalloc(&data, bytes));
    fill(data, bytes, stream);
    return data;
  }
  const void* matrix(size_t rows, size_t cols) { return memory(rows * cols * 2); }
  float* vector(size_t count) { return static_cast<float*>(memory(count * sizeof(float))); }

  static DeviceKernels chosen() {
    const char* choice = std::getenv("PHI3LAB_CUDA_ARCH");
    return device_kernels_of(0, choice ? choice : "");
  }
  const DeviceKernels kernels_ = chosen();
  Partials partials_;
  Layer layers_[kLayers];
  const void* head_;
  CacheView cache_;
  float *hidden_, *qkv_, *context_, *activation_, *logits_, *norm_, *table_;
  Candidate* candidates_;
  int32_t* position_;
};

}  // namespace

int main() try {
  Step step;
  const double gbps = read_gbps(step.stream);
  std::printf("reads %.0f GB/s\n\n%-26s %9s %12s %12s\n", gbps, "kernel", "µs", "µs to read", "of stream");
  const auto row = [&](const std::string& name, double us, double bytes) {
    std::printf("%-26s %9.2f %12.2f %11.0f%%\n", name.c_str(), us, bytes / gbps / 1e3, 100 * bytes / gbps / 1e3 / us);
  };
  const auto layers = [&](void (Step::*kernel)(int)) {
    return [&step, kernel] {
      for (int l = 0; l < kLayers; l++) (step.*kernel)(l);
    };
  };
  const double square = 2.0 * kHidden * kHidden, wide = 2.0 * kHidden * kFfn;
  row("norm, qkv", step.time(75, layers(&Step::qkv)) / kLayers, 3 * square);
  for (int position : {75, 500, 2000})
    row("attention at " + std::to_string(position), step.time(position, layers(&Step::attention)) / kLayers,
        4.0 * kHidden * position);
  row("output, residual", step.time(75, layers(&Step::output)) / kLayers, square);
  row("norm, gate, up, swiglu", step.time(75, layers(&Step::gate_up)) / kLayers, 2 * wide);
  row("down, residual", step.time(75, layers(&Step::down)) / kLayers, wide);
  row("norm, head", step.time(75, [&] { step.head(); }), 2.0 * kHidden * kVocab);
  for (int position : {75, 500, 2000}) {
    const double us = step.time(position, [&] {
      for (int l = 0; l < kLayers; l++) step.qkv(l), step.attention(l), step.output(l), step.gate_up(l), step.down(l);
      step.head();
    });
    const double bytes = kLayers * (4 * square + 3 * wide + 4.0 * kHidden * position) + 2.0 * kHidden * kVocab;
    row("the step at " + std::to_string(position), us, bytes);
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
