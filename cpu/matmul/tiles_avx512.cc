// Several tokens' product with interleaved16 weights: 16 rows' weights are dequantised in registers, column by column,
// and multiplied with a transposed tile of up to 24 tokens whose sums stay in registers. Nothing is packed, so short
// prompts lose no time on it.
#include <immintrin.h>

#include "avx512.h"
#include "cpu/simd/avx512.h"

namespace phi3lab::cpu {
namespace {

/** The tile that comes next when so many tokens are left. */
inline int tile_size(int64_t left) {
  return left >= 24 ? 24 : left >= 16 ? 16 : left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

/** Calls column(k, weights) for the 32 columns of a block, weights being those of 16 rows as float32. */
template <WeightType type, class Column>
inline void for_columns(const uint8_t* block, Column column) {
  constexpr size_t quants = quants16(type);
  const __m512 d = _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + quants)));
  if constexpr (type == WeightType::Q8_0) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) {
      const __m512i w = _mm512_xor_si512(_mm512_loadu_si512(block + 64 * i), _mm512_set1_epi8(-128));
      column(4 * i, _mm512_mul_ps(d, _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(w, 24), 24))));
      column(4 * i + 1, _mm512_mul_ps(d, _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(w, 16), 24))));
      column(4 * i + 2, _mm512_mul_ps(d, _mm512_cvtepi32_ps(_mm512_srai_epi32(_mm512_slli_epi32(w, 8), 24))));
      column(4 * i + 3, _mm512_mul_ps(d, _mm512_cvtepi32_ps(_mm512_srai_epi32(w, 24))));
    }
  } else {
    __m512 numbers =
        _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);  // vpermps takes the low 4 bits
    __m512 m = _mm512_setzero_ps();
    if constexpr (type == WeightType::Q4_1) {
      m = _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + quants + 32)));
    } else {
      numbers = _mm512_sub_ps(numbers, _mm512_set1_ps(8.0f));
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
      __m512i w = _mm512_loadu_si512(block + 64 * i);
#pragma GCC unroll 4
      for (int j = 0; j < 4; j++, w = _mm512_srli_epi32(w, 8)) {
        const __m512 low = _mm512_permutexvar_ps(w, numbers);
        const __m512 high = _mm512_permutexvar_ps(_mm512_srli_epi32(w, 4), numbers);
        if constexpr (type == WeightType::Q4_1) {
          column(4 * i + j, _mm512_fmadd_ps(low, d, m));
          column(16 + 4 * i + j, _mm512_fmadd_ps(high, d, m));
        } else {
          column(4 * i + j, _mm512_mul_ps(low, d));
          column(16 + 4 * i + j, _mm512_mul_ps(high, d));
        }
      }
    }
  }
}

/** 16 rows times n tokens: out[t * stride + row]. */
template <WeightType type, int n>
inline void multiply_tile(float* out, int64_t stride, __mmask16 present, const uint8_t* block, const float* x,
                          int64_t blocks) {
  // Few tokens leave the multiply-adds waiting for each other: then every fourth column has a sum of its own.
  constexpr int chains = n >= 8 ? 1 : 4;
  __m512 sums[n][chains];
  for (int t = 0; t < n; t++) {
    for (int c = 0; c < chains; c++) sums[t][c] = _mm512_setzero_ps();
  }
  for (int64_t b = 0; b < blocks; b++, block += block16(type), x += 32 * n) {
    for_columns<type>(block, [&](int k, __m512 w) __attribute__((always_inline)) {
#pragma GCC unroll 24
      for (int t = 0; t < n; t++) {
        sums[t][k % chains] = _mm512_fmadd_ps(w, _mm512_set1_ps(x[k * n + t]), sums[t][k % chains]);
      }
    });
  }
  for (int t = 0; t < n; t++) {
    __m512 sum = sums[t][0];
    if constexpr (chains == 4)
      sum = _mm512_add_ps(_mm512_add_ps(sum, sums[t][1]), _mm512_add_ps(sums[t][2], sums[t][3]));
    _mm512_mask_storeu_ps(out + t * stride, present, sum);
  }
}

template <WeightType type>
void multiply(const Gemm& p, const Segment& s, const float* tiles, float* out, int64_t tokens, int64_t first,
              int64_t last) {
  const int64_t blocks = p.cols / 32, stride = p.out_stride;
  for (int64_t row = first; row < last; row += kGroupRows) {
    const uint8_t* group = s.data + static_cast<size_t>(row / kGroupRows * blocks) * block16(type);
    const int64_t left = last - row;
    const __mmask16 present = left >= 16 ? 0xffff : static_cast<__mmask16>((1u << left) - 1);
    for (int64_t t = 0; t < tokens;) {
      const int n = tile_size(tokens - t);
      float* y = out + t * stride + s.first + row;
      const float* x = tiles + t * p.cols;
      if (n == 24)
        multiply_tile<type, 24>(y, stride, present, group, x, blocks);
      else if (n == 16)
        multiply_tile<type, 16>(y, stride, present, group, x, blocks);
      else if (n == 8)
        multiply_tile<type, 8>(y, stride, present, group, x, blocks);
      else if (n == 4)
        multiply_tile<type, 4>(y, stride, present, group, x, blocks);
      else if (n == 2)
        multiply_tile<type, 2>(y, stride, present, group, x, blocks);
      else
        multiply_tile<type, 1>(y, stride, present, group, x, blocks);
      t += n;
    }
  }
}

template <WeightType type>
void unpack(float* panel, const uint8_t* block, int64_t blocks) {
  for (int64_t b = 0; b < blocks; b++, block += block16(type), panel += 32 * 32) {
    for_columns<type>(block,
                      [&](int k, __m512 w) __attribute__((always_inline)) { _mm512_storeu_ps(panel + 32 * k, w); });
  }
}

}  // namespace

void transpose_tiles(float* out, const float* x, int64_t x_stride, int64_t tokens, int64_t cols, int64_t first,
                     int64_t last) {
  for (int64_t t = 0; t < tokens;) {
    const int n = tile_size(tokens - t);
    for (int64_t k = first; k < last; k += 16) {
      for (int u = 0; u < n; u += 16) {
        const int present = n - u < 16 ? n - u : 16;
        __m512 v[16];
        for (int i = 0; i < 16; i++) {
          v[i] = i < present ? _mm512_loadu_ps(x + (t + u + i) * x_stride + k) : _mm512_setzero_ps();
        }
        Avx512::transpose(v);
        const __mmask16 mask = static_cast<__mmask16>((1u << present) - 1);
        for (int i = 0; i < 16; i++) _mm512_mask_storeu_ps(out + t * cols + (k + i) * n + u, mask, v[i]);
      }
    }
    t += n;
  }
}

void multiply_tiles(const Gemm& p, const Segment& s, const float* tiles, float* out, int64_t tokens, int64_t first,
                    int64_t last) {
  with_interleaved16_type(s.type,
                          [&](auto type) { multiply<decltype(type)::value>(p, s, tiles, out, tokens, first, last); });
}

void unpack_interleaved16(float* panel, const Segment& s, int64_t cols, int64_t row, int64_t first, int64_t count) {
  const uint8_t* block = s.data + static_cast<size_t>(row / kGroupRows * (cols / 32) + first / 32) * block16(s.type);
  with_interleaved16_type(s.type, [&](auto type) { unpack<decltype(type)::value>(panel, block, count / 32); });
}

}  // namespace phi3lab::cpu
