// What a prompt's pass does between its products besides attention: norm, rotation and append, gated activation,
// conversion. All are bound by memory: a number is read once and written once, 16 bytes at a time where a row's length
// and place allow it, one number at a time elsewhere. Arithmetic is float32.
#include "launch.cuh"
#include "prompt.h"

namespace phi3lab::cuda {

namespace {

bool aligned(const void* pointer, size_t bytes) { return reinterpret_cast<uintptr_t>(pointer) % bytes == 0; }

unsigned groups(int64_t count, int64_t size) { return static_cast<unsigned>((count + size - 1) / size); }

constexpr int kKept = 4;  // packs of a row that a thread keeps in registers

/** A block a row: out (tokens, cols) = in · rsqrt(mean(in²) + eps) · weight. */
template <class T, int kPack>
__global__ void rms_norm_kernel(T* out, const float* in, const float* weight, int cols, float eps) {
  wait_previous();
  release_next();
  using From = Pack<float, kPack>;
  const int step = blockDim.x * kPack, first = threadIdx.x * kPack, later = first + kKept * step;
  in += static_cast<int64_t>(blockIdx.x) * cols;
  out += static_cast<int64_t>(blockIdx.x) * cols;
  const auto load = [](const float* from) { return *reinterpret_cast<const From*>(from); };

  From kept[kKept];
#pragma unroll
  for (int i = 0; i < kKept; ++i) {
    if (first + i * step < cols) kept[i] = load(in + first + i * step);
  }
  float squares = 0;
  const auto add_squares = [&](const From& x) {
#pragma unroll
    for (int j = 0; j < kPack; ++j) squares = fmaf(x.at[j], x.at[j], squares);
  };
#pragma unroll
  for (int i = 0; i < kKept; ++i) {
    if (first + i * step < cols) add_squares(kept[i]);
  }
  for (int col = later; col < cols; col += step) add_squares(load(in + col));  // only where registers don't suffice

  __shared__ float of_warps[32];
  squares = warp_sum(squares);
  if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = squares;
  __syncthreads();
  const float total = warp_sum(threadIdx.x % 32 < blockDim.x / 32 ? of_warps[threadIdx.x % 32] : 0.f);
  const float scale = rsqrtf(total / cols + eps);

  const auto store = [&](int col, const From& x) {
    const From w = load(weight + col);
    Pack<T, kPack> y;
#pragma unroll
    for (int j = 0; j < kPack; ++j) y.at[j] = saturated<T>(x.at[j] * scale * w.at[j]);
    *reinterpret_cast<Pack<T, kPack>*>(out + col) = y;
  };
#pragma unroll
  for (int i = 0; i < kKept; ++i) {
    if (first + i * step < cols) store(first + i * step, kept[i]);
  }
  for (int col = later; col < cols; col += step) store(col, load(in + col));
}

/** Grid (tokens, packs of a row's head halves): a thread takes numbers i.. and i + half.. of one head of one token; it
 * rotates them in place (q), into the cache (k), or copies them there (v). */
template <class T, int kPack>
__global__ void rope_append_kernel(T* qkv, CacheView cache, const int32_t* position, const float* table, int heads,
                                   int layer) {
  wait_previous();
  release_next();
  const int head_dim = cache.head_dim, half = head_dim / 2, packs = half / kPack;
  const int unit = blockIdx.y * blockDim.x + threadIdx.x, head = unit / packs, i = unit % packs * kPack;
  const int all_heads = heads + 2 * cache.kv_heads;  // q, k, v
  if (head >= all_heads) return;
  const int64_t at = static_cast<int64_t>(*position) + blockIdx.x;
  T* const low_at = qkv + (static_cast<int64_t>(blockIdx.x) * all_heads + head) * head_dim + i;
  using Numbers = Pack<T, kPack>;
  Numbers low = *reinterpret_cast<const Numbers*>(low_at);
  Numbers high = *reinterpret_cast<const Numbers*>(low_at + half);

  const bool is_value = head >= heads + cache.kv_heads;
  if (!is_value) {
    using Factors = Pack < float, kPack<4 ? kPack : 4>;
    const float* const row = table + at * head_dim + i;  // (head_dim,): cosines, then sines
    Factors cosine[(kPack + 3) / 4], sine[(kPack + 3) / 4];
#pragma unroll
    for (int j = 0; j < kPack; j += 4) {
      cosine[j / 4] = *reinterpret_cast<const Factors*>(row + j);
      sine[j / 4] = *reinterpret_cast<const Factors*>(row + half + j);
    }
#pragma unroll
    for (int j = 0; j < kPack; ++j) {
      const float x = to_float(low.at[j]), y = to_float(high.at[j]);
      const float c = cosine[j / 4].at[j % 4], s = sine[j / 4].at[j % 4];
      low.at[j] = saturated<T>(x * c - y * s);
      high.at[j] = saturated<T>(y * c + x * s);
    }
  }
  T* to = low_at;
  if (head >= heads) {
    const int kv_head = is_value ? head - heads - cache.kv_heads : head - heads;
    to = static_cast<T*>(cache.data) + cache.offset(layer, is_value, kv_head, at) + i;
  }
  *reinterpret_cast<Numbers*>(to) = low;
  *reinterpret_cast<Numbers*>(to + half) = high;
}

/** Grid (packs of a row, tokens): out (tokens, ffn) = up · gate / (1 + exp(-gate)). */
template <class T, int kPack>
__global__ void swiglu_kernel(T* out, const T* gate_up, int ffn) {
  wait_previous();
  release_next();
  const int col = (blockIdx.x * blockDim.x + threadIdx.x) * kPack;
  if (col >= ffn) return;
  using Numbers = Pack<T, kPack>;
  const T* const row = gate_up + static_cast<int64_t>(blockIdx.y) * 2 * ffn;
  const Numbers gate = *reinterpret_cast<const Numbers*>(row + col);
  const Numbers up = *reinterpret_cast<const Numbers*>(row + ffn + col);
  Numbers activation;
#pragma unroll
  for (int j = 0; j < kPack; ++j)
    activation.at[j] = saturated<T>(swiglu_16_bit(to_float(gate.at[j]), to_float(up.at[j])));
  *reinterpret_cast<Numbers*>(out + static_cast<int64_t>(blockIdx.y) * ffn + col) = activation;
}

template <class T, int kPack>
__global__ void convert_kernel(T* out, const float* in, int64_t count) {
  wait_previous();
  release_next();
  const int64_t first = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * kPack;
  if (first + kPack <= count) {
    using From = Pack < float, kPack<4 ? kPack : 4>;
    From x[(kPack + 3) / 4];
#pragma unroll
    for (int j = 0; j < kPack; j += 4) x[j / 4] = *reinterpret_cast<const From*>(in + first + j);
    Pack<T, kPack> y;
#pragma unroll
    for (int j = 0; j < kPack; ++j) y.at[j] = saturated<T>(x[j / 4].at[j % 4]);
    *reinterpret_cast<Pack<T, kPack>*>(out + first) = y;
  } else {
    for (int64_t i = first; i < count; ++i) out[i] = saturated<T>(in[i]);
  }
}

}  // namespace

void prompt_rms_norm(void* out, const float* in, const float* weight, int64_t tokens, int64_t cols, float eps,
                     Dtype dtype, const KernelSet& kernels, cudaStream_t stream) {
  if (tokens < 1) return;
  dispatch_16_bit("rms_norm", dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const bool packed = cols % 4 == 0 && aligned(in, 16) && aligned(weight, 16) && aligned(out, 8);
    const int64_t of_thread = kKept * (packed ? 4 : 1), threads = (cols + of_thread - 1) / of_thread;
    const unsigned block = threads < 1024 ? groups(threads, 32) * 32 : 1024;
    launch({static_cast<unsigned>(tokens), block, 0, stream, kernels.overlap},
           packed ? rms_norm_kernel<T, 4> : rms_norm_kernel<T, 1>, static_cast<T*>(out), in, weight,
           static_cast<int>(cols), eps);
  });
}

void prompt_rope_append(void* qkv, CacheView cache, const int32_t* position, const float* table, int64_t tokens,
                        int64_t layer, const AttentionShape& shape, Dtype dtype, const KernelSet& kernels,
                        cudaStream_t stream) {
  if (tokens < 1) return;
  dispatch_16_bit("rope", dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const int64_t half = shape.head_dim / 2, heads = shape.heads + 2 * shape.kv_heads;
    const bool packed = half % 8 == 0 && cache.block_stride % 8 == 0 && aligned(qkv, 16) && aligned(cache.data, 16) &&
                        aligned(table, 16);
    constexpr unsigned kBlock = 192;
    const dim3 grid(static_cast<unsigned>(tokens), groups(heads * half / (packed ? 8 : 1), kBlock));
    launch({grid, kBlock, 0, stream, kernels.overlap}, packed ? rope_append_kernel<T, 8> : rope_append_kernel<T, 1>,
           static_cast<T*>(qkv), cache, position, table, static_cast<int>(shape.heads), static_cast<int>(layer));
  });
}

void prompt_swiglu(void* out, const void* gate_up, int64_t tokens, int64_t ffn, Dtype dtype, const KernelSet& kernels,
                   cudaStream_t stream) {
  if (tokens < 1) return;
  dispatch_16_bit("swiglu", dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const bool packed = ffn % 8 == 0 && aligned(out, 16) && aligned(gate_up, 16);
    constexpr unsigned kBlock = 256;
    const dim3 grid(groups(ffn, kBlock * (packed ? 8 : 1)), static_cast<unsigned>(tokens));
    launch({grid, kBlock, 0, stream, kernels.overlap}, packed ? swiglu_kernel<T, 8> : swiglu_kernel<T, 1>,
           static_cast<T*>(out), static_cast<const T*>(gate_up), static_cast<int>(ffn));
  });
}

void prompt_convert(void* out, const float* in, int64_t count, Dtype dtype, const KernelSet& kernels,
                    cudaStream_t stream) {
  if (count < 1) return;
  dispatch_16_bit("convert", dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const bool packed = aligned(out, 16) && aligned(in, 16);
    constexpr unsigned kBlock = 256;
    launch({groups(count, kBlock * (packed ? 8 : 1)), kBlock, 0, stream, kernels.overlap},
           packed ? convert_kernel<T, 8> : convert_kernel<T, 1>, static_cast<T*>(out), in, count);
  });
}

}  // namespace phi3lab::cuda
