// Our products and cuBLASLt's held against a slow kernel of float32 sums; and their timings.
//
//   gemm_test [--path=mma|older|cublaslt|wgmma|tiles]    checks; prints a line a case, exits 1 when one fails
//   gemm_test bench|bench-small [--path=…|ours]          timings of a pass (gemm_bench.cuh)
//   gemm_test tune                                       timings of every wgmma tile for every matrix
//
// `older` is the way of GPUs before Hopper, on as many multiprocessors as there are, and cut as for few and for many.
// `tiles` runs every tile of the wgmma path, whatever its choice would be.
// The paths that were never seen to trap come first: what traps ends its process.
#include "gemm_bench.cuh"

namespace phi3lab::cuda::test {
namespace {

constexpr int kGuard = 1024;  // bytes behind `out` that nobody may touch
constexpr uint32_t kInSeed = 1, kWeightSeed = 2, kBaseSeed = 3;

/** expected, scale (tokens, rows) = Σ in · weight and Σ |in · weight|. A block takes 32 rows and 32 tokens. */
template <class T>
__global__ void reference_kernel(float* expected, float* scale, const T* in, const T* weight, int tokens, int rows,
                                 int cols) {
  __shared__ float in_tile[32][33], weight_tile[32][33];
  const int x = threadIdx.x, y = threadIdx.y, row = blockIdx.x * 32 + x, token0 = blockIdx.y * 32;
  float sums[4] = {}, scales[4] = {};
  for (int column = 0; column < cols; column += 32) {
    for (int i = y; i < 32; i += 8) {
      const int c = column + x, r = blockIdx.x * 32 + i, t = token0 + i;
      weight_tile[i][x] = c < cols && r < rows ? to_float(weight[static_cast<int64_t>(r) * cols + c]) : 0.f;
      in_tile[i][x] = c < cols && t < tokens ? to_float(in[static_cast<int64_t>(t) * cols + c]) : 0.f;
    }
    __syncthreads();
    float part[4] = {};  // sums of 32 first: a long sum in one float32 would lose more than what it judges
    for (int c = 0; c < 32; ++c) {
      for (int i = 0; i < 4; ++i) {
        const float product = in_tile[y + 8 * i][c] * weight_tile[x][c];
        part[i] += product;
        scales[i] += fabsf(product);
      }
    }
    for (int i = 0; i < 4; ++i) sums[i] += part[i];
    __syncthreads();
  }
  for (int i = 0; i < 4; ++i) {
    const int token = token0 + y + 8 * i;
    if (token >= tokens || row >= rows) continue;
    expected[static_cast<int64_t>(token) * rows + row] = sums[i];
    scale[static_cast<int64_t>(token) * rows + row] = scales[i];
  }
}

/** Makes of products with `gates` gates and as many ups what gates and ups give, (tokens, gates): up · silu(gate); and
 * of their scales what an error of theirs is worth there. */
__global__ void gate_kernel(float* gated, float* gated_scale, const float* products, const float* scale, int64_t tokens,
                            int gates) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < tokens * gates; i += step) {
    const int64_t at = i / gates * 2 * gates + i % gates;
    const float gate = products[at], up = products[at + gates], silu = gate / (1 + expf(-gate));
    gated[i] = up * silu;
    gated_scale[i] = fabsf(silu) * scale[at + gates] + 1.1f * fabsf(up) * scale[at];  // silu's slope is 1.1 at most
  }
}

/** *worst = the largest of (|out − expected| − rounding · |expected|) / scale, its bits ordered as integers; +∞ for
 * NaN. */
template <class T>
__global__ void compare_kernel(uint32_t* worst, const T* out, const float* expected, const float* scale, int64_t count,
                               bool accumulate, float rounding) {
  float mine = 0.f;
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    const float base = accumulate ? random_number(static_cast<uint64_t>(i), kBaseSeed) : 0.f;
    const float error = fabsf(to_float(out[i]) - (expected[i] + base)) - rounding * fabsf(expected[i]);
    const float relative = error / (scale[i] + fabsf(base) + 1e-30f);
    mine = isnan(relative) ? INFINITY : fmaxf(mine, relative);
  }
  atomicMax(worst, __float_as_uint(mine));
}

__global__ void count_differences_kernel(uint32_t* differences, const uint8_t* a, const uint8_t* b, int64_t bytes) {
  uint32_t mine = 0;
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < bytes; i += step) {
    mine += a[i] != b[i];
  }
  if (mine) atomicAdd(differences, mine);
}

// Float32 sums of a product's n terms, in whatever order, are off by some √n · 2⁻²⁴ of the partial sums, and those are
// some 1/√n of the scale Σ |in · weight|: about 1e-7 of the scale; tensor cores cut bits off instead of rounding, which
// adds up over n / 16 instructions to at most a few 1e-6. One term that is missing or doubled is 1/n: 1.2e-4 at 8192.
constexpr float kTolerance = 1e-5f;

struct Mode {
  const char* name;
  bool out_float32, accumulate;
};
constexpr Mode kModes[] = {{"float32", true, false}, {"accumulate", true, true}, {"16 bits", false, false}};

struct Shape {
  int rows, cols, tokens;  // tokens: at most
};

constexpr int kTokenCounts[] = {1, 2, 7, 8, 16, 25, 64, 100, 128, 129, 300, 512, 1000};

// Phi-3-mini's, then odd ones: fewer rows than a tile, rows that leave no 16-byte places, columns that end in a stage.
constexpr Shape kShapes[] = {{9216, 3072, 1000}, {3072, 3072, 1000}, {16384, 3072, 1000}, {3072, 8192, 1000},
                             {32064, 3072, 129}, {1, 8, 300},        {7, 48, 300},        {33, 64, 300},
                             {130, 88, 300},     {96, 576, 300},     {576, 1536, 300},    {257, 200, 300},
                             {1000, 1032, 300}};

class Checks {
 public:
  /** Every mode and number of tokens by a path: a case is a path, a shape and a format. */
  void run(const Path& path, const Shape& shape, Dtype dtype) {
    const int64_t outputs = int64_t{shape.tokens} * shape.rows;
    Memory in(size_t{2} * shape.tokens * shape.cols), weight(size_t{2} * shape.rows * shape.cols);
    Memory expected(outputs * 4), scale(outputs * 4), out(outputs * 4 + kGuard), again(outputs * 4 + kGuard);
    fill(in.get(), int64_t{shape.tokens} * shape.cols, dtype, kInSeed, 1.f);
    fill(weight.get(), int64_t{shape.rows} * shape.cols, dtype, kWeightSeed, 0.1f);
    const dim3 grid(ceil_div(shape.rows, 32), ceil_div(shape.tokens, 32)), block(32, 8);
    dispatch(dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      reference_kernel<<<grid, block>>>(static_cast<float*>(expected.get()), static_cast<float*>(scale.get()),
                                        static_cast<const T*>(in.get()), static_cast<const T*>(weight.get()),
                                        shape.tokens, shape.rows, shape.cols);
    });
    PHI3LAB_CUDA_CHECK(cudaGetLastError());

    std::string wrong;
    float worst = 0.f;
    int taken = 0;
    const auto check = [&](Gemm p, const char* mode, const Memory& expected, const Memory& scale) {
      if (!compute(path, p)) return;
      ++taken;
      const std::string where = "\n    " + std::to_string(p.tokens) + " tokens, " + mode + ": ";
      const float error = compare(p, expected, scale);
      worst = std::max(worst, error);
      if (!(error <= kTolerance)) wrong += where + "error " + std::to_string(error) + " of the scale";
      if (guard_touched(p)) wrong += where + "wrote behind its end";
      p.out = again.get();
      compute(path, p);
      if (differences(out.get(), again.get(), bytes_of(p))) wrong += where + "other bits the second time";
    };
    for (int tokens : kTokenCounts) {
      if (tokens > shape.tokens) continue;
      for (const Mode& mode : kModes)
        check({out.get(), in.get(), weight.get(), tokens, shape.rows, shape.cols, dtype, mode.out_float32,
               mode.accumulate},
              mode.name, expected, scale);
      if (!path.gates || tokens <= kStreamedTokens || shape.rows % 2 != 0) continue;
      Memory gated(size_t{2} * tokens * shape.rows), gated_scale(gated.bytes());
      gate_kernel<<<1024, 256>>>(static_cast<float*>(gated.get()), static_cast<float*>(gated_scale.get()),
                                 static_cast<const float*>(expected.get()), static_cast<const float*>(scale.get()),
                                 tokens, shape.rows / 2);
      Gemm p = {out.get(), in.get(), weight.get(), tokens, shape.rows / 2, shape.cols, dtype, false};
      p.up_after = shape.rows / 2;
      check(p, "gates", gated, gated_scale);
    }
    if (taken == 0) return;
    std::printf("%s %s (%d, %d) %s: %.1e%s\n", wrong.empty() ? "ok" : "not ok", path.name.c_str(), shape.rows,
                shape.cols, dtype == Dtype::bfloat16 ? "bfloat16" : "float16", worst, wrong.c_str());
    std::fflush(stdout);
    ++(wrong.empty() ? passed_ : failed_);
  }

  int finish() const {
    std::printf("%d passed, %d failed\n", passed_, failed_);
    return failed_ || !passed_ ? 1 : 0;
  }

 private:
  static int64_t bytes_of(const Gemm& p) { return p.tokens * p.rows * (p.out_float32 ? 4 : 2); }

  /** Into poisoned memory (NaN in every format), or on top of random numbers. */
  static bool compute(const Path& path, const Gemm& p) {
    PHI3LAB_CUDA_CHECK(cudaMemsetAsync(p.out, 0xff, bytes_of(p) + kGuard));
    if (p.accumulate) fill(p.out, p.tokens * p.rows, Dtype::float32, kBaseSeed, 1.f);
    const bool taken = path.gemm(p, nullptr);
    PHI3LAB_CUDA_CHECK(cudaDeviceSynchronize());
    return taken;
  }

  float compare(const Gemm& p, const Memory& expected, const Memory& scale) {
    PHI3LAB_CUDA_CHECK(cudaMemset(result_.get(), 0, 4));
    // Half a last place of the format that the output is rounded to, and as much again for the sum's own error there.
    const float rounding = p.out_float32 ? 0.f : p.dtype == Dtype::bfloat16 ? 0x1p-8f : 0x1p-10f;
    dispatch(p.out_float32 ? Dtype::float32 : p.dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      compare_kernel<<<1024, 256>>>(static_cast<uint32_t*>(result_.get()), static_cast<const T*>(p.out),
                                    static_cast<const float*>(expected.get()), static_cast<const float*>(scale.get()),
                                    p.tokens * p.rows, p.accumulate, rounding);
    });
    float worst;
    PHI3LAB_CUDA_CHECK(cudaMemcpy(&worst, result_.get(), 4, cudaMemcpyDeviceToHost));
    return worst;
  }

  uint32_t differences(const void* a, const void* b, int64_t bytes) {
    PHI3LAB_CUDA_CHECK(cudaMemset(result_.get(), 0, 4));
    count_differences_kernel<<<1024, 256>>>(static_cast<uint32_t*>(result_.get()), static_cast<const uint8_t*>(a),
                                            static_cast<const uint8_t*>(b), bytes);
    uint32_t count;
    PHI3LAB_CUDA_CHECK(cudaMemcpy(&count, result_.get(), 4, cudaMemcpyDeviceToHost));
    return count;
  }

  bool guard_touched(const Gemm& p) {
    std::vector<uint8_t> guard(kGuard);
    PHI3LAB_CUDA_CHECK(
        cudaMemcpy(guard.data(), static_cast<char*>(p.out) + bytes_of(p), kGuard, cudaMemcpyDeviceToHost));
    for (uint8_t byte : guard) {
      if (byte != 0xff) return true;
    }
    return false;
  }

  Memory result_{4};
  int passed_ = 0, failed_ = 0;
};

int check_all(const std::vector<Path>& kernels, bool briefly) {
  Checks checks;
  for (const Path& path : kernels) {  // the outer loop: a trap in a later path leaves the earlier ones' lines
    for (const Shape& shape : kShapes) {
      if (briefly && shape.rows > 3072) continue;
      for (Dtype dtype : {Dtype::bfloat16, Dtype::float16}) checks.run(path, shape, dtype);
    }
  }
  return checks.finish();
}

int run(const std::string& command, const std::string& only) {
  const auto [device_, kernels_] = device_kernels_of(0, "");
  const DeviceProperties device = device_;
  const KernelSet kernels = kernels_;
  const PartialsMemory memory(device);
  const Partials partials = memory.get();
  std::shared_ptr<CublasLt> cublaslt = CublasLt::load();
  if (cublaslt) std::printf("# cuBLASLt %zu\n", cublaslt->version());

  std::vector<Path> ways;
  const auto add = [&](const std::string& group, const std::string& name, auto product) {
    if (only.empty() ? group != "tiles" : group == only)
      ways.push_back({name, product, group == "mma" || group == "older"});
  };
  add("mma", "mma", [=](const Gemm& p, cudaStream_t stream) {
    KernelSet without = kernels;
    without.wgmma = false;
    return tensor_gemm(p, device, without, partials, stream), true;
  });
  for (int multiprocessors : {device.multiprocessors, 7, 1000}) {
    if (!command.empty() && multiprocessors != device.multiprocessors) break;
    add("older", "older on " + std::to_string(multiprocessors) + " multiprocessors",
        [=](const Gemm& p, cudaStream_t stream) {
          DeviceProperties as = device;
          as.multiprocessors = multiprocessors;
          return tensor_gemm(p, as, kernel_set_of(86), partials, stream), true;
        });
  }
  if (cublaslt) {
    add("cublaslt", "cublaslt", [=](const Gemm& p, cudaStream_t stream) { return cublaslt->gemm(p, stream); });
  }
  if (kernels.wgmma) {
    add("wgmma", "wgmma", [=](const Gemm& p, cudaStream_t stream) {
      return gemm_wgmma(p, device, kernels, stream, choose_wgmma_tile(p, device)), true;
    });
    if (!command.empty()) {
      add("ours", "ours",
          [=](const Gemm& p, cudaStream_t stream) { return tensor_gemm(p, device, kernels, partials, stream), true; });
    }
    for (int tokens : kWgmmaTileTokens) {
      for (int split : {1, 2, 3, 8}) {
        const WgmmaTile tile{tokens, split};
        const std::string name = "wgmma tile " + std::to_string(tokens) + " split " + std::to_string(split);
        add("tiles", name,
            [=](const Gemm& p, cudaStream_t stream) { return gemm_wgmma(p, device, kernels, stream, tile), true; });
      }
    }
  }
  if (command.empty()) return check_all(ways, only == "tiles");
  if (command == "bench") return bench(ways, {25, 40, 64, 96, 128, 256, 512, 2048, 4000});
  if (command == "bench-small") return bench(ways, {25});
  if (command == "tune") return tune(device, kernels, partials, {25, 64, 128, 256, 512, 1024, 2048, 4000});
  std::fprintf(stderr, "Expected bench, bench-small or tune but received %s\n", command.c_str());
  return 2;
}

}  // namespace
}  // namespace phi3lab::cuda::test

int main(int argc, char** argv) {
  std::string command, only;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.rfind("--path=", 0) == 0) {
      only = argument.substr(7);
    } else {
      command = argument;
    }
  }
  try {
    return phi3lab::cuda::test::run(command, only);
  } catch (const std::exception& error) {
    std::printf("not ok %s\n", error.what());
    return 1;
  }
}
