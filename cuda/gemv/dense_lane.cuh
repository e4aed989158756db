// For registers.cuh, what a lane has of a row of a dense matrix: 16 bytes, and the same columns of the vector as
// float32.
#pragma once

#include "kernel.cuh"
#include "limbs.cuh"

namespace phi3lab::cuda {

/** A vector in shared memory. */
struct FloatVector {
  float4* numbers;
  int pieces;

  static __host__ __device__ constexpr int bytes(int cols) { return 4 * cols; }
  __device__ FloatVector(void* shared, int cols) : numbers(static_cast<float4*>(shared)), pieces(cols / 4) {}
  template <bool kNormed>
  __device__ __forceinline__ void fill(const float* in, const float* norm, float& square) const {
    each_four<kNormed>(in, norm, pieces, square, [&](float4 v, int piece) {
      if (piece < pieces) numbers[piece] = v;
    });
  }
};

template <class W>
struct DenseLane {
  using Matrix = const W*;
  using Shared = FloatVector;
  static constexpr int kColumns = Packed16<W>::kNumbers;

  /** The vector's share. */
  struct Vector {
    float numbers[kColumns];

    __device__ __forceinline__ void load(const FloatVector& from, int place) {
#pragma unroll
      for (int i = 0; i < kColumns / 4; i++) {
        const float4 four = from.numbers[place * (kColumns / 4) + i];
        numbers[4 * i] = four.x, numbers[4 * i + 1] = four.y, numbers[4 * i + 2] = four.z, numbers[4 * i + 3] = four.w;
      }
    }
    __device__ __forceinline__ void clear() {
#pragma unroll
      for (float& number : numbers) number = 0;
    }
  };

  uint4 numbers;

  __device__ __forceinline__ void load(const W* matrix, size_t place) {
    numbers = read_once(reinterpret_cast<const uint4*>(matrix) + place);
  }
  __device__ __forceinline__ void clear() { numbers = make_uint4(0, 0, 0, 0); }
  __device__ __forceinline__ float dot(const Vector& x) const {
    float even = 0, odd = 0;
    Packed16<W>::dot(even, odd, numbers, x.numbers);
    return even + odd;
  }
};

}  // namespace phi3lab::cuda
