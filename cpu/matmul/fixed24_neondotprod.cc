// fixed24.h by NEON's dot product, sdot: the sums of bytes times quants are exact in int32.
#include <arm_neon.h>

#include "fixed24.h"
#include "super16_neon.h"

namespace phi3lab::cpu {
namespace {

/** sums [limb] (4 rows) += vector i of the rows' weights times the activations' limbs [half of the block][limb]. */
template <WeightType type, int i>
inline void add_vector(int32x4_t sums[3], const uint8_t* weights, const int8x16_t limbs[2][3]) {
  const uint8x16_t w = vld1q_u8(weights + 64 * i);
  for (int k = 0; k < 3; k++) {
    if constexpr (type == WeightType::Q8_0) {
      const int8x16_t q = vreinterpretq_s8_u8(veorq_u8(w, vdupq_n_u8(128)));  // signed again, as sdot has it
      sums[k] = vdotq_laneq_s32(sums[k], q, limbs[i / 4][k], i % 4);
    } else {
      sums[k] = vdotq_laneq_s32(sums[k], vreinterpretq_s8_u8(vandq_u8(w, vdupq_n_u8(15))), limbs[0][k], i);
      sums[k] = vdotq_laneq_s32(sums[k], vreinterpretq_s8_u8(vshrq_n_u8(w, 4)), limbs[1][k], i);
    }
  }
}

/** What the sums of three limbs amount to. */
inline float32x4_t sum_of_limbs(const int32x4_t sums[3]) {
  // |256·sums[0] + sums[1]| < 2²⁸: exact in int32; the two conversions and the sum round as float32 does.
  const float32x4_t most = vcvtq_f32_s32(vaddq_s32(vshlq_n_s32(sums[0], 8), sums[1]));
  return vfmaq_n_f32(vcvtq_f32_s32(sums[2]), most, 256.0f);
}

/** out (16 rows) += a group's block times a token's. */
template <WeightType type>
inline void multiply_block(float32x4_t out[4], const uint8_t* block, const Fixed24Block& x) {
  constexpr size_t quants = quants16(type);
  int8x16_t limbs[2][3];
  for (int k = 0; k < 3; k++) {
    for (int half = 0; half < 2; half++) limbs[half][k] = vld1q_s8(x.limbs[k] + 16 * half);
  }
  for (int v = 0; v < 4; v++) {
    const uint8_t* weights = block + 16 * v;
    int32x4_t sums[3];  // the most significant limb's first
    for (int k = 0; k < 3; k++) sums[k] = vdupq_n_s32(type == WeightType::Q4_0 ? x.minus_8[k] : 0);
    add_vector<type, 0>(sums, weights, limbs);
    add_vector<type, 1>(sums, weights, limbs);
    add_vector<type, 2>(sums, weights, limbs);
    add_vector<type, 3>(sums, weights, limbs);
    if constexpr (type == WeightType::Q8_0) {
      add_vector<type, 4>(sums, weights, limbs);
      add_vector<type, 5>(sums, weights, limbs);
      add_vector<type, 6>(sums, weights, limbs);
      add_vector<type, 7>(sums, weights, limbs);
    }
    const auto halves = [&](size_t at) { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(block + at + 8 * v))); };
    out[v] = vfmaq_f32(out[v], vmulq_n_f32(sum_of_limbs(sums), x.scale), halves(quants));
    if constexpr (type == WeightType::Q4_1) out[v] = vfmaq_n_f32(out[v], halves(quants + 32), x.sum);
  }
}

/** sums [run][limb] (4 rows) += vector i of rows 4v … of a part of 256 columns' times the activations' limbs. */
template <WeightType type, int i>
inline void add_quants(int32x4_t sums[2][3], const uint8_t* part, int v, const int8x16_t limbs[2][3]) {
  uint8x16_t low, high;
  load_quants16<type>(&low, &high, part, v, i);
  for (int k = 0; k < 3; k++) {
    int32x4_t& of_high = sums[type == WeightType::Q6_K][k];
    sums[0][k] = vdotq_laneq_s32(sums[0][k], vreinterpretq_s8_u8(low), limbs[0][k], i);
    of_high = vdotq_laneq_s32(of_high, vreinterpretq_s8_u8(high), limbs[1][k], i);
  }
}

/** out (16 rows) += a group's block of 256 columns times a token's. */
template <WeightType type>
inline void multiply_super_block(float32x4_t out[4], const uint8_t* block, const Fixed24Block* x) {
  const uint8_t* tail = block + 8 * part16(type);
  for (int j = 0; j < 8; j++, x++, block += part16(type)) {
    int8x16_t limbs[2][3];
    for (int k = 0; k < 3; k++)
      for (int half = 0; half < 2; half++) limbs[half][k] = vld1q_s8(x->limbs[k] + 16 * half);
    for (int v = 0; v < 4; v++) {
      int32x4_t sums[2][3];
      for (int k = 0; k < 3; k++) {
        const int32_t first = x->minus_8_first[k], second = x->minus_8[k] - first;
        sums[0][k] = vdupq_n_s32(type == WeightType::Q6_K ? 4 * first : 0);
        sums[1][k] = vdupq_n_s32(type == WeightType::Q6_K ? 4 * second : 0);
      }
      add_quants<type, 0>(sums, block, v, limbs);
      add_quants<type, 1>(sums, block, v, limbs);
      add_quants<type, 2>(sums, block, v, limbs);
      add_quants<type, 3>(sums, block, v, limbs);
      const PartScales scales = scales_of<type>(block, tail, v);
      out[v] = vfmaq_f32(out[v], vmulq_n_f32(sum_of_limbs(sums[0]), x->scale), scales.first);
      if constexpr (type == WeightType::Q6_K)
        out[v] = vfmaq_f32(out[v], vmulq_n_f32(sum_of_limbs(sums[1]), x->scale), scales.second);
      else
        out[v] = vfmsq_n_f32(out[v], scales.minimum, x->sum);
    }
  }
}

template <WeightType type>
void multiply(float* out, const Segment& s, const Fixed24Block* x, int64_t cols, int64_t first, int64_t last) {
  const int64_t blocks = cols / columns16(type);
  const uint8_t* block = s.data + first / kGroupRows * blocks * block16(type);
  for (int64_t row = first; row < last; row += kGroupRows) {
    float32x4_t sum[4] = {vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0), vdupq_n_f32(0)};
    for (int64_t b = 0; b < blocks; b++, block += block16(type)) {
      if constexpr (is_super16(type))
        multiply_super_block<type>(sum, block, x + 8 * b);
      else
        multiply_block<type>(sum, block, x[b]);
    }
    float rows[kGroupRows];
    for (int v = 0; v < 4; v++) vst1q_f32(rows + 4 * v, sum[v]);
    const int64_t present = last - row < kGroupRows ? last - row : kGroupRows;
    std::memcpy(out + s.first + row, rows, static_cast<size_t>(present) * sizeof(float));
  }
}

}  // namespace

bool to_fixed24(Fixed24Block* out, const float* x, int64_t cols) {
  const int32x4_t half = vdupq_n_s32(128), byte = vdupq_n_s32(255);
  bool in_range = true;
  for (int64_t k = 0; k < cols; k += 32, out++) {
    float32x4_t most = vdupq_n_f32(0);
    for (int i = 0; i < 32; i += 4) most = vmaxq_f32(most, vabsq_f32(vld1q_f32(x + k + i)));  // NaN, if there is one
    const float largest = vmaxvq_f32(most);
    in_range &= fits_fixed24(largest);
    const float inverse = largest > 0 ? kLargestFixed / largest : 0.0f;
    int32_t total[3] = {}, first[3] = {};
    for (int i = 0; i < 32; i += 8) {
      if (i == 16) std::memcpy(first, total, sizeof first);
      int32x4_t n[2], low[2];
      for (int h = 0; h < 2; h++) n[h] = vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x + k + i + 4 * h), inverse));
      for (int limb = 2; limb >= 0; limb--) {
        for (int h = 0; h < 2; h++) {
          low[h] = vsubq_s32(vandq_s32(vaddq_s32(n[h], half), byte), half);
          n[h] = vshrq_n_s32(vsubq_s32(n[h], low[h]), 8);
        }
        total[limb] += vaddvq_s32(vaddq_s32(low[0], low[1]));
        vst1_s8(out->limbs[limb] + i, vmovn_s16(vcombine_s16(vmovn_s32(low[0]), vmovn_s32(low[1]))));
      }
    }
    finish_block(out, largest, total, first);
  }
  return in_range;
}

void multiply_fixed24(float* out, const Segment& s, const Fixed24Block* x, int64_t cols, int64_t first, int64_t last,
                      const Isa&) {
  const auto multiply_rows = [&](auto type) { multiply<decltype(type)::value>(out, s, x, cols, first, last); };
  is_super16(s.type) ? with_super16_type(s.type, multiply_rows) : with_interleaved16_type(s.type, multiply_rows);
}

}  // namespace phi3lab::cpu
