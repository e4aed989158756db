// Filed rows as vectors of float32, whatever their format, and dot products with them. A template over the vector type
// (simd_*.h), so that each path's instances have names of their own.
#pragma once

#include "paths.h"
#include "super_rows.h"

namespace phi3lab::cpu {

/** Weights [k, k + 32) of a as_stored row, as 32 / width vectors; k is a multiple of 32. Not for blocks of 256. */
template <class V, WeightType type>
static inline void load_weights(typename V::Vector* w, const uint8_t* row, int64_t k) {
  constexpr int n = 32 / V::width, half = n / 2;
  if constexpr (type == WeightType::F32) {
    for (int i = 0; i < n; i++) w[i] = V::load(reinterpret_cast<const float*>(row) + k + i * V::width);
  } else if constexpr (type == WeightType::F16) {
    for (int i = 0; i < n; i++) w[i] = V::load_f16(row + 2 * (k + i * V::width));
  } else if constexpr (type == WeightType::BF16) {
    for (int i = 0; i < n; i++) w[i] = V::load_bf16(row + 2 * (k + i * V::width));
  } else if constexpr (type == WeightType::Q5_0) {
    const auto& b = reinterpret_cast<const BlockQ5_0*>(row)[k / 32];
    const auto d = V::set1(V::half(b.d) * V::quant_unit);
    V::to_floats(w, V::minus(V::join(V::load_nibbles32(b.quants), V::spread_bits(b.high), 4), 16));
    for (int i = 0; i < n; i++) w[i] = V::mul(d, w[i]);
  } else if constexpr (type == WeightType::Q5_1) {
    const auto& b = reinterpret_cast<const BlockQ5_1*>(row)[k / 32];
    const auto d = V::set1(V::half(b.d) * V::quant_unit), m = V::set1(V::half(b.m));
    V::to_floats(w, V::join(V::load_nibbles32(b.quants), V::spread_bits(b.high), 4));
    for (int i = 0; i < n; i++) w[i] = V::multiply_add(d, w[i], m);
  } else if constexpr (type == WeightType::IQ4_NL) {
    const auto& b = reinterpret_cast<const BlockIQ4_NL*>(row)[k / 32];
    const auto d = V::set1(V::half(b.d) * V::quant_unit);
    V::to_floats(w, V::look_up(kIQ4, V::load_nibbles32(b.quants)));
    for (int i = 0; i < n; i++) w[i] = V::mul(d, w[i]);
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
    static_assert(type == WeightType::Q4_0, "blocks of 256 are unpacked whole");
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
  using Vectors = const typename V::Vector*;
  const auto put = [&](int64_t k, Vectors w) {
    for (int i = 0; i < 32 / V::width; i++) V::store(out + k + i * V::width, w[i]);
  };
  int64_t k = 0;
  if constexpr (is_super<type>) {
    for (; k < count; k += 256)
      unpack_super_block<V, type>(row, first + k, [&](int j, Vectors w) { put(k + 32 * j, w); });
  } else {
    for (; k + 32 <= count; k += 32) {
      typename V::Vector w[32 / V::width];
      load_weights<V, type>(w, row, first + k);
      put(k, w);
    }
    if (k < count) dequantise(out + k, type, row, first + k, count - k);
  }
}

/** How far ahead of a product its weights are fetched, where that helps. */
constexpr size_t kAhead = 4096;

/** Fetches `bytes` bytes. */
template <class V>
static inline void fetch(const uint8_t* p, size_t bytes) {
  for (size_t at = 0; V::fetches && at < bytes; at += 64) __builtin_prefetch(p + at);
}

/** One row times one token; x (cols,). */
template <class V, WeightType type>
static inline float dot_row(const uint8_t* row, const float* x, int64_t cols) {
  constexpr int n = 32 / V::width;
  typename V::Vector sums[n];
  for (int i = 0; i < n; i++) sums[i] = V::zero();
  float tail = 0;
  const auto add = [&](const typename V::Vector* w, const float* at) {
    for (int i = 0; i < n; i++) sums[i] = V::multiply_add(w[i], V::load(at + i * V::width), sums[i]);
  };
  if constexpr (is_super<type>) {
    const size_t block = row_bytes(type, 256);
    const uint8_t* ahead = row + kAhead;
    for (int64_t k = 0; k < cols; k += 256, ahead += block) {
      fetch<V>(ahead, block);
      unpack_super_block<V, type>(row, k, [&](int j, const typename V::Vector* w) { add(w, x + k + 32 * j); });
    }
  } else {
    int64_t k = 0;
    const size_t block = row_bytes(type, 32);
    const uint8_t* ahead = row + kAhead;
    for (; k + 32 <= cols; k += 32, ahead += block) {
      fetch<V>(ahead, block);
      typename V::Vector w[n];
      load_weights<V, type>(w, row, k);
      add(w, x + k);
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
