// Tests of a prompt's kernels against naive twins; with the argument `bench`, their speed, as PHI3LAB_CUDA_ARCH has it.
// Prints a line a case, the failed ones again at the end, and "N passed, N failed"; exits 1 if any failed.
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "prompt_bench.cuh"
#include "prompt_reference.cuh"

namespace phi3lab::cuda::test {
namespace {

constexpr uint16_t kPoison = 0x7fff;  // NaN in both formats
constexpr int kMargin = 64;           // poisoned numbers behind every result

const KernelSet kPaths;  // the steps' kernels are the same on every GPU: launches of theirs may overlap, or not

int passed = 0;
std::vector<std::string> failed;

void report(bool ok, const std::string& name) {
  std::printf("%s %s\n", ok ? "ok" : "not ok", name.c_str());
  if (ok) ++passed;
  if (!ok) failed.push_back(name);
}

template <class T>
const char* name_of() {
  return kDtype<T> == Dtype::float16 ? "float16" : "bfloat16";
}

uint16_t bits(const void* x) {
  uint16_t to;
  std::memcpy(&to, x, 2);
  return to;
}

/** A result of one of the steps: poisoned before, compared after. */
template <class T>
struct Result {
  Device<T> memory;
  int64_t count;
  explicit Result(int64_t count_) : count(count_) {
    std::vector<T> poison(count + kMargin);
    std::memset(static_cast<void*>(poison.data()), 0x7f, poison.size() * sizeof(T));
    memory = poison;
  }
  /** Whether all is within the format's rounding and 2^-16 (the fast exp, the order of sums), half a step of float16's
   * smallest numbers included, and nothing was written behind. */
  bool agrees(const std::vector<double>& expected) const {
    PHI3LAB_CUDA_CHECK(cudaDeviceSynchronize());
    const std::vector<T> got = memory.read(count + kMargin);
    bool ok = true;
    for (int64_t i = 0; i < count; ++i) ok = ok && close(value(got[i]), expected[i]);
    for (int64_t i = count; i < count + kMargin; ++i) ok = ok && bits(&got[i]) == 0x7f7f;
    return ok;
  }
  static bool close(double got, double expected) {
    if (std::isnan(expected)) return std::isnan(got);
    if (kDtype<T> == Dtype::float16) expected = std::fmin(std::fmax(expected, -65504.), 65504.);
    return std::fabs(got - expected) <= std::fabs(expected) * (kRounding<T> + 1. / 65536) + 1. / (1 << 24);
  }
};

template <class T>
std::vector<T> noises(int64_t count, float size, uint32_t seed) {
  std::vector<T> to(count);
  for (int64_t i = 0; i < count; ++i) {
    if constexpr (sizeof(T) == 4) to[i] = size * noise(i, seed);
    if constexpr (sizeof(T) == 2) to[i] = number<T>(size * noise(i, seed));
  }
  return to;
}

template <class T>
void test_rms_norm(int64_t tokens, int64_t cols) {
  const std::vector<float> in = noises<float>(tokens * cols, 3, 1);
  std::vector<float> weight = noises<float>(cols, 2, 2);
  weight[0] = 1e6f;  // beyond float16
  const Device<float> in_memory(in), weight_memory(weight);
  Result<T> out(tokens * cols);
  std::vector<double> expected(tokens * cols);
  for (int64_t t = 0; t < tokens; ++t) {
    double squares = 0;
    for (int64_t c = 0; c < cols; ++c) squares += double{in[t * cols + c]} * in[t * cols + c];
    for (int64_t c = 0; c < cols; ++c) {
      expected[t * cols + c] = in[t * cols + c] / std::sqrt(squares / cols + double{1e-5f}) * weight[c];
    }
  }
  prompt_rms_norm(out.memory.data, in_memory.data, weight_memory.data, tokens, cols, 1e-5f, kDtype<T>, kPaths, nullptr);
  report(out.agrees(expected), std::string("rms_norm ") + name_of<T>() + " tokens " + std::to_string(tokens) +
                                   " cols " + std::to_string(cols));
}

template <class T>
void test_rope_append(int64_t tokens, int64_t position, int64_t head_dim, int64_t heads, int64_t kv_heads) {
  AttentionShape shape;
  shape.heads = heads, shape.kv_heads = kv_heads, shape.head_dim = head_dim;
  const int64_t layers = 3, layer = 1, cols = shape.qkv_cols(), half = head_dim / 2;
  CacheView cache;
  cache.block_stride = layers * 2 * kv_heads * CacheView::kBlock * head_dim;
  cache.kv_heads = static_cast<int32_t>(kv_heads), cache.head_dim = static_cast<int32_t>(head_dim);
  const int64_t cached = ((position + tokens - 1) / CacheView::kBlock + 1) * cache.block_stride;
  std::vector<T> qkv = noises<T>(tokens * cols + kMargin, 4, 3), poison(cached);
  std::memset(static_cast<void*>(poison.data()), 0x7f, cached * sizeof(T));
  const std::vector<float> table = noises<float>((position + tokens) * head_dim, 1, 4);
  const Device<T> qkv_memory(qkv), cache_memory(poison);
  const Device<float> table_memory(table);
  const Device<int32_t> position_memory(std::vector<int32_t>{static_cast<int32_t>(position)});
  cache.data = cache_memory.data;
  prompt_rope_append(qkv_memory.data, cache, position_memory.data, table_memory.data, tokens, layer, shape, kDtype<T>,
                     kPaths, nullptr);
  PHI3LAB_CUDA_CHECK(cudaDeviceSynchronize());
  const std::vector<T> got = qkv_memory.read(qkv.size()), kept = cache_memory.read(cached);

  bool ok = true;
  std::vector<bool> written(cached);
  for (int64_t t = 0; t < tokens; ++t) {
    const float* const factors = table.data() + (position + t) * head_dim;
    for (int64_t head = 0; head < heads + 2 * kv_heads; ++head) {
      const T* const from = qkv.data() + t * cols + head * head_dim;
      const bool is_value = head >= heads + kv_heads;
      for (int64_t d = 0; d < head_dim; ++d) {
        const int64_t i = d % half;
        const double low = value(from[i]), high = value(from[i + half]), c = factors[i], s = factors[half + i];
        const double rotated = d < half ? low * c - high * s : high * c + low * s;
        const T* at = got.data() + t * cols + head * head_dim + d;
        if (head >= heads) {
          const int64_t offset =
              cache.offset(layer, is_value, head - heads - (is_value ? kv_heads : 0), position + t) + d;
          written[offset] = true;
          at = kept.data() + offset;
        }
        // A difference of products errs by their size, not by its own.
        const double slack = (std::fabs(low) + std::fabs(high)) / (1 << 20);
        ok = ok && (is_value ? bits(at) == bits(from + d)
                             : Result<T>::close(value(*at), rotated) || std::fabs(value(*at) - rotated) <= slack);
      }
    }
  }
  for (int64_t i = 0; i < cached; ++i) ok = ok && (written[i] || bits(&kept[i]) == 0x7f7f);
  for (size_t i = tokens * cols; i < qkv.size(); ++i) ok = ok && bits(&got[i]) == bits(&qkv[i]);
  report(ok, std::string("rope_append ") + name_of<T>() + " tokens " + std::to_string(tokens) + " at " +
                 std::to_string(position) + " head_dim " + std::to_string(head_dim) + " heads " +
                 std::to_string(heads) + ":" + std::to_string(kv_heads));
}

template <class T>
void test_swiglu(int64_t tokens, int64_t ffn) {
  std::vector<T> gate_up = noises<T>(tokens * 2 * ffn, 8, 5);
  const auto set = [&](int64_t col, float gate, float up) {
    if (col < ffn) gate_up[col] = number<T>(gate), gate_up[ffn + col] = number<T>(up);
  };
  set(2, 60000, 60000), set(3, 60000, -60000), set(4, -100, 5), set(5, NAN, 1), set(6, 1, NAN), set(7, -88, 3);
  std::vector<double> expected(tokens * ffn);
  for (int64_t i = 0; i < tokens * ffn; ++i) {
    const double gate = value(gate_up[i / ffn * 2 * ffn + i % ffn]),
                 up = value(gate_up[(i / ffn * 2 + 1) * ffn + i % ffn]);
    expected[i] = up * (gate / (1 + std::exp(-gate)));
  }
  const Device<T> in_memory(gate_up);
  Result<T> out(tokens * ffn);
  prompt_swiglu(out.memory.data, in_memory.data, tokens, ffn, kDtype<T>, kPaths, nullptr);
  report(out.agrees(expected),
         std::string("swiglu ") + name_of<T>() + " tokens " + std::to_string(tokens) + " ffn " + std::to_string(ffn));
}

template <class T>
void test_convert(int64_t count, int64_t first) {
  std::vector<float> in = noises<float>(first + count, 100, 6);
  if (count > 2) in[first] = 1e6f, in[first + 1] = -1e6f, in[first + 2] = NAN;
  const Device<float> in_memory(in);
  Result<T> out(first + count);
  std::vector<double> expected(in.begin(), in.end());
  prompt_convert(out.memory.data + first, in_memory.data + first, count, kDtype<T>, kPaths, nullptr);
  PHI3LAB_CUDA_CHECK(cudaDeviceSynchronize());
  bool ok = true;
  const std::vector<T> got = out.memory.read(first + count + kMargin);
  for (int64_t i = 0; i < first + count + kMargin; ++i) {
    const bool inside = i >= first && i < first + count;
    ok = ok && (inside ? Result<T>::close(value(got[i]), expected[i]) : bits(&got[i]) == 0x7f7f);
  }
  report(ok,
         std::string("convert ") + name_of<T>() + " count " + std::to_string(count) + " from " + std::to_string(first));
}

struct AttentionCase {
  int64_t tokens, position, window, head_dim, heads, kv_heads;
  float size;  // of queries: large ones make sharp weights, and references that rise
};

template <class T>
void test_attend(const AttentionCase& c, const DeviceKernels& chosen, const Partials& partials) {
  const auto& [device, kernels] = chosen;
  static Device<T> qkv, kept, context;
  static Device<Verdict> verdict;
  static Device<unsigned> changed;
  AttentionShape shape;
  shape.heads = c.heads, shape.kv_heads = c.kv_heads, shape.head_dim = c.head_dim, shape.window = c.window;
  shape.scale = 1 / std::sqrt(static_cast<float>(c.head_dim));
  if (!prompt_attend_fits(shape, device)) return;
  const int64_t layers = 3, layer = 1, positions = c.position + c.tokens;
  CacheView cache;
  cache.block_stride = layers * 2 * c.kv_heads * CacheView::kBlock * c.head_dim;
  cache.kv_heads = static_cast<int32_t>(c.kv_heads), cache.head_dim = static_cast<int32_t>(c.head_dim);
  const int64_t cached = ((positions - 1) / CacheView::kBlock + 1) * cache.block_stride;
  const int64_t queries = c.tokens * shape.qkv_cols(), results = c.tokens * shape.context_cols();
  const int64_t margin = 128 * shape.context_cols();  // a whole tile of rows behind the last, which may not be written
  const auto poison = [](Device<T>& memory, int64_t count) {
    fill_bits_kernel<<<256, 256>>>(reinterpret_cast<uint16_t*>(memory.reserve(count)), count, kPoison);
    return memory.data;
  };
  cache.data = poison(kept, cached);
  poison(qkv, queries + 128 * shape.qkv_cols());
  poison(context, results + margin);
  fill_cache_kernel<T>
      <<<dim3(static_cast<unsigned>(positions), static_cast<unsigned>(c.kv_heads)), 128>>>(cache, layer, 7);
  fill_queries_kernel<T><<<static_cast<unsigned>(c.tokens), 256>>>(qkv.data, static_cast<int>(shape.qkv_cols()),
                                                                   static_cast<int>(shape.context_cols()), c.size, 8);
  const Device<int32_t> position(std::vector<int32_t>{static_cast<int32_t>(c.position)});
  verdict = std::vector<Verdict>(1);
  changed = std::vector<unsigned>(1);

  prompt_attend(context.data, qkv.data, cache, position.data, c.tokens, layer, shape, kDtype<T>, device, kernels,
                partials, nullptr);
  judge_attention_kernel<T>
      <<<dim3(static_cast<unsigned>(c.tokens), static_cast<unsigned>(c.heads)), 128, positions * sizeof(float)>>>(
          verdict.data, context.data, qkv.data, cache, position.data, layer, shape, kRounding<T>);
  count_changed_kernel<<<64, 256>>>(changed.data, reinterpret_cast<const uint16_t*>(context.data + results), margin,
                                    kPoison);
  PHI3LAB_CUDA_CHECK(cudaGetLastError());
  PHI3LAB_CUDA_CHECK(cudaDeviceSynchronize());
  const Verdict found = verdict.read(1)[0];
  const unsigned behind = changed.read(1)[0];
  char name[200];
  std::snprintf(
      name, sizeof name,
      "attend%s %s tokens %d at %d window %d head_dim %d heads %d:%d size %g: %u wrong, %u behind, worst %.2f",
      kernels.clusters ? "" : " without clusters", name_of<T>(), int(c.tokens), int(c.position), int(c.window),
      int(c.head_dim), int(c.heads), int(c.kv_heads), c.size, found.wrong, behind, found.worst);
  report(found.wrong == 0 && behind == 0, name);
}

/** Every length, position and window, each with two of the 7 head sizes, 5 groupings and 2 formats: those counts share
 * no factor with the inner loops', so that every pair of values meets. Then each shape on a prompt of large tiles. */
void test_attention(const DeviceKernels& kernels, const Partials& partials) {
  const int64_t head_dims[] = {96, 64, 128, 80, 32, 256, 112};
  const int64_t groupings[][2] = {{2, 2}, {4, 2}, {3, 1}, {4, 1}, {9, 3}};
  int64_t k = 0;
  const auto run = [&](int64_t tokens, int64_t position, int64_t window, int64_t shape) {
    const auto& grouping = groupings[shape % 5];
    const AttentionCase c = {tokens,      position,          window, head_dims[shape % 7], grouping[0],
                             grouping[1], k % 3 ? 2.f : 16.f};
    k % 2 ? test_attend<__half>(c, kernels, partials) : test_attend<__nv_bfloat16>(c, kernels, partials);
    ++k;
  };
  for (const int64_t round : {0, 1}) {
    for (const int64_t tokens : {1, 2, 7, 16, 25, 63, 64, 65, 129, 200, 512, 1000}) {
      for (const int64_t position : {0, 1, 63, 64, 100, 2000}) {
        for (const int64_t window : {0, 5, 64, 2047}) run(tokens, position, window, k + 3 * round);
      }
    }
    ++k;
  }
  // One multiprocessor as far as the launcher knows: tiles of 128 rows from two tiles on.
  DeviceKernels small = kernels;
  small.device.multiprocessors = 1;
  for (int64_t shape = 0; shape < 35; ++shape) {
    const auto& grouping = groupings[shape % 5];
    for (const int64_t tokens : {int64_t{130}, 385 + shape, int64_t{1000}}) {
      const AttentionCase c = {tokens,      shape * 31,  shape % 4 ? shape * 20 : 0, head_dims[shape % 7],
                               grouping[0], grouping[1], shape % 3 ? 2.f : 16.f};
      test_attend<__nv_bfloat16>(c, small, partials);
      test_attend<__half>(c, small, partials);
    }
  }
}

template <class T>
void test_steps() {
  for (const int64_t cols : {1, 3, 48, 100, 101, 3072, 5001, 17000}) {
    for (const int64_t tokens : {1, 3, 17}) test_rms_norm<T>(tokens, cols);
  }
  const int64_t groupings[][2] = {{2, 2}, {4, 2}, {3, 1}, {9, 3}};
  int64_t k = 0;
  for (const int64_t head_dim : {2, 12, 16, 48, 64, 96, 100, 128}) {
    for (const int64_t position : {0, 1, 63, 100}) {
      for (const int64_t tokens : {1, 7, 65}) {
        const auto& grouping = groupings[k++ % 4];
        test_rope_append<T>(tokens, position, head_dim, grouping[0], grouping[1]);
      }
    }
  }
  for (const int64_t ffn : {1, 3, 88, 100, 8192}) {
    for (const int64_t tokens : {1, 5, 33}) test_swiglu<T>(tokens, ffn);
  }
  for (const int64_t count : {1, 7, 8, 9, 1000, 100003}) {
    for (const int64_t first : {0, 1, 8}) test_convert<T>(count, first);
  }
}

}  // namespace
}  // namespace phi3lab::cuda::test

int main(int count, char** arguments) try {
  using namespace phi3lab::cuda;
  const char* const choice = std::getenv("PHI3LAB_CUDA_ARCH");
  const DeviceKernels kernels = device_kernels_of(0, choice ? choice : "");
  const test::PartialsMemory memory(kernels.device);
  const Partials partials = memory.get();
  if (count > 1 && std::strcmp(arguments[1], "bench") == 0)
    return test::bench(kernels.device, kernels.kernels, partials), 0;
  test::test_steps<__nv_bfloat16>();
  test::test_steps<__half>();
  test::test_attention(kernels, partials);
  if (kernels.kernels.clusters) test::test_attention(device_kernels_of(0, "8.6"), partials);
  if (!test::failed.empty()) std::printf("\nFailed:\n");
  for (const std::string& name : test::failed) std::printf("not ok %s\n", name.c_str());
  std::printf("%d passed, %d failed\n", test::passed, static_cast<int>(test::failed.size()));
  return test::failed.empty() ? 0 : 1;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
