// `prompt_test bench`: a prompt's kernels at Phi-3-mini's shape, each the median of 20 runs of a graph of 32 launches
// over the 32 layers of one cache (or, for the other steps, over four buffers), so that the second-level cache does not
// lie.
#pragma once

#include <algorithm>
#include <functional>

#include "prompt_reference.cuh"

namespace phi3lab::cuda::test {

constexpr int kLayers = 32;

/** Microseconds of one of the 32 launches that `step(layer, stream)` makes. */
inline double microseconds(const std::function<void(int, cudaStream_t)>& step) {
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t record;
  cudaEvent_t begin, end;
  PHI3LAB_CUDA_CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  PHI3LAB_CUDA_CHECK(cudaEventCreate(&begin));
  PHI3LAB_CUDA_CHECK(cudaEventCreate(&end));
  PHI3LAB_CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  for (int layer = 0; layer < kLayers; ++layer) step(layer, stream);
  PHI3LAB_CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
  PHI3LAB_CUDA_CHECK(cudaGraphInstantiate(&record, graph, 0));
  std::vector<float> times(20);
  for (int warm = 0; warm < 3; ++warm) PHI3LAB_CUDA_CHECK(cudaGraphLaunch(record, stream));
  for (float& time : times) {
    PHI3LAB_CUDA_CHECK(cudaEventRecord(begin, stream));
    PHI3LAB_CUDA_CHECK(cudaGraphLaunch(record, stream));
    PHI3LAB_CUDA_CHECK(cudaEventRecord(end, stream));
    PHI3LAB_CUDA_CHECK(cudaStreamSynchronize(stream));
    PHI3LAB_CUDA_CHECK(cudaEventElapsedTime(&time, begin, end));
  }
  cudaGraphExecDestroy(record), cudaGraphDestroy(graph), cudaStreamDestroy(stream);
  cudaEventDestroy(begin), cudaEventDestroy(end);
  std::sort(times.begin(), times.end());
  return (times[9] + times[10]) / 2 * 1000 / kLayers;
}

inline void bench(const DeviceProperties& device, const KernelSet& kernels, const Partials& partials) {
  using T = __nv_bfloat16;
  constexpr int64_t kTokens = 4000, kHidden = 3072, kFfn = 8192, kHeads = 32, kHeadDim = 96, kPositions = 4032;
  AttentionShape shape;
  shape.heads = shape.kv_heads = kHeads, shape.head_dim = kHeadDim, shape.scale = 0.10206207f;
  CacheView cache;
  cache.block_stride = kLayers * 2 * kHeads * CacheView::kBlock * kHeadDim;
  cache.kv_heads = kHeads, cache.head_dim = kHeadDim;
  Device<T> kept, qkv, out, gate_up;
  const int64_t cached = kPositions / CacheView::kBlock * cache.block_stride;
  const auto filled = [](Device<T>& memory, int64_t count) {
    fill_noise_kernel<<<1024, 256>>>(memory.reserve(count), count, 1.f, static_cast<uint32_t>(count));
    return memory.data;
  };
  cache.data = filled(kept, cached);
  filled(qkv, 4 * kTokens * shape.qkv_cols());
  filled(gate_up, 4 * kTokens * 2 * kFfn);
  filled(out, 4 * kTokens * kFfn);
  Device<float> hidden(std::vector<float>(4 * kTokens * kHidden, 0.5f)), weight(std::vector<float>(kHidden, 1.f)),
      table(std::vector<float>(kPositions * kHeadDim, 0.5f));
  const Device<int32_t> positions(std::vector<int32_t>{0, 2000});
  PHI3LAB_CUDA_CHECK(cudaDeviceSynchronize());

  struct Attention {
    int64_t tokens, position, window;
  };
  for (const Attention& c : {Attention{25, 0, 2047},
                             {25, 2000, 2047},
                             {128, 2000, 2047},
                             {512, 0, 2047},
                             {512, 2000, 2047},
                             {1024, 0, 2047},
                             {2048, 0, 2047},
                             {4000, 0, 2047},
                             {2048, 0, 0},
                             {4000, 0, 0}}) {
    shape.window = c.window;
    double pairs = 0;  // of a query and a key that it sees
    for (int64_t t = 0; t < c.tokens; ++t) {
      const int64_t seen = c.position + t + 1;
      pairs += static_cast<double>(c.window ? std::min(seen, c.window) : seen);
    }
    const int32_t* const position = positions.data + (c.position ? 1 : 0);
    const double time = microseconds([&](int layer, cudaStream_t stream) {
      prompt_attend(out.data, qkv.data + layer % 4 * c.tokens * shape.qkv_cols(), cache, position, c.tokens, layer,
                    shape, Dtype::bfloat16, device, kernels, partials, stream);
    });
    std::printf("attend  tokens %4d at %4d window %4d  %8.2f us  %6.1f TFLOP/s\n", static_cast<int>(c.tokens),
                static_cast<int>(c.position), static_cast<int>(c.window), time,
                pairs * 4 * kHeadDim * kHeads / time * 1e-6);
  }

  for (const int64_t tokens : {int64_t{25}, int64_t{512}, int64_t{2048}, int64_t{4000}}) {
    const auto report = [&](const char* name, double bytes, const std::function<void(int, cudaStream_t)>& step) {
      const double time = microseconds(step);
      std::printf("%-11s tokens %4d  %8.2f us  %7.0f GB/s\n", name, static_cast<int>(tokens), time,
                  bytes / time * 1e-3);
    };
    report("rms_norm", 6. * tokens * kHidden, [&](int layer, cudaStream_t stream) {
      const int64_t at = layer % 4 * tokens * kHidden;
      prompt_rms_norm(out.data + at, hidden.data + at, weight.data, tokens, kHidden, 1e-5f, Dtype::bfloat16, kernels,
                      stream);
    });
    report("rope_append", 4. * tokens * shape.qkv_cols(), [&](int layer, cudaStream_t stream) {
      prompt_rope_append(qkv.data + layer % 4 * tokens * shape.qkv_cols(), cache, positions.data, table.data, tokens,
                         layer, shape, Dtype::bfloat16, kernels, stream);
    });
    report("swiglu", 6. * tokens * kFfn, [&](int layer, cudaStream_t stream) {
      prompt_swiglu(out.data + layer % 4 * tokens * kFfn, gate_up.data + layer % 4 * tokens * 2 * kFfn, tokens, kFfn,
                    Dtype::bfloat16, kernels, stream);
    });
    report("convert", 6. * tokens * kHidden, [&](int layer, cudaStream_t stream) {
      const int64_t at = layer % 4 * tokens * kHidden;
      prompt_convert(out.data + at, hidden.data + at, tokens * kHidden, Dtype::bfloat16, kernels, stream);
    });
  }
}

}  // namespace phi3lab::cuda::test
