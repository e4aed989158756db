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
  static inline Vector load_int8(const void* p) {
    const int16x8_t n = vmovl_s8(vld1_s8(static_cast<const int8_t*>(p)));
    return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(n))), vcvtq_f32_s32(vmovl_high_s16(n))};
  }
  /** The low and the high nibbles of 8 bytes. */
  static inline void load_nibbles(Vector* low, Vector* high, const void* p) {
    const uint8x8_t bytes = vld1_u8(static_cast<const uint8_t*>(p));
    *low = from_bytes(vand_u8(bytes, vdup_n_u8(15)));
    *high = from_bytes(vshr_n_u8(bytes, 4));
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
