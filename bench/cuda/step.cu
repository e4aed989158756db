// Where a decoded token's time goes: each kernel of Phi-3-mini-4k's step by itself, once a layer over weights of its
// own, and the whole step, as graphs of launches that may overlap. Random weights; prints a table, with the run's read
// stream. PHI3LAB_CUDA_ARCH chooses the kernels. An argument names the weights' formats: float16 (default), Q8_0, Q4_0,
// …, or Q4_K_M, the mixture that llama.cpp makes of this model.
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cuda/attention/decode.h"
#include "cuda/device/kernel_set.h"
#include "cuda/gemv/compact.h"
#include "cuda/gemv/gemv.h"
#include "cuda/memory/cache_view.h"
#include "limits.cuh"

using namespace phi3lab;
using namespace phi3lab::cuda;

namespace {

constexpr int kLayers = 32, kHidden = 3072, kFfn = 8192, kVocab = 32064, kPositions = 4096;
const AttentionShape kShape{32, 32, 96, 2047, 0.10206207f};

/** A weight (rows, cols): float16 numbers, as the backend keeps bfloat16 weights, or compact. */
struct Matrix {
  const void* numbers = nullptr;
  CompactMatrix compact;
  int rows = 0, cols = 0;
  double bytes = 0;
};

struct Layer {
  Matrix qkv, output, gate_up, down;
  const float *norm, *feed_forward_norm;
};

/** The formats of a file's matrices; nothing: float16. */
struct Formats {
  std::optional<WeightType> qkv, output, gate_up, down, half_of_down, head;
};

Formats formats_of(const std::string& name) {
  using W = WeightType;
  if (name == "float16") return {};
  if (name == "Q4_K_M") return {W::Q5_K, W::Q4_K, W::Q4_K, W::Q4_K, W::Q6_K, W::Q6_K};
  const auto type = weight_type_named(name);
  if (!type || !stays_compact(*type)) throw std::runtime_error("Expected a format that stays compact, not " + name);
  return {type, type, type, type, type, type};
}

/** Random bits; every fourth byte is such that no float16 number is large. */
__global__ void random_kernel(uint4* memory, size_t count, bool numbers) {
  for (size_t i = blockIdx.x * static_cast<size_t>(blockDim.x) + threadIdx.x; i < count;
       i += gridDim.x * static_cast<size_t>(blockDim.x)) {
    unsigned words[4];
    for (int k = 0; k < 4; k++) {
      unsigned x = static_cast<unsigned>(4 * i + k) * 2654435761u;
      x ^= x >> 15, x *= 2246822519u, x ^= x >> 13;
      words[k] = numbers ? (x & 0x83ff83ffu) | 0x14001400u : x;
    }
    memory[i] = make_uint4(words[0], words[1], words[2], words[3]);
  }
}

class Step {
 public:
  explicit Step(const Formats& formats) {
    PHI3LAB_CUDA_CHECK(cudaStreamCreate(&stream));
    for (int l = 0; l < kLayers; l++)
      layers_[l] = {matrix(3 * kHidden, kHidden, formats.qkv),
                    matrix(kHidden, kHidden, formats.output),
                    matrix(2 * kFfn, kHidden, formats.gate_up),
                    matrix(kHidden, kFfn, l % 2 ? formats.half_of_down : formats.down),
                    vector(kHidden),
                    vector(kHidden)};
    head_ = matrix(kVocab, kHidden, formats.head);
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

  void qkv(int l) { product(qkv_, hidden_, layers_[l].norm, layers_[l].qkv, GemvEnd::store); }
  void attention(int l) {
    decode_attend({context_, false, qkv_, {cache_, nullptr, position_}, 1, table_, l, kShape, Dtype::float16, stream},
                  partials_, kernels_.device, kernels_.kernels);
  }
  void output(int l) { product(hidden_, context_, nullptr, layers_[l].output, GemvEnd::residual); }
  void gate_up(int l) {
    product(activation_, hidden_, layers_[l].feed_forward_norm, layers_[l].gate_up, GemvEnd::swiglu);
  }
  void down(int l) { product(hidden_, activation_, nullptr, layers_[l].down, GemvEnd::residual); }
  void head() { product(logits_, hidden_, norm_, head_, GemvEnd::logits); }

  /** Bytes of a kind of matrix, in all layers, and of the head. */
  double bytes_of(Matrix Layer::* kind) const {
    double bytes = 0;
    for (const Layer& layer : layers_) bytes += (layer.*kind).bytes;
    return bytes;
  }
  double head_bytes() const { return head_.bytes; }

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
  void product(float* out, const float* in, const float* norm, const Matrix& weight, GemvEnd end) {
    Gemv m;
    m.out = out;
    m.in = in;
    m.norm = norm;
    m.weight = weight.numbers;
    m.candidates = candidates_;
    m.rows = weight.rows;
    m.cols = weight.cols;
    m.eps = 1e-5f;
    m.end = end;
    m.dtype = Dtype::float16;
    if (weight.numbers)
      gemv(m, kernels_.device, kernels_.kernels, stream);
    else
      compact_gemv(m, weight.compact, kernels_.device, kernels_.kernels, stream);
  }
  void* memory(size_t bytes) {
    void* data = nullptr;
    PHI3LAB_CUDA_CHECK(cudaMalloc(&data, bytes));
    fill(data, bytes, stream);
    return data;
  }
  void random(void* data, size_t bytes, bool numbers) {
    if (bytes >= sizeof(uint4))
      random_kernel<<<2048, 256, 0, stream>>>(static_cast<uint4*>(data), bytes / sizeof(uint4), numbers);
  }
  Matrix matrix(int rows, int cols, std::optional<WeightType> type) {
    Matrix made;
    made.rows = rows, made.cols = cols;
    const size_t numbers = static_cast<size_t>(rows) * static_cast<size_t>(cols);
    made.bytes = type ? static_cast<double>(compact_bytes(*type, rows, cols)) : 2.0 * static_cast<double>(numbers);
    void* data = memory(static_cast<size_t>(made.bytes));
    if (!type) {
      made.numbers = data;
      return made;
    }
    made.compact = compact_at(data, *type, rows, cols);
    const CompactFormat format = compact_format(*type);
    random(data, static_cast<size_t>(made.bytes), false);
    if (format.super_bytes > 0)
      random(made.compact.supers, numbers / 256 * static_cast<size_t>(format.super_bytes), true);
    else
      random(made.compact.scales, numbers / 32 * static_cast<size_t>(format.scale_bytes), true);
    return made;
  }
  float* vector(size_t count) { return static_cast<float*>(memory(count * sizeof(float))); }

  static DeviceKernels chosen() {
    const char* choice = std::getenv("PHI3LAB_CUDA_ARCH");
    return device_kernels_of(0, choice ? choice : "");
  }
  const DeviceKernels kernels_ = chosen();
  Partials partials_;
  Layer layers_[kLayers];
  Matrix head_;
  CacheView cache_;
  float *hidden_, *qkv_, *context_, *activation_, *logits_, *norm_, *table_;
  Candidate* candidates_;
  int32_t* position_;
};

}  // namespace

int main(int count, char** values) try {
  Step step(formats_of(count > 1 ? values[1] : "float16"));
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
  const auto matrices = [&](const char* name, void (Step::*kernel)(int), Matrix Layer::* kind) {
    row(name, step.time(75, layers(kernel)) / kLayers, step.bytes_of(kind) / kLayers);
  };
  matrices("norm, qkv", &Step::qkv, &Layer::qkv);
  for (int position : {75, 500, 2000})
    row("attention at " + std::to_string(position), step.time(position, layers(&Step::attention)) / kLayers,
        4.0 * kHidden * position);
  matrices("output, residual", &Step::output, &Layer::output);
  matrices("norm, gate, up, swiglu", &Step::gate_up, &Layer::gate_up);
  matrices("down, residual", &Step::down, &Layer::down);
  row("norm, head", step.time(75, [&] { step.head(); }), step.head_bytes());
  for (int position : {75, 500, 2000}) {
    const double us = step.time(position, [&] {
      for (int l = 0; l < kLayers; l++) step.qkv(l), step.attention(l), step.output(l), step.gate_up(l), step.down(l);
      step.head();
    });
    double bytes = step.head_bytes() + kLayers * 4.0 * kHidden * position;
    for (const auto kind : {&Layer::qkv, &Layer::output, &Layer::gate_up, &Layer::down}) bytes += step.bytes_of(kind);
    row("the step at " + std::to_string(position), us, bytes);
  }
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
