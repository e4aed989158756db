// AVX-512 by AVX2: what the CPU backend's files for AVX-512 say of it (F, BW, DQ, VL and VNNI, not BF16), each
// instruction from its description, so that their products are tested on processors without it. Included before
// anything else in those files (test/cpu/CMakeLists.txt), it gives the compiler's names to functions of its own.
#pragma once

#include <immintrin.h>

#include <cmath>
#include <cstdint>
#include <cstring>

namespace phi3lab_twin {

typedef int32_t Ints __attribute__((vector_size(64)));
typedef uint32_t Words __attribute__((vector_size(64)));
typedef int8_t Bytes __attribute__((vector_size(64)));
typedef float Floats __attribute__((vector_size(64)));

template <class To, class From>
inline To as(const From& from) {
  static_assert(sizeof(To) == sizeof(From), "the same bits");
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}
template <class To>
inline To load(const void* p) {
  To to;
  std::memcpy(&to, p, sizeof to);
  return to;
}
template <class V>
inline void store(void* p, const V& v) {
  std::memcpy(p, &v, sizeof v);
}

/** Instructions that work within each 32 bytes. */
template <class To, class Half, class From, class Use>
inline To by_halves(const From& from, const Use& use) {
  Half in[sizeof(From) / sizeof(Half)];
  std::memcpy(in, &from, sizeof from);
  const auto first = use(in[0]), second = use(in[1]);
  To to;
  std::memcpy(&to, &first, sizeof first);
  std::memcpy(reinterpret_cast<char*>(&to) + sizeof first, &second, sizeof second);
  return to;
}
template <class To, class Half, class From, class Use>
inline To by_halves(const From& a, const From& b, const Use& use) {
  Half x[2], y[2], out[2];
  std::memcpy(x, &a, sizeof a);
  std::memcpy(y, &b, sizeof b);
  for (int i = 0; i < 2; i++) out[i] = use(x[i], y[i]);
  return load<To>(out);
}

inline __m512 setzero_ps() { return as<__m512>(Floats{}); }
inline __m512i setzero_si512() { return as<__m512i>(Ints{}); }
inline __m512 set1_ps(float x) { return as<__m512>(Floats{} + x); }
inline __m512i set1_epi32(int32_t x) { return as<__m512i>(Ints{} + x); }
inline __m512i set1_epi8(int x) { return as<__m512i>(Bytes{} + static_cast<int8_t>(x)); }
template <class... T>
inline __m512i setr_epi32(T... x) {
  return as<__m512i>(Ints{static_cast<int32_t>(x)...});
}
template <class... T>
inline __m512 setr_ps(T... x) {
  return as<__m512>(Floats{static_cast<float>(x)...});
}
inline __m512i broadcast_i32x4(__m128i x) {
  const __m128i all[4] = {x, x, x, x};
  return load<__m512i>(all);
}

inline __m512 loadu_ps(const void* p) { return load<__m512>(p); }
inline __m512i loadu_si512(const void* p) { return load<__m512i>(p); }
inline void storeu_ps(void* p, __m512 v) { store(p, v); }
inline void store_si512(void* p, __m512i v) { store(p, v); }
inline void mask_storeu_ps(float* p, __mmask16 mask, __m512 v) {
  const Floats f = as<Floats>(v);
  for (int i = 0; i < 16; i++)
    if (mask >> i & 1) p[i] = f[i];
}
inline __m512 maskz_loadu_ps(__mmask16 mask, const float* p) {
  Floats f{};
  for (int i = 0; i < 16; i++)
    if (mask >> i & 1) f[i] = p[i];
  return as<__m512>(f);
}

inline __m512 add_ps(__m512 a, __m512 b) { return as<__m512>(as<Floats>(a) + as<Floats>(b)); }
inline __m512 sub_ps(__m512 a, __m512 b) { return as<__m512>(as<Floats>(a) - as<Floats>(b)); }
inline __m512 mul_ps(__m512 a, __m512 b) { return as<__m512>(as<Floats>(a) * as<Floats>(b)); }
inline __m512 fmadd_ps(__m512 a, __m512 b, __m512 c) {
  Floats x = as<Floats>(a), y = as<Floats>(b), sum = as<Floats>(c);
  for (int i = 0; i < 16; i++) sum[i] = std::fma(x[i], y[i], sum[i]);
  return as<__m512>(sum);
}
inline __m512 max_ps(__m512 a, __m512 b) {
  return by_halves<__m512, __m256>(a, b, [](__m256 x, __m256 y) { return _mm256_max_ps(x, y); });
}
inline __m512 abs_ps(__m512 a) { return as<__m512>(as<Words>(a) & 0x7fffffffu); }
inline __mmask16 unordered_mask(__m512 a, __m512 b) {
  const Floats x = as<Floats>(a), y = as<Floats>(b);
  unsigned mask = 0;
  for (int i = 0; i < 16; i++) mask |= static_cast<unsigned>(x[i] != x[i] || y[i] != y[i]) << i;
  return static_cast<__mmask16>(mask);
}
inline float reduce_add_ps(__m512 a) {
  Floats f = as<Floats>(a);
  for (int step = 8; step > 0; step /= 2)
    for (int i = 0; i < step; i++) f[i] += f[i + step];
  return f[0];
}
inline float reduce_max_ps(__m512 a) {
  const Floats f = as<Floats>(a);
  float most = f[0];
  for (int i = 1; i < 16; i++) most = f[i] > most ? f[i] : most;
  return most;
}

inline __m512i add_epi32(__m512i a, __m512i b) { return as<__m512i>(as<Ints>(a) + as<Ints>(b)); }
inline __m512i sub_epi32(__m512i a, __m512i b) { return as<__m512i>(as<Ints>(a) - as<Ints>(b)); }
inline __m512i and_si512(__m512i a, __m512i b) { return as<__m512i>(as<Ints>(a) & as<Ints>(b)); }
inline __m512i or_si512(__m512i a, __m512i b) { return as<__m512i>(as<Ints>(a) | as<Ints>(b)); }
inline __m512i xor_si512(__m512i a, __m512i b) { return as<__m512i>(as<Ints>(a) ^ as<Ints>(b)); }
inline __m512i slli_epi32(__m512i a, unsigned n) { return as<__m512i>(as<Words>(a) << n); }
inline __m512i srli_epi32(__m512i a, unsigned n) { return as<__m512i>(as<Words>(a) >> n); }
inline __m512i srai_epi32(__m512i a, unsigned n) { return as<__m512i>(as<Ints>(a) >> static_cast<int>(n)); }
inline __m512i sad_epu8(__m512i a, __m512i b) {
  return by_halves<__m512i, __m256i>(a, b, [](__m256i x, __m256i y) { return _mm256_sad_epu8(x, y); });
}
/** Each dword of sum + the products of its four unsigned bytes in a with the signed ones in b. */
inline __m512i dpbusd_epi32(__m512i sum, __m512i a, __m512i b) {
  Ints sums = as<Ints>(sum);
  uint8_t x[64];
  int8_t y[64];
  store(x, a);
  store(y, b);
  for (int i = 0; i < 64; i++) sums[i / 4] += x[i] * y[i];
  return as<__m512i>(sums);
}

inline __m512 cvtepi32_ps(__m512i a) { return as<__m512>(__builtin_convertvector(as<Ints>(a), Floats)); }
inline __m512i cvtps_epi32(__m512 a) {
  return by_halves<__m512i, __m256>(a, [](__m256 x) { return _mm256_cvtps_epi32(x); });
}
inline __m512 cvtph_ps(__m256i a) {
  return by_halves<__m512, __m128i>(a, [](__m128i x) { return _mm256_cvtph_ps(x); });
}
template <int rounding>
inline __m256i cvtps_ph(__m512 a) {
  return by_halves<__m256i, __m256>(a, [](__m256 x) { return _mm256_cvtps_ph(x, rounding); });
}
template <class To, class From>
inline __m512i widen(const From& from) {
  To numbers[16];
  std::memcpy(numbers, &from, sizeof numbers);
  Ints out{};
  for (int i = 0; i < 16; i++) out[i] = numbers[i];
  return as<__m512i>(out);
}
inline __m512i cvtepi8_epi32(__m128i a) { return widen<int8_t>(a); }
inline __m512i cvtepu8_epi32(__m128i a) { return widen<uint8_t>(a); }
inline __m512i cvtepu16_epi32(__m256i a) { return widen<uint16_t>(a); }

inline __m512i shuffle_epi8(__m512i a, __m512i places) {
  return by_halves<__m512i, __m256i>(a, places, [](__m256i x, __m256i y) { return _mm256_shuffle_epi8(x, y); });
}
inline __m512i permutex2var_epi32(__m512i a, __m512i places, __m512i b) {
  const Ints x = as<Ints>(a), y = as<Ints>(b), at = as<Ints>(places);
  Ints out{};
  for (int i = 0; i < 16; i++) out[i] = (at[i] & 16 ? y : x)[at[i] & 15];
  return as<__m512i>(out);
}
inline __m512 permutexvar_ps(__m512i places, __m512 a) {
  const Floats x = as<Floats>(a);
  const Ints at = as<Ints>(places);
  Floats out{};
  for (int i = 0; i < 16; i++) out[i] = x[at[i] & 15];
  return as<__m512>(out);
}
inline __m512 unpacklo_ps(__m512 a, __m512 b) {
  return by_halves<__m512, __m256>(a, b, [](__m256 x, __m256 y) { return _mm256_unpacklo_ps(x, y); });
}
inline __m512 unpackhi_ps(__m512 a, __m512 b) {
  return by_halves<__m512, __m256>(a, b, [](__m256 x, __m256 y) { return _mm256_unpackhi_ps(x, y); });
}
inline __m512d unpacklo_pd(__m512d a, __m512d b) {
  return by_halves<__m512d, __m256d>(a, b, [](__m256d x, __m256d y) { return _mm256_unpacklo_pd(x, y); });
}
inline __m512d unpackhi_pd(__m512d a, __m512d b) {
  return by_halves<__m512d, __m256d>(a, b, [](__m256d x, __m256d y) { return _mm256_unpackhi_pd(x, y); });
}
/** Two of a's quarters, then two of b's. */
template <int places>
inline __m512 shuffle_f32x4(__m512 a, __m512 b) {
  __m128 x[4], y[4], out[4];
  store(x, a);
  store(y, b);
  for (int i = 0; i < 4; i++) out[i] = (i < 2 ? x : y)[places >> (2 * i) & 3];
  return load<__m512>(out);
}
template <class Half, class V>
inline Half half_of(const V& v, int which) {
  Half halves[2];
  std::memcpy(halves, &v, sizeof halves);
  return halves[which];
}
inline __m256i maskz_set1_epi8(__mmask32 mask, int x) {
  int8_t out[32];
  for (int i = 0; i < 32; i++) out[i] = static_cast<int8_t>(mask >> i & 1 ? x : 0);
  return load<__m256i>(out);
}

}  // namespace phi3lab_twin

#define _mm512_setzero_ps phi3lab_twin::setzero_ps
#define _mm512_setzero_si512 phi3lab_twin::setzero_si512
#define _mm512_set1_ps phi3lab_twin::set1_ps
#define _mm512_set1_epi32 phi3lab_twin::set1_epi32
#define _mm512_set1_epi8 phi3lab_twin::set1_epi8
#undef _mm512_setr_epi32
#define _mm512_setr_epi32 phi3lab_twin::setr_epi32
#undef _mm512_setr_ps
#define _mm512_setr_ps phi3lab_twin::setr_ps
#define _mm512_broadcast_i32x4 phi3lab_twin::broadcast_i32x4
#define _mm512_load_ps phi3lab_twin::loadu_ps
#define _mm512_loadu_ps phi3lab_twin::loadu_ps
#define _mm512_load_si512 phi3lab_twin::loadu_si512
#define _mm512_loadu_si512 phi3lab_twin::loadu_si512
#define _mm512_store_ps phi3lab_twin::storeu_ps
#define _mm512_storeu_ps phi3lab_twin::storeu_ps
#define _mm512_store_si512 phi3lab_twin::store_si512
#define _mm512_mask_storeu_ps phi3lab_twin::mask_storeu_ps
#define _mm512_maskz_loadu_ps phi3lab_twin::maskz_loadu_ps
#define _mm512_add_ps phi3lab_twin::add_ps
#define _mm512_sub_ps phi3lab_twin::sub_ps
#define _mm512_mul_ps phi3lab_twin::mul_ps
#define _mm512_fmadd_ps phi3lab_twin::fmadd_ps
#define _mm512_max_ps phi3lab_twin::max_ps
#define _mm512_abs_ps phi3lab_twin::abs_ps
#undef _mm512_cmp_ps_mask
#define _mm512_cmp_ps_mask(a, b, how) phi3lab_twin::unordered_mask(a, b)
#define _mm512_reduce_add_ps phi3lab_twin::reduce_add_ps
#define _mm512_reduce_max_ps phi3lab_twin::reduce_max_ps
#define _mm512_add_epi32 phi3lab_twin::add_epi32
#define _mm512_sub_epi32 phi3lab_twin::sub_epi32
#define _mm512_and_si512 phi3lab_twin::and_si512
#define _mm512_or_si512 phi3lab_twin::or_si512
#define _mm512_xor_si512 phi3lab_twin::xor_si512
#define _mm512_slli_epi32 phi3lab_twin::slli_epi32
#define _mm512_srli_epi32 phi3lab_twin::srli_epi32
#define _mm512_srai_epi32 phi3lab_twin::srai_epi32
#define _mm512_sad_epu8 phi3lab_twin::sad_epu8
#define _mm512_dpbusd_epi32 phi3lab_twin::dpbusd_epi32
#define _mm512_cvtepi32_ps phi3lab_twin::cvtepi32_ps
#define _mm512_cvtps_epi32 phi3lab_twin::cvtps_epi32
#define _mm512_cvtph_ps phi3lab_twin::cvtph_ps
#undef _mm512_cvtps_ph
#define _mm512_cvtps_ph(a, rounding) phi3lab_twin::cvtps_ph<(rounding)>(a)
#define _mm512_cvtepi8_epi32 phi3lab_twin::cvtepi8_epi32
#define _mm512_cvtepu8_epi32 phi3lab_twin::cvtepu8_epi32
#define _mm512_cvtepu16_epi32 phi3lab_twin::cvtepu16_epi32
#define _mm512_shuffle_epi8 phi3lab_twin::shuffle_epi8
#define _mm512_permutex2var_epi32 phi3lab_twin::permutex2var_epi32
#define _mm512_permutexvar_ps phi3lab_twin::permutexvar_ps
#define _mm512_unpacklo_ps phi3lab_twin::unpacklo_ps
#define _mm512_unpackhi_ps phi3lab_twin::unpackhi_ps
#define _mm512_unpacklo_pd phi3lab_twin::unpacklo_pd
#define _mm512_unpackhi_pd phi3lab_twin::unpackhi_pd
#undef _mm512_shuffle_f32x4
#define _mm512_shuffle_f32x4(a, b, places) phi3lab_twin::shuffle_f32x4<(places)>(a, b)
#define _mm512_castps512_ps256(v) phi3lab_twin::half_of<__m256>(v, 0)
#define _mm512_castsi512_si256(v) phi3lab_twin::half_of<__m256i>(v, 0)
#undef _mm512_extractf32x8_ps
#define _mm512_extractf32x8_ps(v, which) phi3lab_twin::half_of<__m256>(v, which)
#undef _mm512_extracti64x4_epi64
#define _mm512_extracti64x4_epi64(v, which) phi3lab_twin::half_of<__m256i>(v, which)
#define _mm512_castsi512_ps phi3lab_twin::as<__m512>
#define _mm512_castps_pd phi3lab_twin::as<__m512d>
#define _mm512_castpd_ps phi3lab_twin::as<__m512>
#define _mm256_maskz_set1_epi8 phi3lab_twin::maskz_set1_epi8
