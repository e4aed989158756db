// Products by AVX-512: blocks16 weights by fixed point (one or few tokens), by tiles (short prompts) or by panels (long
// ones); filed weights by rows or panels. Where bfloat16 is asked for, prompts by panels of it.
#include "matmul_avx512.h"

#include "matmul_panels.h"
#include "simd_avx512.h"

namespace phi3lab::cpu {
namespace {

/** From here on packing panels costs less than the registers that dequantising takes from the tiles. */
constexpr int64_t kPackedTokens = 128;
static_assert(kPackedTokens <= Workspace::kSharedTokens, "shorter prompts lie transposed in the shared memory");

/** From here on bfloat16 gains anything; shorter prompts stay exact, as a decoded token is. */
constexpr int64_t kBf16Tokens = 24;

/** The share of every blocks16 segment, a token at a time: in fixed point, or where that cannot be as a tile of one. */
void multiply_few(const Product& p, int64_t token, int64_t tokens) {
  for (int64_t t = token; t < token + tokens; t++) {
    DigitBlock* digits = reinterpret_cast<DigitBlock*>(p.own);
    const bool fixed = p.isa.vnni && to_digits(digits, p.in + t * p.in_stride, p.cols);
    float* tile = reinterpret_cast<float*>(p.own);
    if (!fixed) transpose_tiles(tile, p.in + t * p.in_stride, p.in_stride, 1, p.cols, 0, p.cols);
    for (int i = 0; i < p.segment_count; i++) {
      const Segment& s = p.segments[i];
      if (s.layout != Layout::blocks16) continue;
      int64_t first, last;
      share_of(s, p.thread, p.threads, &first, &last);
      float* out = p.out + t * p.out_stride;
      if (fixed)
        multiply_digits(out, s, digits, p.cols, first, last);
      else
        multiply_tiles(p, s, tile, out, 1, first, last);
    }
  }
}

}  // namespace

void matmul_avx512(const Product& p) {
  if (p.isa.bf16 && p.tokens >= kBf16Tokens) return multiply_bf16(p);
  bool any_blocks = false;
  for (int i = 0; i < p.segment_count; i++) {
    const Segment& s = p.segments[i];
    if (s.layout == Layout::filed)
      multiply_filed<Avx512>(p, s);
    else
      any_blocks = true;
  }
  if (!any_blocks) return;
  if (p.tokens > kPackedTokens) {
    for (int i = 0; i < p.segment_count; i++) {
      const Segment& s = p.segments[i];
      if (s.layout != Layout::blocks16) continue;
      multiply_panels<Avx512>(p, s, [&](float* panel, int64_t row, int64_t first, int64_t count) {
        if (row < s.rows) unpack_blocks16(panel, s, p.cols, row, first, count);  // else: sums that nobody stores
      });
    }
    return;
  }
  // For less than a tile of 8, fixed point is faster: it multiplies four weights where a tile multiplies one.
  const int64_t few = p.isa.vnni ? p.tokens % 8 : p.tokens == 1 ? 1 : 0;
  const int64_t tiled = p.tokens - few;
  if (tiled > 0) {
    int64_t first, last;
    split(p.cols, 32, p.thread, p.threads, &first, &last);
    transpose_tiles(p.shared, p.in, p.in_stride, tiled, p.cols, first, last);
    p.team->barrier(p.thread);
    for (int i = 0; i < p.segment_count; i++) {
      const Segment& s = p.segments[i];
      if (s.layout != Layout::blocks16) continue;
      share_of(s, p.thread, p.threads, &first, &last);
      multiply_tiles(p, s, p.shared, p.out, tiled, first, last);
    }
  }
  multiply_few(p, tiled, few);
}

}  // namespace phi3lab::cpu
