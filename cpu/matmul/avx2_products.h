// Products by AVX2, FMA and F16C, and AVX-VNNI where a file is compiled for it: as_stored weights by rows or panels;
// interleaved16 weights in fixed point for few tokens and by panels for more.
#pragma once

#include "interleaved16_products.h"
#include "super16_avx2.h"

namespace phi3lab::cpu {
namespace {

/** `Dots`: how quants and limbs are multiplied, PairSums or a file's own. */
template <class Dots>
struct Avx2Path {
  using V = Avx2;

  template <WeightType type>
  static void unpack(float* panel, const uint8_t* block, int half, int64_t blocks) {
    if constexpr (is_super16(type)) return unpack_super<type>(panel, block, half, blocks);
    constexpr size_t quants = quants16(type), bytes = block16(type);
    const __m256i nibble = _mm256_set1_epi8(15);
    for (int64_t b = 0; b < blocks; b++, block += bytes, panel += 32 * kGroupRows) {
      if (half == 1) fetch_next(block, bytes, static_cast<size_t>(blocks) * bytes);
      const __m256 d = Avx2::load_f16(block + quants + 16 * half);
      __m256 offset = _mm256_mul_ps(d, _mm256_set1_ps(type == WeightType::Q8_0 ? -128.0f : -8.0f));
      if constexpr (type == WeightType::Q4_1) offset = Avx2::load_f16(block + quants + 32 + 16 * half);
      const auto put = [&](int column, __m256 q) {
        _mm256_storeu_ps(panel + column * kGroupRows, _mm256_fmadd_ps(d, q, offset));
      };
#pragma GCC unroll 8
      for (int i = 0; i < static_cast<int>(quants / 64); i++) {
        const __m256i words = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + 64 * i + 32 * half));
        if constexpr (type == WeightType::Q8_0) {
          for (int j = 0; j < 4; j++) put(4 * i + j, column_of(words, j));
        } else {
          const __m256i low = _mm256_and_si256(words, nibble);
          const __m256i high = _mm256_and_si256(_mm256_srli_epi16(words, 4), nibble);
          for (int j = 0; j < 4; j++) {
            put(4 * i + j, column_of(low, j));
            put(16 + 4 * i + j, column_of(high, j));
          }
        }
      }
    }
  }

  static bool multiply_one(const Gemm& p) {
    bool any4 = false, any8 = false;
    for_interleaved16(p, [&](const Segment& s, int64_t, int64_t) {
      (s.type == WeightType::Q8_0 && !Dots::whole ? any8 : any4) = true;
    });
    const auto bytes = reinterpret_cast<Fixed24Block*>(p.own);
    const auto words = reinterpret_cast<Fixed16Block*>(p.own + static_cast<size_t>(p.cols / 32) * sizeof(Fixed24Block));
    if (!to_fixed(any4 ? bytes : nullptr, any8 ? words : nullptr, p.in, p.cols)) return false;
    for_interleaved16(p, [&](const Segment& s, int64_t first, int64_t last) {
      const auto multiply = [&](const auto* x, const auto& group) {
        multiply_fixed(p.out, s, x, p.cols, first, last, p.isa.fetches, group);
      };
      if (is_super16(s.type))
        with_super16_type(s.type,
                          [&](auto type) { multiply(bytes, multiply_super_group<Dots, decltype(type)::value>); });
      else
        with_interleaved16_type(s.type, [&](auto tag) {
          constexpr WeightType type = decltype(tag)::value;
          if constexpr (type == WeightType::Q8_0 && !Dots::whole)
            multiply(words, multiply_group8);
          else
            multiply(bytes, multiply_group<Dots, type>);
        });
    });
    return true;
  }
};

}  // namespace

}  // namespace phi3lab::cpu
