// Products by NEON: as_stored weights by rows or panels, as AVX2 does; interleaved16 weights, which a processor with
// dot products has, by fixed point for few tokens and by panels for more.
#include "cpu/simd/neon.h"
#include "interleaved16_products.h"
#include "super16_neon.h"

namespace phi3lab::cpu {
namespace {

struct NeonPath {
  using V = Neon;

  template <WeightType type>
  static void unpack(float* panel, const uint8_t* block, int half, int64_t blocks) {
    if constexpr (is_super16(type)) return unpack_super<type>(panel, block, half, blocks);
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

  static bool multiply_one(const Gemm& p) {
    Fixed24Block* limbs = reinterpret_cast<Fixed24Block*>(p.own);
    if (!to_fixed24(limbs, p.in, p.cols)) return false;
    for_interleaved16(p, [&](const Segment& s, int64_t first, int64_t last) {
      multiply_fixed24(p.out, s, limbs, p.cols, first, last, p.isa);
    });
    return true;
  }
};

}  // namespace

void matmul_neon(const Gemm& p) { multiply_mixed<NeonPath>(p); }

}  // namespace phi3lab::cpu
