// Products with interleaved16 weights, exact as float32: activations become 24-bit fixed point, a block of 32 at a
// time, cut into three signed bytes; vpdpbusd then sums bytes times quants exactly in int32. One token's goes at the
// memory's speed; several tokens' takes three quarters of the instructions that multiply-adds of float32 would.
#include <immintrin.h>

#include "avx512.h"
#include "quads_avx512.h"

namespace phi3lab::cpu {
namespace {

/** Of a, b and c, sums of eight bytes each, the sum of either half: dwords 0, 1 and 2 of the half. */
inline __m256i sum_halves3(__m256i a, __m256i b, __m256i c) {
  return _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, c));
}

inline float largest_of(__m512 a, __m512 b) {
  const __m512 both = _mm512_max_ps(_mm512_abs_ps(a), _mm512_abs_ps(b));
  __m256 m = _mm256_max_ps(_mm512_castps512_ps256(both), _mm512_extractf32x8_ps(both, 1));
  __m128 n = _mm_max_ps(_mm256_castps256_ps128(m), _mm256_extractf128_ps(m, 1));
  n = _mm_max_ps(n, _mm_movehl_ps(n, n));
  return _mm_cvtss_f32(_mm_max_ss(n, _mm_movehdup_ps(n)));
}

/** a += the products of four columns: the bytes of g times 16 rows with each limb. */
template <int g>
inline void add_quad(__m512i (*a)[3], const __m512i* w, const Fixed24Block& x, int quad) {
#pragma GCC unroll 3
  for (int i = 0; i < 3; i++) {
    int32_t limbs;
    std::memcpy(&limbs, x.limbs[i] + 4 * quad, 4);
#pragma GCC unroll 2
    for (int j = 0; j < g; j++) a[j][i] = _mm512_dpbusd_epi32(a[j][i], w[j], _mm512_set1_epi32(limbs));
  }
}

/** How far ahead of a token's product its weights are fetched, where that helps. */
constexpr size_t kAhead = 8192;

/** 16 rows times a token; `parts` of 32 columns. */
template <WeightType type, bool fetch>
inline __m512 multiply_group(const uint8_t* group, const Fixed24Block* x, int64_t parts) {
  constexpr int runs = runs_of(type);
  __m512 sum = _mm512_setzero_ps();
  for (int64_t p = 0; p < parts; p++, x++) {
    const uint8_t* part = group + part_offset<type>(p);
    for (size_t at = 0; fetch && at < part16(type); at += 64) __builtin_prefetch(part + kAhead + at);
    __m512i a[runs][1][3];  // sums for each limb, the most significant first
#pragma GCC unroll 2
    for (int run = 0; run < runs; run++) begin_sums<type>(a[run][0], *x, run);
    for_quads<type>(part, [&](int quad, __m512i w)
                              __attribute__((always_inline)) { add_quad<1>(a[quad * runs / 8], &w, *x, quad); });
    const PartScales scales = scales_of<type>(part, p);
#pragma GCC unroll 2
    for (int run = 0; run < runs; run++) sum = end_sums<type>(sum, a[run][0], *x, run, scales);
  }
  return sum;
}

template <WeightType type, bool fetch>
void multiply(float* out, const Segment& s, const Fixed24Block* x, int64_t cols, int64_t first, int64_t last) {
  const int64_t parts = cols / 32;
  const size_t bytes = part_offset<type>(parts);
  const uint8_t* group = s.data + static_cast<size_t>(first / kGroupRows) * bytes;
  for (int64_t row = first; row < last; row += kGroupRows, group += bytes) {
    const int64_t left = last - row;
    const __mmask16 present = left >= 16 ? 0xffff : static_cast<__mmask16>((1u << left) - 1);
    _mm512_mask_storeu_ps(out + s.first + row, present, multiply_group<type, fetch>(group, x, parts));
  }
}

/** A part of 16 rows as several tokens' products read it. */
struct alignas(64) UnpackedBlock {
  uint8_t quads[8][64];
  float first[16], second[16];  // PartScales
};
static_assert(2 * kFixed24Blocks * sizeof(UnpackedBlock) == kFixed24Scratch, "two groups of rows");
constexpr int64_t kFetched = 128;

template <WeightType type>
void unpack(UnpackedBlock* out, const uint8_t* group, int64_t first, int64_t count) {
  for (int64_t p = first; p < first + count; p++, out++) {
    const uint8_t* part = group + part_offset<type>(p);
    for_quads<type>(
        part, [&](int quad, __m512i w) __attribute__((always_inline)) { _mm512_store_si512(out->quads[quad], w); });
    const PartScales scales = scales_of<type>(part, p);
    _mm512_store_ps(out->first, scales.first);
    _mm512_store_ps(out->second, scales.second);
  }
}

/**
 * n tokens times g groups of 16 rows, `blocks` blocks of x (n, x_stride) and w (g, blocks): three tokens by two groups
 * fill the registers. out (n, out_stride), where `more` added to; of the last group's rows only those `present`.
 * Meanwhile kFetched bytes a block from `ahead` on are brought near.
 */
template <WeightType type, int n, int g>
void multiply_tile(float* out, int64_t out_stride, bool more, __mmask16 present, const UnpackedBlock* w,
                   const Fixed24Block* x, int64_t x_stride, int64_t blocks, const uint8_t* ahead) {
  const auto mask = [&](int j) { return j + 1 < g ? static_cast<__mmask16>(0xffff) : present; };
  __m512 sums[n][g];
#pragma GCC unroll 3
  for (int t = 0; t < n; t++)
#pragma GCC unroll 2
    for (int j = 0; j < g; j++)
      sums[t][j] = more ? _mm512_maskz_loadu_ps(mask(j), out + t * out_stride + 16 * j) : _mm512_setzero_ps();
  const UnpackedBlock* const end = w + blocks;
  for (; w < end; w++, x++, ahead += kFetched) {
    for (int64_t at = 0; at < kFetched; at += 64) __builtin_prefetch(ahead + at, 0, 2);
    constexpr int runs = runs_of(type);
#pragma GCC unroll 2
    for (int run = 0; run < runs; run++) {
      __m512i a[n][g][3];
#pragma GCC unroll 3
      for (int t = 0; t < n; t++)
#pragma GCC unroll 2
        for (int j = 0; j < g; j++) begin_sums<type>(a[t][j], x[t * x_stride], run);
#pragma GCC unroll 8
      for (int quad = run * 8 / runs; quad < (run + 1) * 8 / runs; quad++) {
        __m512i bytes[g];
#pragma GCC unroll 2
        for (int j = 0; j < g; j++) bytes[j] = _mm512_load_si512(w[j * blocks].quads[quad]);
#pragma GCC unroll 3
        for (int t = 0; t < n; t++) add_quad<g>(a[t], bytes, x[t * x_stride], quad);
      }
#pragma GCC unroll 3
      for (int t = 0; t < n; t++)
#pragma GCC unroll 2
        for (int j = 0; j < g; j++) {
          const PartScales scales{_mm512_load_ps(w[j * blocks].first), _mm512_load_ps(w[j * blocks].second)};
          sums[t][j] = end_sums<type>(sums[t][j], a[t][j], x[t * x_stride], run, scales);
        }
    }
  }
#pragma GCC unroll 3
  for (int t = 0; t < n; t++)
#pragma GCC unroll 2
    for (int j = 0; j < g; j++) _mm512_mask_storeu_ps(out + t * out_stride + 16 * j, mask(j), sums[t][j]);
}

/** `count` groups, 1 or 2, from `row` on. */
template <WeightType type, int count>
void multiply_groups(float* out, int64_t out_stride, const Segment& s, int64_t row, __mmask16 present,
                     const Fixed24Run* runs, int run_count, int64_t blocks, UnpackedBlock* w) {
  const int64_t group_bytes = static_cast<int64_t>(part_offset<type>(blocks));
  const uint8_t* group = s.data + row / kGroupRows * group_bytes;
  for (int64_t first = 0; first < blocks; first += kFixed24Blocks) {
    const int64_t some = blocks - first < kFixed24Blocks ? blocks - first : kFixed24Blocks;
    for (int j = 0; j < count; j++) unpack<type>(w + j * some, group + j * group_bytes, first, some);
    // The first tiles fetch the next groups, as far as they get; those after them what is here anyway.
    const uint8_t *next = group + count * group_bytes, *here = reinterpret_cast<const uint8_t*>(w);
    int64_t fetched = 0;
    for (const Fixed24Run* run = runs; run < runs + run_count; run++) {
      const auto tile = [&](auto size, int64_t t) {
        multiply_tile<type, decltype(size)::value, count>(out + (run->first + t) * out_stride, out_stride, first > 0,
                                                          present, w, run->x + t * blocks + first, blocks, some,
                                                          fetched < count * group_bytes ? next + fetched : here);
        fetched += some * kFetched;
      };
      int64_t t = 0;
      for (; t + 3 <= run->tokens; t += 3) tile(std::integral_constant<int, 3>(), t);
      if (run->tokens - t == 2) tile(std::integral_constant<int, 2>(), t);
      if (run->tokens - t == 1) tile(std::integral_constant<int, 1>(), t);
    }
  }
}

template <WeightType type>
void multiply_runs(float* out, int64_t out_stride, const Segment& s, const Fixed24Run* runs, int count, int64_t cols,
                   int64_t first, int64_t last, UnpackedBlock* w) {
  for (int64_t row = first; row < last; row += 2 * kGroupRows) {
    const int64_t left = last - row, of_last = left > kGroupRows ? left - kGroupRows : left;
    const __mmask16 present = of_last >= 16 ? 0xffff : static_cast<__mmask16>((1u << of_last) - 1);
    const auto multiply = left > kGroupRows ? multiply_groups<type, 2> : multiply_groups<type, 1>;
    multiply(out + s.first + row, out_stride, s, row, present, runs, count, cols / 32, w);
  }
}

}  // namespace

bool to_fixed24(Fixed24Block* out, const float* x, int64_t cols) {
  // A number plus 128 in each of its three bytes has its limbs, each plus 128, for bytes.
  const __m512i bias = _mm512_set1_epi32(0x808080), flip = _mm512_set1_epi8(-128);
  // Of four numbers, the first limbs, the second, the third; then of 32 numbers.
  const __m512i by_digit = _mm512_broadcast_i32x4(_mm_setr_epi8(2, 6, 10, 14, 1, 5, 9, 13, 0, 4, 8, 12, 3, 7, 11, 15));
  const __m512i high = _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
  const __m512i low = _mm512_add_epi32(high, _mm512_set1_epi32(2));
  __mmask16 nonfinite = 0;
  bool in_range = true;
  for (int64_t k = 0; k < cols; k += 32, out++) {
    const __m512 v[2] = {_mm512_loadu_ps(x + k), _mm512_loadu_ps(x + k + 16)};
    nonfinite |= _mm512_cmp_ps_mask(v[0], v[1], _CMP_UNORD_Q);
    const float largest = largest_of(v[0], v[1]);  // an infinity is out of range
    in_range &= fits_fixed24(largest);
    const __m512 inverse = _mm512_set1_ps(largest > 0 ? kLargestFixed / largest : 0.0f);
    __m512i bytes[2];
    for (int i = 0; i < 2; i++) {
      const __m512i n = _mm512_cvtps_epi32(_mm512_mul_ps(v[i], inverse));
      bytes[i] = _mm512_shuffle_epi8(_mm512_add_epi32(n, bias), by_digit);
    }
    const __m512i first = _mm512_permutex2var_epi32(bytes[0], high, bytes[1]);
    const __m512i last = _mm512_permutex2var_epi32(bytes[0], low, bytes[1]);
    _mm512_store_si512(out->limbs[0], _mm512_xor_si512(first, flip));
    _mm256_store_si256(reinterpret_cast<__m256i*>(out->limbs[2]), _mm512_castsi512_si256(_mm512_xor_si512(last, flip)));
    const __m512i sums = _mm512_sad_epu8(first, _mm512_setzero_si512());
    const __m256i last_sums = _mm256_sad_epu8(_mm512_castsi512_si256(last), _mm256_setzero_si256());
    const __m256i halves = sum_halves3(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64(sums, 1), last_sums);
    const __m128i of_first = _mm_sub_epi32(_mm256_castsi256_si128(halves), _mm_set1_epi32(16 * 128));
    const __m128i of_second = _mm_sub_epi32(_mm256_extracti128_si256(halves, 1), _mm_set1_epi32(16 * 128));
    alignas(16) int32_t total[4], of_half[4];
    _mm_store_si128(reinterpret_cast<__m128i*>(total), _mm_add_epi32(of_first, of_second));
    _mm_store_si128(reinterpret_cast<__m128i*>(of_half), of_first);
    finish_block(out, largest, total, of_half);
  }
  return nonfinite == 0 && in_range;
}

void multiply_fixed24(float* out, const Segment& s, const Fixed24Block* x, int64_t cols, int64_t first, int64_t last,
                      const Isa& isa) {
  with_any16_type(s.type, [&](auto type) {
    const auto multiply_rows =
        isa.fetches ? multiply<decltype(type)::value, true> : multiply<decltype(type)::value, false>;
    multiply_rows(out, s, x, cols, first, last);
  });
}

void multiply_fixed24_tiles(float* out, int64_t out_stride, const Segment& s, const Fixed24Run* runs, int count,
                            int64_t cols, int64_t first, int64_t last, uint8_t* scratch) {
  UnpackedBlock* w = reinterpret_cast<UnpackedBlock*>(scratch);
  with_any16_type(s.type, [&](auto type) {
    multiply_runs<decltype(type)::value>(out, out_stride, s, runs, count, cols, first, last, w);
  });
}

}  // namespace phi3lab::cpu
