// Fixed-point products by AVX2, which has no dot product of bytes, and by AVX-VNNI, which has one. By AVX2 quants of
// four bits times a limb's bytes go by vpmaddubsw: a 16-bit lane takes all 8 pairs of a block, at most 2·15·128·8 =
// 30,720. Quants of eight bits would overflow it: they are widened, and the fixed-point number is two 16-bit limbs
// instead of three bytes.
#pragma once

#include "cpu/simd/avx2.h"
#include "fixed24.h"

namespace phi3lab::cpu {

/** A block of 32 activations for weights of eight bits: x[k] = scale · (256·limbs[0][k] + limbs[1][k]). */
struct alignas(16) Fixed16Block {
  int16_t limbs[2][32];
  float scale;
  int32_t minus_128[2];  // −128 · the sum of limbs[i]
};

namespace {

/** Products of quants with a limb, four columns of 8 rows: by AVX2 as 16-bit sums of two. */
struct PairSums {
  static constexpr bool whole = false;  // whether a row's sum is one number of 32 bits, which nothing overflows
  static inline __m256i add(__m256i sums, __m256i quants, __m256i limbs) {
    return _mm256_add_epi16(sums, _mm256_maddubs_epi16(quants, limbs));
  }
  static inline __m256i rows(__m256i sums) { return _mm256_madd_epi16(sums, _mm256_set1_epi16(1)); }
};

}  // namespace

/** How far ahead of a token's product its weights are fetched. */
constexpr size_t kFixedAhead = 2048;

static inline void fetch_ahead(const uint8_t* block, size_t bytes) {
  for (size_t at = 0; at < bytes; at += 64) __builtin_prefetch(block + kFixedAhead + at);
}

/** Byte `column` of each dword as float32. */
static inline __m256 column_of(__m256i bytes, int column) {
  const int none = static_cast<int>(0x80808000u);
  const __m128i place = _mm_setr_epi32(none | column, none | (4 + column), none | (8 + column), none | (12 + column));
  return _mm256_cvtepi32_ps(_mm256_shuffle_epi8(bytes, _mm256_broadcastsi128_si256(place)));
}

/** Asks for the bytes behind some that are unpacked: the next panel's. */
static inline void fetch_next(const uint8_t* block, size_t bytes, size_t distance) {
  for (size_t at = 0; at < bytes; at += 64) __builtin_prefetch(block + distance + at, 0, 2);
}

static inline float largest_of(const float* x) {
  const __m256 sign = _mm256_set1_ps(-0.0f);
  __m256 most = _mm256_setzero_ps();
  for (int i = 0; i < 32; i += 8) most = _mm256_max_ps(most, _mm256_andnot_ps(sign, _mm256_loadu_ps(x + i)));
  return Avx2::largest(most);
}

/**
 * x (cols,) in fixed point, exact to 2⁻²⁴ of each block's largest, in the forms that are wanted (else null). false
 * where that cannot be: a NaN, an infinity, or a block whose largest number is next to the ends of float32's range.
 */
static bool to_fixed(Fixed24Block* bytes, Fixed16Block* words, const float* x, int64_t cols) {
  // A number plus 128 in each of its three bytes has its limbs, each plus 128, for bytes.
  const __m256i bias = _mm256_set1_epi32(0x808080), flip = _mm256_set1_epi8(-128);
  const __m256i by_limb =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(2, 6, 10, 14, 1, 5, 9, 13, 0, 4, 8, 12, 3, 7, 11, 15));
  const __m256i in_pairs = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  __m256 nan = _mm256_setzero_ps();
  for (int64_t b = 0; b < cols / 32; b++, x += 32) {
    const float largest = largest_of(x);
    if (!fits_fixed24(largest)) return false;
    const __m256 inverse = _mm256_set1_ps(largest > 0 ? kLargestFixed / largest : 0.0f);
    __m256i sums[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};  // of 16 columns' first limbs, second and third
    for (int i = 0; i < 4; i++) {
      const __m256 v = _mm256_loadu_ps(x + 8 * i);
      nan = _mm256_or_ps(nan, _mm256_cmp_ps(v, v, _CMP_UNORD_Q));
      const __m256i biased = _mm256_add_epi32(_mm256_cvtps_epi32(_mm256_mul_ps(v, inverse)), bias);
      const __m256i limbs = _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(biased, by_limb), in_pairs);
      sums[i / 2] = _mm256_add_epi64(sums[i / 2], _mm256_sad_epu8(limbs, _mm256_setzero_si256()));
      if (bytes) {
        alignas(32) int64_t each[4];
        _mm256_store_si256(reinterpret_cast<__m256i*>(each), _mm256_xor_si256(limbs, flip));
        for (int limb = 0; limb < 3; limb++) std::memcpy(bytes[b].limbs[limb] + 8 * i, each + limb, 8);
      }
      if (words) {
        const __m256i n = _mm256_sub_epi32(biased, bias);
        const __m256i low = _mm256_sub_epi32(_mm256_and_si256(biased, _mm256_set1_epi32(255)), _mm256_set1_epi32(128));
        const __m256i high = _mm256_srai_epi32(_mm256_sub_epi32(n, low), 8);
        const __m256i both = _mm256_permute4x64_epi64(_mm256_packs_epi32(high, low), 0xd8);
        _mm_store_si128(reinterpret_cast<__m128i*>(words[b].limbs[0] + 8 * i), _mm256_castsi256_si128(both));
        _mm_store_si128(reinterpret_cast<__m128i*>(words[b].limbs[1] + 8 * i), _mm256_extracti128_si256(both, 1));
      }
    }
    int32_t total[3] = {}, first[3] = {};
    for (int half = 0; half < 2; half++) {
      alignas(32) int64_t biased_sums[4];
      _mm256_store_si256(reinterpret_cast<__m256i*>(biased_sums), sums[half]);
      for (int limb = 0; limb < 3; limb++) {
        total[limb] += static_cast<int32_t>(biased_sums[limb]) - 16 * 128;
        if (half == 0) first[limb] = total[limb];
      }
    }
    if (bytes) finish_block(bytes + b, largest, total, first);
    if (words) {
      words[b].scale = largest / kLargestFixed;
      words[b].minus_128[0] = -128 * (256 * total[0] + total[1]);
      words[b].minus_128[1] = -128 * total[2];
    }
  }
  return _mm256_movemask_ps(nan) == 0;
}

/** a += quants of 8 rows (four columns each) times each limb of those columns. */
template <class Dots>
static inline void add_products(__m256i* a, __m256i quants, const Fixed24Block& x, int quad) {
#pragma GCC unroll 3
  for (int i = 0; i < 3; i++) {
    int32_t limbs;
    std::memcpy(&limbs, x.limbs[i] + 4 * quad, 4);
    a[i] = Dots::add(a[i], quants, _mm256_set1_epi32(limbs));
  }
}

/** What three limbs' sums are together. */
static inline __m256 sum_of_limbs(const __m256i* s) {
  // |256·s₀ + s₁| < 2²⁹, of quants of eight bits: exact in int32; the two conversions and the sum round as float32
  // does.
  const __m256 most = _mm256_cvtepi32_ps(_mm256_add_epi32(_mm256_slli_epi32(s[0], 8), s[1]));
  return _mm256_fmadd_ps(most, _mm256_set1_ps(256.0f), _mm256_cvtepi32_ps(s[2]));
}

/** 16 rows of Q4_0, Q4_1 or, where sums are whole, Q8_0 times a token: sums (2 · 8 rows). */
template <class Dots, WeightType type>
static inline void multiply_group(__m256* sums, const uint8_t* block, const Fixed24Block* x, int64_t blocks,
                                  bool fetch) {
  static_assert(type != WeightType::Q8_0 || Dots::whole, "would overflow");
  constexpr size_t quants = quants16(type);
  const __m256i nibble = _mm256_set1_epi8(15);
  sums[0] = sums[1] = _mm256_setzero_ps();
  for (int64_t b = 0; b < blocks; b++, x++, block += block16(type)) {
    if (fetch) fetch_ahead(block, block16(type));
    __m256i a[2][3];
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++)
#pragma GCC unroll 3
      for (int i = 0; i < 3; i++) a[h][i] = _mm256_setzero_si256();
#pragma GCC unroll 8
    for (int q = 0; q < static_cast<int>(quants / 64); q++) {
#pragma GCC unroll 2
      for (int h = 0; h < 2; h++) {
        const __m256i w = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + 64 * q + 32 * h));
        if constexpr (type == WeightType::Q8_0) {
          add_products<Dots>(a[h], w, *x, q);
        } else {
          add_products<Dots>(a[h], _mm256_and_si256(w, nibble), *x, q);
          add_products<Dots>(a[h], _mm256_and_si256(_mm256_srli_epi16(w, 4), nibble), *x, 4 + q);
        }
      }
    }
    const __m256 scale = _mm256_set1_ps(x->scale);
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
      __m256i s[3];
#pragma GCC unroll 3
      for (int i = 0; i < 3; i++) {
        s[i] = Dots::rows(a[h][i]);
        if constexpr (type != WeightType::Q4_1) {
          const int32_t offset = type == WeightType::Q8_0 ? 16 * x->minus_8[i] : x->minus_8[i];
          s[i] = _mm256_add_epi32(s[i], _mm256_set1_epi32(offset));
        }
      }
      const uint8_t* const scales = block + quants + 16 * h;
      sums[h] = _mm256_fmadd_ps(_mm256_mul_ps(sum_of_limbs(s), scale), Avx2::load_f16(scales), sums[h]);
      if constexpr (type == WeightType::Q4_1)
        sums[h] = _mm256_fmadd_ps(Avx2::load_f16(scales + 32), _mm256_set1_ps(x->sum), sums[h]);
    }
  }
}

/** 16 rows of Q8_0 times a token, without a dot product of bytes. */
static inline void multiply_group8(__m256* sums, const uint8_t* block, const Fixed16Block* x, int64_t blocks,
                                   bool fetch) {
  sums[0] = sums[1] = _mm256_setzero_ps();
  for (int64_t b = 0; b < blocks; b++, x++, block += block16(WeightType::Q8_0)) {
    if (fetch) fetch_ahead(block, block16(WeightType::Q8_0));
    __m256i a[4][2];  // of four rows, two lanes each
#pragma GCC unroll 4
    for (int r = 0; r < 4; r++) a[r][0] = a[r][1] = _mm256_setzero_si256();
#pragma GCC unroll 8
    for (int q = 0; q < 8; q++) {
      __m256i d[2];
#pragma GCC unroll 2
      for (int i = 0; i < 2; i++) {
        int64_t limbs;
        std::memcpy(&limbs, x->limbs[i] + 4 * q, 8);
        d[i] = _mm256_set1_epi64x(limbs);
      }
#pragma GCC unroll 4
      for (int r = 0; r < 4; r++) {
        const __m256i w =
            _mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(block + 64 * q + 16 * r)));
#pragma GCC unroll 2
        for (int i = 0; i < 2; i++) a[r][i] = _mm256_add_epi32(a[r][i], _mm256_madd_epi16(w, d[i]));
      }
    }
    const __m256 scale = _mm256_set1_ps(x->scale);
#pragma GCC unroll 2
    for (int h = 0; h < 2; h++) {
      __m256i s[2];
#pragma GCC unroll 2
      for (int i = 0; i < 2; i++) {
        // Rows 0 1 4 5 | 2 3 6 7, in order again.
        const __m256i pairs = _mm256_permute4x64_epi64(_mm256_hadd_epi32(a[2 * h][i], a[2 * h + 1][i]), 0xd8);
        s[i] = _mm256_add_epi32(pairs, _mm256_set1_epi32(x->minus_128[i]));
      }
      const __m256 fixed = _mm256_fmadd_ps(_mm256_cvtepi32_ps(s[0]), _mm256_set1_ps(256.0f), _mm256_cvtepi32_ps(s[1]));
      sums[h] = _mm256_fmadd_ps(_mm256_mul_ps(fixed, scale), Avx2::load_f16(block + 512 + 16 * h), sums[h]);
    }
  }
}

/** out (rows [first, last) of a interleaved16 segment), for one token; `first` is a multiple of 16. */
template <class Block, class Multiply>
static void multiply_fixed(float* out, const Segment& s, const Block* x, int64_t cols, int64_t first, int64_t last,
                           bool fetch, const Multiply& multiply) {
  const int64_t blocks = cols / columns16(s.type), bytes = blocks * static_cast<int64_t>(block16(s.type));
  const uint8_t* group = s.data + first / kGroupRows * bytes;
  for (int64_t row = first; row < last; row += kGroupRows, group += bytes) {
    __m256 sums[2];
    multiply(sums, group, x, blocks, fetch);
    float* to = out + s.first + row;
    if (last - row >= kGroupRows) {
      _mm256_storeu_ps(to, sums[0]);
      _mm256_storeu_ps(to + 8, sums[1]);
    } else {
      float rows[kGroupRows];
      _mm256_storeu_ps(rows, sums[0]);
      _mm256_storeu_ps(rows + 8, sums[1]);
      std::memcpy(to, rows, static_cast<size_t>(last - row) * sizeof(float));
    }
  }
}

}  // namespace phi3lab::cpu
