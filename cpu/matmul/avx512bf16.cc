// Products of prompts in bfloat16, for those who ask for it: activations and weights of any format are rounded to the
// nearest bfloat16, ties to even, and vdpbf16ps adds their products two at a time into float32 sums. Numbers below
// 2⁻¹²⁶ count as 0; NaN and infinity stay what they are. The panels are those of float32 with a pair of columns in each
// place of 32 bits.
#include <immintrin.h>

#include "avx512.h"
#include "cpu/simd/avx512.h"
#include "panels.h"

namespace phi3lab::cpu {
namespace {

/** A vector of 16 pairs of bfloat16, carried as bits. */
struct Avx512Bf16 : Avx512 {
  /** c + a₀b₀ + a₁b₁ in each place. */
  static inline Vector multiply_add(Vector a, Vector b, Vector c) { return _mm512_dpbf16_ps(c, pairs(a), pairs(b)); }
  static inline __m512bh pairs(Vector bits) {
    __m512bh both;
    std::memcpy(&both, &bits, sizeof both);
    return both;
  }
};

/** Columns are rounded 32 at a time, and zeros fill up the last of them. */
constexpr int64_t padded(int64_t cols) { return (cols + 31) / 32 * 32; }

/** Tokens [first, last) of x (…, x_stride) as bfloat16 (…, padded(cols)). */
void round_tokens(uint16_t* out, const float* x, int64_t x_stride, int64_t cols, int64_t first, int64_t last) {
  const int64_t stride = padded(cols);
  for (int64_t t = first; t < last; t++) {
    for (int64_t k = 0; k < stride; k += 32) {
      const int64_t left = cols - k;
      const __mmask32 present = left >= 32 ? ~__mmask32{0} : (__mmask32{1} << left) - 1;
      const float* from = x + t * x_stride + k;
      const __m512 low = _mm512_maskz_loadu_ps(static_cast<__mmask16>(present), from);
      const __m512 high = _mm512_maskz_loadu_ps(static_cast<__mmask16>(present >> 16), from + 16);
      const __m512bh rounded = _mm512_cvtne2ps_pbh(high, low);
      std::memcpy(out + t * stride + k, &rounded, sizeof rounded);
    }
  }
}

// Where the pairs' numbers lie when an even column's 16 are followed by an odd one's.
alignas(64) constexpr uint16_t kPairs[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                             8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};

/** This thread's share of a segment; `pack` writes float32 columns as `multiply_panels` of float32 has them. */
template <class Pack>
void multiply_pairs(const Gemm& rounded, const Segment& s, int64_t cols, Pack pack) {
  constexpr int rows = 2 * Avx512::width;
  constexpr int64_t kSpan = 256;
  multiply_panels<Avx512Bf16>(rounded, s, [&](float* panel, int64_t row, int64_t first, int64_t count) {
    if (row >= s.rows) return;  // sums that nobody stores
    alignas(64) float numbers[kSpan * rows];
    const __m512i order = _mm512_load_si512(kPairs);
    for (int64_t pair = 0; pair < count; pair += kSpan / 2) {
      const int64_t column = 2 * (first + pair), n = cols - column < kSpan ? cols - column : kSpan;
      pack(numbers, row, column, n);
      for (int64_t k = 0; k < n; k += 2, panel += rows) {
        const __m512 even = _mm512_load_ps(numbers + k * rows);
        const __m512 odd = k + 1 < n ? _mm512_load_ps(numbers + (k + 1) * rows) : _mm512_setzero_ps();
        const __m512bh columns = _mm512_cvtne2ps_pbh(odd, even);
        __m512i bits;
        std::memcpy(&bits, &columns, sizeof bits);
        _mm512_storeu_si512(panel, _mm512_permutexvar_epi16(order, bits));
      }
    }
  });
}

void multiply_segment(const Gemm& rounded, const Segment& s, int64_t cols) {
  if (s.packing == Packing::interleaved16) {
    return multiply_pairs(rounded, s, cols, [&](float* numbers, int64_t row, int64_t first, int64_t count) {
      unpack_interleaved16(numbers, s, cols, row, first, count);
    });
  }
  const size_t stride = row_bytes(s.type, cols);
  with_type(s.type, [&](auto type) {
    multiply_pairs(rounded, s, cols, [&](float* numbers, int64_t row, int64_t first, int64_t count) {
      pack_rows<Avx512, decltype(type)::value>(numbers, s, stride, row, first, count);
    });
  });
}

}  // namespace

void multiply_bf16(const Gemm& p) {
  // As many tokens at a time as the shared memory holds: each time the weights are packed anew.
  const int64_t stride = padded(p.cols), most = 2 * p.shared_floats / stride;
  for (int64_t done = 0; done < p.tokens; done += most) {
    const int64_t tokens = p.tokens - done < most ? p.tokens - done : most;
    int64_t first, last;
    split(tokens, 1, p.thread, p.threads, &first, &last);
    if (done > 0) p.pool->barrier(p.thread);
    round_tokens(reinterpret_cast<uint16_t*>(p.shared), p.in + done * p.in_stride, p.in_stride, p.cols, first, last);
    p.pool->barrier(p.thread);
    Gemm rounded = p;
    rounded.out = p.out + done * p.out_stride;
    rounded.in = p.shared;
    rounded.tokens = tokens;
    rounded.cols = (p.cols + 1) / 2;
    rounded.in_stride = stride / 2;
    for (int i = 0; i < p.segment_count; i++) multiply_segment(rounded, p.segments[i], p.cols);
  }
}

}  // namespace phi3lab::cpu
