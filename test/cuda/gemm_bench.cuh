// Timings of the products of a whole pass of Phi-3-mini: 32 layers of four matrices, then one row of lm_head, each
// layer with weights of its own (7.4 GB of random float16 numbers) so that no cache holds what a real pass would have
// to read. Everything of a timing is one CUDA graph; a figure is the median of seven runs.
#pragma once

#include <algorithm>

#include "gemm_kernels.cuh"

namespace phi3lab::cuda::test {

struct Matrix {
  const char* name;
  int rows, cols;
  bool accumulate;  // into the float32 residual; the others give 16 bits
};
constexpr int kLayers = 32;
constexpr Matrix kMatrices[] = {
    {"qkv", 9216, 3072, false}, {"o", 3072, 3072, true}, {"gate_up", 16384, 3072, false}, {"down", 3072, 8192, true}};
constexpr Matrix kLmHead = {"lm_head", 32064, 3072, false};

/** Weights of 32 layers, and activations of up to `tokens` tokens. */
class BenchModel {
 public:
  explicit BenchModel(int tokens)
      : in_(size_t{2} * tokens * 8192),
        out_(size_t{2} * tokens * 16384),
        hidden_(size_t{4} * tokens * 3072),
        lm_head_(size_t{2} * kLmHead.rows * kLmHead.cols),
        logits_(size_t{4} * kLmHead.rows) {
    uint32_t seed = 10;
    for (const Matrix& matrix : kMatrices) {
      const int64_t count = int64_t{kLayers} * matrix.rows * matrix.cols;
      weights_.emplace_back(size_t{2} * count);
      fill(weights_.back().get(), count, Dtype::float16, ++seed, 0.05f);
    }
    fill(lm_head_.get(), int64_t{kLmHead.rows} * kLmHead.cols, Dtype::float16, ++seed, 0.05f);
    fill(in_.get(), int64_t{tokens} * 8192, Dtype::float16, ++seed, 1.f);
    fill(hidden_.get(), int64_t{tokens} * 3072, Dtype::float32, ++seed, 1.f);
    PHI3LAB_CUDA_CHECK(cudaDeviceSynchronize());
  }

  /** The product of matrix `m` of a layer. */
  Gemm gemm(int m, int layer, int tokens) const {
    const Matrix& matrix = kMatrices[m];
    const char* weight = static_cast<const char*>(weights_[m].get()) + int64_t{2} * layer * matrix.rows * matrix.cols;
    void* out = matrix.accumulate ? hidden_.get() : out_.get();
    return {
        out, in_.get(), weight, tokens, matrix.rows, matrix.cols, Dtype::float16, matrix.accumulate, matrix.accumulate};
  }
  Gemm lm_head() const {
    return {logits_.get(), in_.get(), lm_head_.get(), 1, kLmHead.rows, kLmHead.cols, Dtype::float16, true, false};
  }

 private:
  Memory in_, out_, hidden_, lm_head_, logits_;
  std::vector<Memory> weights_;
};

/** Milliseconds of what `launches` puts on a stream: run once as it is, then recorded as a graph; the median of seven.
 */
inline float time_graph(const std::function<void(cudaStream_t)>& launches) {
  cudaStream_t stream;
  PHI3LAB_CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  launches(stream);
  PHI3LAB_CUDA_CHECK(cudaStreamSynchronize(stream));
  cudaGraph_t graph;
  cudaGraphExec_t executable;
  PHI3LAB_CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  launches(stream);
  PHI3LAB_CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
  PHI3LAB_CUDA_CHECK(cudaGraphInstantiate(&executable, graph, 0));
  cudaEvent_t begin, end;
  PHI3LAB_CUDA_CHECK(cudaEventCreate(&begin));
  PHI3LAB_CUDA_CHECK(cudaEventCreate(&end));
  std::vector<float> times(7);
  PHI3LAB_CUDA_CHECK(cudaGraphLaunch(executable, stream));
  for (float& time : times) {
    PHI3LAB_CUDA_CHECK(cudaEventRecord(begin, stream));
    PHI3LAB_CUDA_CHECK(cudaGraphLaunch(executable, stream));
    PHI3LAB_CUDA_CHECK(cudaEventRecord(end, stream));
    PHI3LAB_CUDA_CHECK(cudaEventSynchronize(end));
    PHI3LAB_CUDA_CHECK(cudaEventElapsedTime(&time, begin, end));
  }
  cudaEventDestroy(begin);
  cudaEventDestroy(end);
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
  cudaStreamDestroy(stream);
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

inline double flops(const Gemm& p) { return 2. * p.tokens * p.rows * p.cols; }

/** A line a path and number of tokens: the whole pass, then µs a matrix. */
inline int bench(const std::vector<Path>& kernels, const std::vector<int>& token_counts) {
  const BenchModel model(*std::max_element(token_counts.begin(), token_counts.end()));
  for (const Path& path : kernels) {
    for (int tokens : token_counts) {
      double all_flops = flops(model.lm_head());
      for (int m = 0; m < 4; ++m) all_flops += kLayers * flops(model.gemm(m, 0, tokens));
      const float pass = time_graph([&](cudaStream_t stream) {
        for (int layer = 0; layer < kLayers; ++layer) {
          for (int m = 0; m < 4; ++m) path.gemm(model.gemm(m, layer, tokens), stream);
        }
        path.gemm(model.lm_head(), stream);
      });
      std::printf("%-8s %4d tokens %8.3f ms %4.0f TFLOP/s  µs:", path.name.c_str(), tokens, pass,
                  all_flops / pass * 1e-9);
      for (int m = 0; m < 4; ++m) {
        const float time = time_graph([&](cudaStream_t stream) {
          for (int layer = 0; layer < kLayers; ++layer) path.gemm(model.gemm(m, layer, tokens), stream);
        });
        std::printf(" %s %.1f", kMatrices[m].name, time * 1e3f / kLayers);
      }
      std::printf("\n");
      std::fflush(stdout);
    }
  }
  return 0;
}

/** µs of each matrix by every wgmma tile and by mma: what `choose_wgmma_tile` should agree with. */
inline int tune(const DeviceProperties& device, const KernelSet& kernels, const Partials& partials,
                const std::vector<int>& token_counts) {
  const BenchModel model(*std::max_element(token_counts.begin(), token_counts.end()));
  const auto time = [&](int m, int tokens, auto gemm) {
    return time_graph([&](cudaStream_t stream) {
             for (int layer = 0; layer < kLayers; layer += 2) gemm(model.gemm(m, layer, tokens), stream);
           }) *
           1e3f / (kLayers / 2);
  };
  for (int tokens : token_counts) {
    for (int m = 0; m < 4; ++m) {
      const WgmmaTile chosen = choose_wgmma_tile(model.gemm(m, 0, tokens), device);
      std::printf("%4d %-7s chosen %d/%d |", tokens, kMatrices[m].name, chosen.tokens, chosen.split);
      for (int width : kWgmmaTileTokens) {
        for (int split : {1, 2, 3, 4, 6, 8}) {
          const WgmmaTile tile{width, split};
          const int blocks = ceil_div(kMatrices[m].rows, kWgmmaTileRows) * ceil_div(tokens, width) * tile.split;
          if (width >= tokens + 96 || (tile.split > 1 && blocks > 2 * device.multiprocessors)) continue;  // pointless
          const float microseconds = time(
              m, tokens, [&](const Gemm& p, cudaStream_t stream) { gemm_wgmma(p, device, kernels, stream, tile); });
          std::printf(" %d/%d %.1f", width, tile.split, microseconds);
        }
      }
      KernelSet without = kernels;
      without.wgmma = false;
      std::printf(" | mma %.1f\n", time(m, tokens, [&](const Gemm& p, cudaStream_t stream) {
                    tensor_gemm(p, device, without, partials, stream);
                  }));
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace phi3lab::cuda::test
