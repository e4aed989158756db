// Products by a path that computes interleaved16 weights in fixed point for one token and by panels for prompts.
#pragma once

#include "fixed24.h"
#include "packed_tokens.h"

namespace phi3lab::cpu {

/** This thread's share of a segment for some tokens, whatever its format and layout. */
template <class Path>
static void multiply_segment(const Gemm& p, const Segment& s, const PackedTokens& tokens) {
  using V = typename Path::V;
  static_assert(kGroupRows == 2 * V::width, "a panel holds one group");
  if (s.packing == Packing::as_stored) {
    return with_type(s.type, [&](auto tag) {
      constexpr WeightType type = decltype(tag)::value;
      const size_t stride = row_bytes(type, p.cols);
      multiply_tokens<V>(p, s, tokens, 256, [&](float* panel, int64_t row, int64_t first, int64_t count) {
        pack_rows<V, type>(panel, s, stride, row, first, count);
      });
    });
  }
  const auto multiply = [&](auto tag) {
    constexpr WeightType type = decltype(tag)::value;
    constexpr int64_t columns = columns16(type);
    multiply_tokens<V>(p, s, tokens, columns, [&](float* panel, int64_t row, int64_t first, int64_t count) {
      const int64_t block = row / kGroupRows * (p.cols / columns) + first / columns;
      Path::template unpack<type>(panel, s.data + block * block16(type), row % kGroupRows != 0, count / columns);
    });
  };
  is_super16(s.type) ? with_super16_type(s.type, multiply) : with_interleaved16_type(s.type, multiply);
}

/**
 * This thread's share of a product. `Path` has the vectors V; unpack<type>(panel, block, half, blocks), which puts 8 of
 * a group's 16 rows from `block` on as float32 into half of a panel (16 rows wide); and multiply_one(p), one token's
 * share in fixed point, false where that cannot be.
 */
template <class Path>
static void multiply_mixed(const Gemm& p) {
  using V = typename Path::V;
  const auto by_panels = [&](const Gemm& product, bool (*chosen)(const Segment&)) {
    for_packed_tokens<V>(product, [&](const PackedTokens& tokens) {
      for (const Segment* s = p.segments; s < p.segments + p.segment_count; s++)
        if (chosen(*s)) multiply_segment<Path>(product, *s, tokens);
    });
  };
  // Four fill a tile by themselves: faster than one by one, as five, of which one is left over, are not.
  if (p.tokens >= kPanelTokens || p.tokens == 4) return by_panels(p, [](const Segment&) { return true; });
  bool any_blocks = false;
  for (const Segment* s = p.segments; s < p.segments + p.segment_count; s++) {
    if (s->packing == Packing::interleaved16)
      any_blocks = true;
    else
      with_type(s->type, [&](auto type) { multiply_rows<V, decltype(type)::value>(p, *s); });
  }
  if (!any_blocks) return;
  Gemm one = p;
  one.tokens = 1;
  for (int64_t t = 0; t < p.tokens; t++, one.in += p.in_stride, one.out += p.out_stride) {
    // Every thread finds the same: a token that cannot be in fixed point.
    if (!Path::multiply_one(one)) by_panels(one, [](const Segment& s) { return s.packing == Packing::interleaved16; });
  }
}

}  // namespace phi3lab::cpu
