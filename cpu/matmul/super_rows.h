// Blocks of 256 weights as vectors of float32, a sub-block of 32 at a time. Quants are unpacked as 32 bytes, then
// widened: that takes half the instructions of widening first.
#pragma once

#include <type_traits>

#include "formats.h"

namespace phi3lab::cpu {

/** A format's block of 256; void where its blocks are smaller. */
template <WeightType type>
struct SuperBlockOf {
  using Block = void;
};
template <>
struct SuperBlockOf<WeightType::Q2_K> {
  using Block = BlockQ2_K;
};
template <>
struct SuperBlockOf<WeightType::Q3_K> {
  using Block = BlockQ3_K;
};
template <>
struct SuperBlockOf<WeightType::Q4_K> {
  using Block = BlockQ4_K;
};
template <>
struct SuperBlockOf<WeightType::Q5_K> {
  using Block = BlockQ5_K;
};
template <>
struct SuperBlockOf<WeightType::Q6_K> {
  using Block = BlockQ6_K;
};
template <>
struct SuperBlockOf<WeightType::IQ4_XS> {
  using Block = BlockIQ4_XS;
};

/** Whether a format's blocks are of 256 weights. */
template <WeightType type>
constexpr bool is_super = !std::is_void_v<typename SuperBlockOf<type>::Block>;

/** Sub-block j's numbers before their scale, as int8: `quant_at` of each. */
template <class V>
static inline typename V::Bytes load_quants(const BlockQ2_K& b, int j) {
  return V::bits_of(V::load32(b.quants + j / 4 * 32), 2 * (j % 4), 3);
}
template <class V>
static inline typename V::Bytes load_quants(const BlockQ3_K& b, int j) {
  const auto low = V::bits_of(V::load32(b.quants + j / 4 * 32), 2 * (j % 4), 3);
  return V::minus(V::join(low, V::bits_of(V::load32(b.high), j, 1), 2), 4);
}
template <class V>
static inline typename V::Bytes load_quants(const BlockQ4_K& b, int j) {
  return V::bits_of(V::load32(b.quants + j / 2 * 32), 4 * (j % 2), 15);
}
template <class V>
static inline typename V::Bytes load_quants(const BlockQ5_K& b, int j) {
  const auto low = V::bits_of(V::load32(b.quants + j / 2 * 32), 4 * (j % 2), 15);
  return V::join(low, V::bits_of(V::load32(b.high), j, 1), 4);
}
template <class V>
static inline typename V::Bytes load_quants(const BlockQ6_K& b, int j) {
  const int half = j / 4, part = j % 4;
  const auto low = V::bits_of(V::load32(b.low + 64 * half + part % 2 * 32), 4 * (part / 2), 15);
  return V::minus(V::join(low, V::bits_of(V::load32(b.high + 32 * half), 2 * part, 3), 4), 32);
}
template <class V>
static inline typename V::Bytes load_quants(const BlockIQ4_XS& b, int j) {
  return V::look_up(kIQ4, V::load_nibbles32(b.quants + 16 * j));
}

/** Calls use(j, w) for each of the eight sub-blocks of the block at column k, w being its weights as 32 / width
 * vectors.
 */
template <class V, WeightType type, class Use>
static inline void unpack_super_block(const uint8_t* row, int64_t k, const Use& use) {
  using Block = typename SuperBlockOf<type>::Block;
  using Kind = SuperBlock<Block>;
  constexpr int n = 32 / V::width, words = Kind::scale_a_16 ? 2 : 1;
  const auto& b = reinterpret_cast<const Block*>(row)[k / 256];
  const PackedScales packed = unpack_scales(b);
  float scales[16], mins[16];
  for (int i = 0; i < words; i++) {
    V::scale8(scales + 8 * i, V::half(b.d) * V::quant_unit, packed.scales[i]);
    if constexpr (Kind::has_minima) V::scale8(mins + 8 * i, -V::half(b.dmin), packed.mins[i]);
  }
  // Broadcast from memory below: shuffling them out of registers would wait for what widens the quants.
  __asm__("" : "+m"(scales));
  if constexpr (Kind::has_minima) __asm__("" : "+m"(mins));
#pragma GCC unroll 8
  for (int j = 0; j < 8; j++) {
    typename V::Vector w[n];
    V::to_floats(w, load_quants<V>(b, j));
    for (int part = 0; part < words; part++) {
      const auto scale = V::set1(scales[words * j + part]);
      typename V::Vector minimum = V::zero();
      if constexpr (Kind::has_minima) minimum = V::set1(mins[words * j + part]);
      for (int i = part * n / words; i < (part + 1) * n / words; i++)
        w[i] = Kind::has_minima ? V::multiply_add(scale, w[i], minimum) : V::mul(scale, w[i]);
    }
    use(j, w);
  }
}

}  // namespace phi3lab::cpu
