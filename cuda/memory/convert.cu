// The conversion kernels: a thread a number.
#include "convert.h"
#include "number_at.cuh"

namespace phi3lab::cuda {
namespace {

/** target (…, cols): rows of `source` (rows, cols), a block a row. */
template <WeightType kType, class T>
__global__ void convert_rows_kernel(T* target, const uint8_t* source, const int32_t* row_map, int64_t row_bytes,
                                    int64_t cols) {
  const int64_t row = blockIdx.x;
  T* out = target + (row_map ? row_map[row] : row) * cols;
  for (int64_t k = threadIdx.x; k < cols; k += blockDim.x)
    out[k] = stored<T>(number_at<kType>(source + row * row_bytes, k));
}

constexpr int kPack = 8;                // bfloat16 numbers that a thread takes at once
constexpr unsigned kInfinity = 0x7f80;  // bfloat16's bits

struct alignas(16) Bits {
  uint16_t at[kPack];
};

/** Calls f(bits) for every number, 8 a thread and turn, in place. */
template <bool kStores, class F>
__device__ __forceinline__ void each_number(uint16_t* numbers, int64_t count, const F& f) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x * kPack;
  for (int64_t i = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * kPack; i < count; i += step) {
    if (i + kPack <= count) {
      Bits bits = *reinterpret_cast<Bits*>(numbers + i);
#pragma unroll
      for (int j = 0; j < kPack; j++) f(bits.at[j]);
      if (kStores) *reinterpret_cast<Bits*>(numbers + i) = bits;
    } else {
      for (int64_t k = i; k < count; k++) f(numbers[k]);
    }
  }
}

__global__ void largest_kernel(uint32_t* largest, uint16_t* numbers, int64_t count) {
  unsigned most = 0;
  each_number<false>(numbers, count, [&](uint16_t& bits) {
    const unsigned magnitude = bits & 0x7fffu;
    if (magnitude < kInfinity) most = max(most, magnitude);
  });
#pragma unroll
  for (int offset = 16; offset > 0; offset >>= 1) most = max(most, __shfl_xor_sync(0xffffffffu, most, offset));
  if (threadIdx.x % 32 == 0) atomicMax(largest, most);
}

__global__ void float16_kernel(uint16_t* numbers, int64_t count) {
  each_number<true>(numbers, count, [](uint16_t& bits) {
    bits = __half_as_ushort(__float2half_rn(__uint_as_float(static_cast<uint32_t>(bits) << 16)));
  });
}

/** Blocks for `count` numbers: enough to fill a GPU, not so many that a large matrix's are short-lived. */
unsigned blocks_for(int64_t count) {
  const int64_t blocks = (count + 256 * kPack - 1) / (256 * kPack);
  return static_cast<unsigned>(blocks < 2048 ? blocks : 2048);
}

}  // namespace

void find_largest_bfloat16(uint32_t* largest, const void* numbers, int64_t count, cudaStream_t stream) {
  auto* bits = static_cast<uint16_t*>(const_cast<void*>(numbers));
  largest_kernel<<<blocks_for(count), 256, 0, stream>>>(largest, bits, count);
  PHI3LAB_CUDA_CHECK(cudaGetLastError());
}

void bfloat16_to_float16(void* numbers, int64_t count, cudaStream_t stream) {
  float16_kernel<<<blocks_for(count), 256, 0, stream>>>(static_cast<uint16_t*>(numbers), count);
  PHI3LAB_CUDA_CHECK(cudaGetLastError());
}

void convert_rows(void* target, const void* source, const int32_t* row_map, WeightType type, int64_t rows, int64_t cols,
                  Dtype dtype, cudaStream_t stream) {
  const auto bytes_per_row = static_cast<int64_t>(row_bytes(type, cols));
  dispatch(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const auto launch = [&](auto kernel) {
      kernel<<<static_cast<unsigned>(rows), 256, 0, stream>>>(
          static_cast<T*>(target), static_cast<const uint8_t*>(source), row_map, bytes_per_row, cols);
    };
    switch (type) {
      case WeightType::F32:
        return launch(convert_rows_kernel<WeightType::F32, T>);
      case WeightType::F16:
        return launch(convert_rows_kernel<WeightType::F16, T>);
      case WeightType::BF16:
        return launch(convert_rows_kernel<WeightType::BF16, T>);
      case WeightType::Q4_0:
        return launch(convert_rows_kernel<WeightType::Q4_0, T>);
      case WeightType::Q4_1:
        return launch(convert_rows_kernel<WeightType::Q4_1, T>);
      case WeightType::Q5_0:
        return launch(convert_rows_kernel<WeightType::Q5_0, T>);
      case WeightType::Q5_1:
        return launch(convert_rows_kernel<WeightType::Q5_1, T>);
      case WeightType::Q8_0:
        return launch(convert_rows_kernel<WeightType::Q8_0, T>);
      case WeightType::IQ4_NL:
        return launch(convert_rows_kernel<WeightType::IQ4_NL, T>);
      case WeightType::Q2_K:
        return launch(convert_rows_kernel<WeightType::Q2_K, T>);
      case WeightType::Q3_K:
        return launch(convert_rows_kernel<WeightType::Q3_K, T>);
      case WeightType::Q4_K:
        return launch(convert_rows_kernel<WeightType::Q4_K, T>);
      case WeightType::Q5_K:
        return launch(convert_rows_kernel<WeightType::Q5_K, T>);
      case WeightType::Q6_K:
        return launch(convert_rows_kernel<WeightType::Q6_K, T>);
      case WeightType::IQ4_XS:
        return launch(convert_rows_kernel<WeightType::IQ4_XS, T>);
    }
  });
  PHI3LAB_CUDA_CHECK(cudaGetLastError());
}

}  // namespace phi3lab::cuda
