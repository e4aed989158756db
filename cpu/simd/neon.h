// NEON as matmul_rows.h and matmul_panels.h speak it: a vector of eight numbers is two registers, so that 8 bytes of
// weights, the least that NEON loads well, fill one. Every aarch64 processor has all of this, conversions from float16
// too.
#pragma once

#include <arm_neon.h>

#include <cstdint>
#include <cstring>
#include <utility>

namespace phi3lab::cpu {

struct Neon {
  struct Vector {
    float32x4_t low, high;
  };
  static constexpr int width = 8;
  static constexpr int tile_tokens = 6;  // times two vectors of rows: 24 of 32 registers hold sums
  static constexpr bool fetches = true;

  static inline Vector zero() { return set1(0); }
  static inline Vector set1(float x) { return {vdupq_n_f32(x), vdupq_n_f32(x)}; }
  static inline Vector load(const float* p) { return {vld1q_f32(p), vld1q_f32(p + 4)}; }
  static inline Vector held(Vector v) { return v; }
  static inline void store(float* p, Vector v) {
    vst1q_f32(p, v.low);
    vst1q_f32(p + 4, v.high);
  }
  static inline Vector add(Vector a, Vector b) { return {vaddq_f32(a.low, b.low), vaddq_f32(a.high, b.high)}; }
  static inline Vector mul(Vector a, Vector b) { return {vmulq_f32(a.low, b.low), vmulq_f32(a.high, b.high)}; }
  static inline Vector multiply_add(Vector a, Vector b, Vector c) {
    return {vfmaq_f32(c.low, a.low, b.low), vfmaq_f32(c.high, a.high, b.high)};
  }
  static inline float sum(Vector v) { return vaddvq_f32(vaddq_f32(v.low, v.high)); }
  static inline float half(const void* p) {
    uint16_t h;
    std::memcpy(&h, p, 2);
    return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(h))), 0);
  }

  /** 8 float16, bfloat16 or int8 numbers. */
  static inline Vector load_f16(const void* p) {
    const float16x8_t halves = vreinterpretq_f16_u8(vld1q_u8(static_cast<const uint8_t*>(p)));
    return {vcvt_f32_f16(vget_low_f16(halves)), vcvt_high_f32_f16(halves)};
  }
  static inline Vector load_bf16(const void* p) {
    const uint16x8_t halves = vreinterpretq_u16_u8(vld1q_u8(static_cast<const uint8_t*>(p)));
    return {vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(halves), 16)),
            vreinterpretq_f32_u32(vshll_high_n_u16(halves, 16))};
  }
  static inline Vector load_int8(const void* p) { return from_int8(vld1_s8(static_cast<const int8_t*>(p))); }
  /** The low and the high nibbles of 8 bytes. */
  static inline void load_nibbles(Vector* low, Vector* high, const void* p) {
    const uint8x8_t bytes = vld1_u8(static_cast<const uint8_t*>(p));
    *low = from_bytes(vand_u8(bytes, vdup_n_u8(15)));
    *high = from_bytes(vshr_n_u8(bytes, 4));
  }

  // 32 bytes at a time, as bytes_avx2.h has them.
  struct Bytes {
    uint8x16_t low, high;
  };
  static inline Bytes load32(const void* p) {
    const auto* bytes = static_cast<const uint8_t*>(p);
    return {vld1q_u8(bytes), vld1q_u8(bytes + 16)};
  }
  /** The low nibbles of 16 bytes, then their high ones. */
  static inline Bytes load_nibbles32(const void* p) {
    const uint8x16_t bytes = vld1q_u8(static_cast<const uint8_t*>(p));
    return {vandq_u8(bytes, vdupq_n_u8(15)), vshrq_n_u8(bytes, 4)};
  }
  /** (b >> shift) & mask. */
  static inline Bytes bits_of(Bytes b, int shift, int mask) {
    const int8x16_t right = vdupq_n_s8(static_cast<int8_t>(-shift));
    const uint8x16_t kept = vdupq_n_u8(static_cast<uint8_t>(mask));
    return {vandq_u8(vshlq_u8(b.low, right), kept), vandq_u8(vshlq_u8(b.high, right), kept)};
  }
  /** low | high << shift, where that fits a byte. */
  static inline Bytes join(Bytes low, Bytes high, int shift) {
    const int8x16_t left = vdupq_n_s8(static_cast<int8_t>(shift));
    return {vorrq_u8(low.low, vshlq_u8(high.low, left)), vorrq_u8(low.high, vshlq_u8(high.high, left))};
  }
  static inline Bytes minus(Bytes b, int n) {
    const uint8x16_t all = vdupq_n_u8(static_cast<uint8_t>(n));
    return {vsubq_u8(b.low, all), vsubq_u8(b.high, all)};
  }
  /** table[b] of bytes below 16. */
  static inline Bytes look_up(const int8_t* table, Bytes b) {
    const uint8x16_t numbers = vreinterpretq_u8_s8(vld1q_s8(table));
    return {vqtbl1q_u8(numbers, b.low), vqtbl1q_u8(numbers, b.high)};
  }
  /** Byte i is 1 where bit i of the four bytes at p is set, else 0. */
  static inline Bytes spread_bits(const void* p) {
    const auto* bits = static_cast<const uint8_t*>(p);
    const uint8x8_t bit = vcreate_u8(0x8040201008040201u);
    const auto spread = [&](int i) { return vshr_n_u8(vtst_u8(vdup_n_u8(bits[i]), bit), 7); };
    return {vcombine_u8(spread(0), spread(1)), vcombine_u8(spread(2), spread(3))};
  }
  /** out (8,) = d times eight int8 numbers. */
  static inline void scale8(float* out, float d, uint64_t bytes) {
    store(out, mul(set1(d), from_int8(vcreate_s8(bytes))));
  }
  /** What `to_floats` gives is to be multiplied by this. */
  static constexpr float quant_unit = 1;
  /** 32 int8 numbers. */
  static inline void to_floats(Vector* out, Bytes b) {
    const int8x16_t low = vreinterpretq_s8_u8(b.low), high = vreinterpretq_s8_u8(b.high);
    out[0] = from_int8(vget_low_s8(low));
    out[1] = from_int8(vget_high_s8(low));
    out[2] = from_int8(vget_low_s8(high));
    out[3] = from_int8(vget_high_s8(high));
  }

  /** v (8, 8) to its transpose: that of each quarter, two of them in each other's place. */
  static inline void transpose(Vector v[8]) {
    for (int i = 0; i < 8; i += 4) {
      transpose4(v[i].low, v[i + 1].low, v[i + 2].low, v[i + 3].low);
      transpose4(v[i].high, v[i + 1].high, v[i + 2].high, v[i + 3].high);
    }
    for (int i = 0; i < 4; i++) std::swap(v[i].high, v[i + 4].low);
  }

 private:
  static inline Vector from_bytes(uint8x8_t bytes) {
    const uint16x8_t n = vmovl_u8(bytes);
    return {vcvtq_f32_u32(vmovl_u16(vget_low_u16(n))), vcvtq_f32_u32(vmovl_high_u16(n))};
  }
  static inline Vector from_int8(int8x8_t bytes) {
    const int16x8_t n = vmovl_s8(bytes);
    return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(n))), vcvtq_f32_s32(vmovl_high_s16(n))};
  }
  static inline void transpose4(float32x4_t& a, float32x4_t& b, float32x4_t& c, float32x4_t& d) {
    const float64x2_t ab[2] = {vreinterpretq_f64_f32(vtrn1q_f32(a, b)), vreinterpretq_f64_f32(vtrn2q_f32(a, b))};
    const float64x2_t cd[2] = {vreinterpretq_f64_f32(vtrn1q_f32(c, d)), vreinterpretq_f64_f32(vtrn2q_f32(c, d))};
    a = vreinterpretq_f32_f64(vtrn1q_f64(ab[0], cd[0]));
    b = vreinterpretq_f32_f64(vtrn1q_f64(ab[1], cd[1]));
    c = vreinterpretq_f32_f64(vtrn2q_f64(ab[0], cd[0]));
    d = vreinterpretq_f32_f64(vtrn2q_f64(ab[1], cd[1]));
  }
};

}  // namespace phi3lab::cpu
