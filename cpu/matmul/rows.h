// Filed rows as vectors of float32, whatever their format, and dot products with them. A template over the vector type
// (simd_*.h), so that each path's instances have names of their own.
#pragma once

#include "formats.h"
#include "paths.h"

namespace phi3lab::cpu {

/** Weights [k, k + 32) of a as_stored row, as 32 / width vectors; k is a multiple of 32. Not for Q6_K. */
template <class V, WeightType type>
static inline void load_weights(typename V::Vector* w, const uint8_t* row, int64_t k) {
  constexpr int n = 32 / V::width, half = n / 2;
  if constexpr (type == WeightType::F32) {
    for (int i = 0; i < n; i++) w[i] = V::load(reinterpret_cast<const float*>(row) + k + i * V::width);
  } else if constexpr (type == WeightType::F16) {
    for (int i = 0; i < n; i++) w[i] = V::load_f16(row + 2 * (k + i * V::width));
  } else if constexpr (type == WeightType::BF16) {
    for (int i = 0; i < n; i++) w[i] = V::load_bf16(row + 2 * (k + i * V::width));
  } else if constexpr (type == WeightType::Q8_0) {
    const auto& b = reinterpret_cast<const BlockQ8_0*>(row)[k / 32];
    const auto d = V::set1(V::half(b.d));
    for (int i = 0; i < n; i++) w[i] = V::mul(d, V::load_int8(b.quants + i * V::width));
  } else if constexpr (type == WeightType::Q4_1) {
    const auto& b = reinterpret_cast<const BlockQ4_1*>(row)[k / 32];
    const auto d = V::set1(V::half(b.d)), m = V::set1(V::half(b.m));
    for (int i = 0; i < half; i++) {
      V::load_nibbles(&w[i], &w[half + i], b.quants + i * V::width);
      w[i] = V::multiply_add(d, w[i], m);
      w[half + i] = V::multiply_add(d, w[half + i], m);
    }
  } else {
    static_assert(type == WeightType::Q4_0, "Q6_K is dequantised a block at a time");
    const auto& b = reinterpret_cast<const BlockQ4_0*>(row)[k / 32];
    const auto d = V::set1(V::half(b.d)), eight = V::set1(-8.0f);
    for (int i = 0; i < half; i++) {
      V::load_nibbles(&w[i], &w[half + i], b.quants + i * V::width);
      w[i] = V::mul(d, V::add(w[i], eight));
      w[half + i] = V::mul(d, V::add(w[half + i], eight));
    }
  }
}

/** Columns [first, first + count) of a as_stored row; `first` is a multiple of 256. */
template <class V, WeightType type>
static inline void dequantise_row(float* out, const uint8_t* row, int64_t first, int64_t count) {
  int64_t k = 0;
  if constexpr (type != WeightType::Q6_K) {
    for (; k + 32 <= count; k += 32) {
      typename V::Vector w[32 / V::width];
      load_weights<V, type>(w, row, first + k);
      for (int i = 0; i < 32 / V::width; i++) V::store(out + k + i * V::width, w[i]);
    }
  }
  if (k < count) dequantise(out + k, type, row, first + k, count - k);
}

/** Bytes of 32 columns of a as_stored row. Not for Q6_K. */
static constexpr size_t bytes32(WeightType type) {
  return type == WeightType::F32    ? 128
         : type == WeightType::Q8_0 ? sizeof(BlockQ8_0)
         : type == WeightType::Q4_1 ? sizeof(BlockQ4_1)
         : type == WeightType::Q4_0 ? sizeof(BlockQ4_0)
                                    : 64;
}

/** How far ahead of a product its weights are fetched, where that helps. */
constexpr size_t kAhead = 4096;

/** One row times one token; x (cols,). */
template <class V, WeightType type>
static inline float dot_row(const uint8_t* row, const float* x, int64_t cols) {
  constexpr int n = 32 / V::width;
  typename V::Vector sums[n];
  for (int i = 0; i < n; i++) sums[i] = V::zero();
  float tail = 0;
  if constexpr (type == WeightType::Q6_K) {
    for (int64_t first = 0; first < cols; first += 256) {
      float w[256];
      dequantise_q6_k(w, reinterpret_cast<const BlockQ6_K*>(row)[first / 256]);
      for (int k = 0; k < 256; k += 32) {
        for (int i = 0; i < n; i++) {
          const int at = k + i * V::width;
          sums[i] = V::multiply_add(V::load(w + at), V::load(x + first + at), sums[i]);
        }
      }
    }
  } else {
    int64_t k = 0;
    const uint8_t* ahead = row + kAhead;
    for (; k + 32 <= cols; k += 32, ahead += bytes32(type)) {
      for (size_t at = 0; V::fetches && at < bytes32(type); at += 64) __builtin_prefetch(ahead + at);
      typename V::Vector w[n];
      load_weights<V, type>(w, row, k);
      for (int i = 0; i < n; i++) sums[i] = V::multiply_add(w[i], V::load(x + k + i * V::width), sums[i]);
    }
    if (k < cols) {
      float w[32];
      dequantise(w, type, row, k, cols - k);
      for (int64_t i = 0; i < cols - k; i++) tail += w[i] * x[k + i];
    }
  }
  for (int step = n / 2; step > 0; step /= 2) {
    for (int i = 0; i < step; i++) sums[i] = V::add(sums[i], sums[i + step]);
  }
  return V::sum(sums[0]) + tail;
}

/** This thread's share of a as_stored segment, a row at a time: memory is read fastest as one stream. For few tokens.
 */
template <class V, WeightType type>
static void multiply_rows(const Gemm& p, const Segment& s) {
  const size_t stride = row_bytes(type, p.cols);
  int64_t first, last;
  share_of(s, p.thread, p.threads, &first, &last);
  for (int64_t r = first; r < last; r++) {
    float* out = p.out + output_row(s, r);
    for (int64_t t = 0; t < p.tokens; t++) {
      out[t * p.out_stride] = dot_row<V, type>(s.data + r * stride, p.in + t * p.in_stride, p.cols);
    }
  }
}

}  // namespace phi3lab::cpu
