// Products by a path that computes interleaved16 weights in fixed point for one token and by panels for prompts.
#pragma once

#include "fixed24.h"
#include "panels.h"

namespace phi3lab::cpu {

/** This thread's share of a interleaved16 segment, by panels that `Path::unpack` fills. */
template <class Path, WeightType type>
static void multiply_blocks(const Gemm& p, const Segment& s) {
  using V = typename Path::V;
  static_assert(kGroupRows == 2 * V::width, "a panel holds one group");
  multiply_panels<V>(p, s, [&](float* panel, int64_t row, int64_t first, int64_t count) {
    constexpr int64_t columns = columns16(type);
    const int64_t block = row / kGroupRows * (p.cols / columns) + first / columns;
    Path::template unpack<type>(panel, s.data + block * block16(type), row % kGroupRows != 0, count / columns);
  });
}

/** This thread's share of every interleaved16 segment. */
template <class Path>
static void multiply_blocks(const Gemm& p) {
  for_interleaved16(p, [&](const Segment& s, int64_t, int64_t) {
    const auto multiply = [&](auto type) { multiply_blocks<Path, decltype(type)::value>(p, s); };
    if constexpr (Path::has_super) {
      if (is_super16(s.type)) return with_super16_type(s.type, multiply);
    }
    with_interleaved16_type(s.type, multiply);
  });
}

/**
 * This thread's share of a product. `Path` has the vectors V; has_super, whether it multiplies blocks of 256 columns;
 * unpack<type>(panel, block, half, blocks), which puts 8 of a group's 16 rows from `block` on as float32 into half of a
 * panel (16 rows wide); and multiply_one(p), one token's share in fixed point, false where that cannot be.
 */
template <class Path>
static void multiply_mixed(const Gemm& p) {
  bool any_blocks = false;
  for (int i = 0; i < p.segment_count; i++) {
    const Segment& s = p.segments[i];
    if (s.packing == Packing::as_stored)
      multiply_filed<typename Path::V>(p, s);
    else
      any_blocks = true;
  }
  if (!any_blocks) return;
  if (p.tokens >= kPanelTokens) return multiply_blocks<Path>(p);
  Gemm one = p;
  one.tokens = 1;
  for (int64_t t = 0; t < p.tokens; t++, one.in += p.in_stride, one.out += p.out_stride) {
    if (!Path::multiply_one(one)) multiply_blocks<Path>(one);
  }
}

}  // namespace phi3lab::cpu
