// Products by NEON: as_stored weights by rows or panels, as AVX2 does; interleaved16 weights, which a processor with
// dot products has, by fixed point for few tokens and by panels for more.
#include "cpu/simd/neon.h"
#include "fixed24.h"
#include "panels.h"

namespace phi3lab::cpu {
namespace {

/** 8 of a group's 16 rows, from `block` on, as float32 into half of a panel (16 rows wide). */
template <WeightType type>
void unpack(float* panel, const uint8_t* block, int half, int64_t blocks) {
  constexpr size_t quants = quants16(type);
  const uint32x4_t mask = vdupq_n_u32(type == WeightType::Q8_0 ? 255 : 15);
  for (int64_t b = 0; b < blocks; b++, block += block16(type), panel += 32 * kGroupRows) {
    const auto d = Neon::load_f16(block + quants + 16 * half);
    auto offset = Neon::set1(type == WeightType::Q8_0 ? -128.0f : -8.0f);
    if constexpr (type == WeightType::Q4_1) offset = Neon::load_f16(block + quants + 32 + 16 * half);
    for (int i = 0; i < static_cast<int>(quants / 64); i++) {
      const uint8_t* words = block + 64 * i + 32 * half;
      const uint32x4_t low = vreinterpretq_u32_u8(vld1q_u8(words)), high = vreinterpretq_u32_u8(vld1q_u8(words + 16));
      const auto put = [&](int column, int shift) {
        const int32x4_t right = vdupq_n_s32(-shift);
        const Neon::Vector q = {vcvtq_f32_u32(vandq_u32(vshlq_u32(low, right), mask)),
                                vcvtq_f32_u32(vandq_u32(vshlq_u32(high, right), mask))};
        Neon::store(panel + column * kGroupRows,
                    type == WeightType::Q4_1 ? Neon::multiply_add(d, q, offset) : Neon::mul(d, Neon::add(q, offset)));
      };
      for (int j = 0; j < 4; j++) {
        put(4 * i + j, 8 * j);
        if constexpr (type != WeightType::Q8_0) put(16 + 4 * i + j, 8 * j + 4);
      }
    }
  }
}

/** This thread's share of a interleaved16 segment. */
template <WeightType type>
void multiply_blocks(const Gemm& p, const Segment& s) {
  static_assert(kGroupRows == 2 * Neon::width, "a panel holds one group");
  multiply_panels<Neon>(p, s, [&](float* panel, int64_t row, int64_t first, int64_t count) {
    const int64_t block = row / kGroupRows * (p.cols / 32) + first / 32;
    unpack<type>(panel, s.data + block * block16(type), row % kGroupRows != 0, count / 32);
  });
}

/** This thread's share of every interleaved16 segment. */
void multiply_blocks(const Gemm& p) {
  for (int i = 0; i < p.segment_count; i++) {
    const Segment& s = p.segments[i];
    if (s.packing != Packing::interleaved16) continue;
    with_interleaved16_type(s.type, [&](auto type) { multiply_blocks<decltype(type)::value>(p, s); });
  }
}

/** The same for one token: in fixed point, or where that cannot be in float32. */
void multiply_one(const Gemm& p) {
  Fixed24Block* limbs = reinterpret_cast<Fixed24Block*>(p.own);
  if (!to_fixed24(limbs, p.in, p.cols)) return multiply_blocks(p);
  for (int i = 0; i < p.segment_count; i++) {
    const Segment& s = p.segments[i];
    if (s.packing != Packing::interleaved16) continue;
    int64_t first, last;
    share_of(s, p.thread, p.threads, &first, &last);
    multiply_fixed24(p.out, s, limbs, p.cols, first, last, p.isa);
  }
}

}  // namespace

void matmul_neon(const Gemm& p) {
  bool any_blocks = false;
  for (int i = 0; i < p.segment_count; i++) {
    const Segment& s = p.segments[i];
    if (s.packing == Packing::as_stored)
      multiply_filed<Neon>(p, s);
    else
      any_blocks = true;
  }
  if (!any_blocks) return;
  if (p.tokens >= kPanelTokens) return multiply_blocks(p);
  Gemm one = p;
  one.tokens = 1;
  for (int64_t t = 0; t < p.tokens; t++, one.in += p.in_stride, one.out += p.out_stride) multiply_one(one);
}

}  // namespace phi3lab::cpu
