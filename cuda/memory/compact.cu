// Weights into the planes of compact.h, and out of them: a thread a block of 32 columns, or eight columns.
#include <type_traits>

#include "compact.cuh"

namespace phi3lab::cuda {
namespace {

constexpr int kThreads = 256;

size_t whole(size_t bytes) { return (bytes + 255) / 256 * 256; }
unsigned blocks_for(int64_t count) { return static_cast<unsigned>((count + kThreads - 1) / kThreads); }

template <WeightType kType>
__global__ void __launch_bounds__(kThreads)
    repack_kernel(CompactMatrix m, int64_t first, const uint8_t* source, const int32_t* row_map, int64_t rows) {
  constexpr CompactFormat kFormat = compact_format(kType);
  const int64_t row_blocks = m.cols / 32, at = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  const int64_t row = at / row_blocks, in_row = at % row_blocks;
  if (row >= rows) return;
  const int64_t block = (first + (row_map ? row_map[row] : row)) * row_blocks + in_row;
  constexpr int kColumns = kFormat.super_bytes > 0 ? 256 : 32;
  const uint8_t* from = source + (row * (m.cols / kColumns) + in_row * 32 / kColumns) * kBlockBytes<kType>;
  const int column = static_cast<int>(in_row * 32 % kColumns);
  unsigned words[8] = {}, high[2] = {};
  for (int i = 0; i < 32; i++) {
    const int quant = stored_quant<kType>(from, column + i);
    if constexpr (kFormat.bits == 8) {
      words[i / 4] |= static_cast<unsigned>(quant & 255) << (8 * (i % 4));
    } else {
      words[i % 16 / 4] |= static_cast<unsigned>(quant & 15) << (8 * (i % 4) + 4 * (i / 16));
      if constexpr (kFormat.bits == 5) high[0] |= static_cast<unsigned>(quant >> 4) << (8 * (i % 4) + i / 4);
      if constexpr (kFormat.bits == 6)
        high[i / 16] |= static_cast<unsigned>(quant >> 4) << (8 * (i % 4) + 2 * (i % 16 / 4));
    }
  }
  auto* quants = reinterpret_cast<uint4*>(m.quants + block * kFormat.quant_bytes());
  quants[0] = make_uint4(words[0], words[1], words[2], words[3]);
  if constexpr (kFormat.bits == 8) quants[1] = make_uint4(words[4], words[5], words[6], words[7]);
  if constexpr (kFormat.bits == 5) reinterpret_cast<unsigned*>(m.high)[block] = high[0];
  if constexpr (kFormat.bits == 6) reinterpret_cast<uint2*>(m.high)[block] = make_uint2(high[0], high[1]);
  uint8_t* scales = m.scales + block * kFormat.scale_bytes;
  if constexpr (kFormat.super_bytes == 0) {
    for (int i = 0; i < kFormat.scale_bytes; i++) scales[i] = from[i];
  } else {
    stored_scales<kType>(scales, from, column / 32);
    constexpr int kAt = kType == WeightType::Q6_K ? 208 : 0;  // of d
    if (column == 0)
      for (int i = 0; i < kFormat.super_bytes; i++) m.supers[block / 8 * kFormat.super_bytes + i] = from[kAt + i];
  }
}

/** Eight numbers as 16-bit ones, as `stored` has them one by one; all at once where none is beyond float16's range. */
template <class T>
__device__ __forceinline__ void store_eight(T* out, const float* numbers) {
  alignas(16) T kept[8];
  float largest = 0;
#pragma unroll
  for (int i = 0; i < 8; i++) largest = fmaxf(largest, fabsf(numbers[i]));
  if (largest <= 65504.0f) {
#pragma unroll
    for (int i = 0; i < 8; i++) kept[i] = from_float<T>(numbers[i]);
  } else {
#pragma unroll
    for (int i = 0; i < 8; i++) kept[i] = stored<T>(numbers[i]);
  }
#pragma unroll
  for (int i = 0; i < static_cast<int>(sizeof(kept) / 16); i++)
    reinterpret_cast<uint4*>(out)[i] = reinterpret_cast<const uint4*>(kept)[i];
}

template <WeightType kType, class T>
__global__ void __launch_bounds__(kThreads) unpack_kernel(T* out, CompactMatrix part, unsigned count) {
  const unsigned at = blockIdx.x * kThreads + threadIdx.x;
  if (at >= count) return;
  float numbers[8];
  compact_eight<kType>(numbers, part, at / 4, static_cast<int>(at % 4));
  store_eight(out + size_t{8} * at, numbers);
}

}  // namespace

size_t compact_bytes(WeightType type, int64_t rows, int64_t cols) {
  const CompactFormat format = compact_format(type);
  const auto blocks = static_cast<size_t>(rows * (cols / 32)), supers = static_cast<size_t>(rows * (cols / 256));
  return whole(blocks * static_cast<size_t>(format.quant_bytes())) +
         whole(blocks * static_cast<size_t>(format.high_bytes())) +
         whole(blocks * static_cast<size_t>(format.scale_bytes)) +
         whole(supers * static_cast<size_t>(format.super_bytes));
}

CompactMatrix compact_at(void* memory, WeightType type, int64_t rows, int64_t cols) {
  const CompactFormat format = compact_format(type);
  const auto blocks = static_cast<size_t>(rows * (cols / 32));
  CompactMatrix m{type, rows, cols};
  m.quants = static_cast<uint8_t*>(memory);
  m.high = m.quants + whole(blocks * static_cast<size_t>(format.quant_bytes()));
  m.scales = m.high + whole(blocks * static_cast<size_t>(format.high_bytes()));
  m.supers = m.scales + whole(blocks * static_cast<size_t>(format.scale_bytes));
  return m;
}

void repack_rows(const CompactMatrix& target, int64_t first, const void* source, const int32_t* row_map, int64_t rows,
                 cudaStream_t stream) {
  with_compact_type(target.type, [&](auto type) {
    repack_kernel<decltype(type)::value><<<blocks_for(rows * (target.cols / 32)), kThreads, 0, stream>>>(
        target, first, static_cast<const uint8_t*>(source), row_map, rows);
  });
  PHI3LAB_CUDA_CHECK(cudaGetLastError());
}

void unpack_rows(void* out, const CompactMatrix& matrix, int64_t first, int64_t rows, Dtype dtype,
                 cudaStream_t stream) {
  const CompactFormat format = compact_format(matrix.type);
  const int64_t count = rows * (matrix.cols / 8), before = first * (matrix.cols / 32);
  CompactMatrix part = matrix;
  part.quants += before * format.quant_bytes();
  part.high += before * format.high_bytes();
  part.scales += before * format.scale_bytes;
  part.supers += before / 8 * format.super_bytes;
  with_compact_type(matrix.type, [&](auto type) {
    dispatch(dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      unpack_kernel<decltype(type)::value>
          <<<blocks_for(count), kThreads, 0, stream>>>(static_cast<T*>(out), part, static_cast<unsigned>(count));
    });
  });
  PHI3LAB_CUDA_CHECK(cudaGetLastError());
}

}  // namespace phi3lab::cuda
