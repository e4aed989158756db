// Products by AVX-512. interleaved16 weights: in fixed point; without VNNI in float32 by tiles (short prompts) or by
// panels (long ones). Filed weights: by rows or panels. Where bfloat16 is asked for, prompts by panels of it.
#include "avx512.h"

#include <cmath>

#include "cpu/simd/avx512.h"
#include "panels.h"

namespace phi3lab::cpu {
namespace {

/** Up to here unpacking the weights costs more than reading them once a token. */
constexpr int64_t kFewTokens = 7;

/** From so many tokens a thread on, unpacking all weights costs a thread less than reading others' activations. */
constexpr int64_t kOwnTokens = 24;

/** From here on packing panels costs less than the registers that dequantising takes from the tiles. */
constexpr int64_t kPackedTokens = 128;
static_assert(kPackedTokens <= Workspace::kSharedTokens, "shorter prompts lie transposed in the shared memory");

/** From here on bfloat16 gains anything; shorter prompts stay exact, as a decoded token is. */
constexpr int64_t kBf16Tokens = 24;

/** This thread's rows for one token, in float32. */
void multiply_float(const Gemm& p, float* out, const float* in) {
  float* tile = reinterpret_cast<float*>(p.own);
  transpose_tiles(tile, in, p.in_stride, 1, p.cols, 0, p.cols);
  for_interleaved16(p, [&](const Segment& s, int64_t first, int64_t last) {
    if (has_tiles(s.type))
      multiply_tiles(p, s, tile, out, 1, first, last);
    else
      multiply_interleaved16_rows(out, in, s, p.cols, first, last, tile + p.cols);
  });
}

/** For few tokens, in fixed point where that can be: each thread turns them into it for itself. */
void multiply_few(const Gemm& p) {
  Fixed24Block* limbs = reinterpret_cast<Fixed24Block*>(p.own);
  for (int64_t t = 0; t < p.tokens; t++) {
    const float* in = p.in + t * p.in_stride;
    float* out = p.out + t * p.out_stride;
    if (!p.isa.vnni || !to_fixed24(limbs, in, p.cols)) {
      multiply_float(p, out, in);
      continue;
    }
    for_interleaved16(p, [&](const Segment& s, int64_t first, int64_t last) {
      multiply_fixed24(out, s, limbs, p.cols, first, last, p.isa);
    });
  }
}

/** This thread's rows for the tokens of one or two runs. A token that cannot be in fixed point has NaN for a scale. */
void multiply_runs(const Gemm& p, const Fixed24Run* runs, int count) {
  static_assert(kFixed24Scratch <= Workspace::kPanelRows * Workspace::kPanelCols * sizeof(float),
                "fits a thread's own");
  for_interleaved16(p, [&](const Segment& s, int64_t first, int64_t last) {
    multiply_fixed24_tiles(p.out, p.out_stride, s, runs, count, p.cols, first, last, p.own);
  });
  for (const Fixed24Run* run = runs; run < runs + count; run++) {
    for (int64_t i = 0; i < run->tokens; i++) {
      const float scale = run->x[i * (p.cols / 32)].scale;
      const int64_t t = run->first + i;
      if (scale != scale) multiply_float(p, p.out + t * p.out_stride, p.in + t * p.in_stride);
    }
  }
}

/** Tokens [first, last) in fixed point: x (last − first, cols / 32). */
void to_fixed24(Fixed24Block* x, const Gemm& p, int64_t first, int64_t last) {
  const int64_t blocks = p.cols / 32;
  for (int64_t t = first; t < last; t++, x += blocks)
    if (!to_fixed24(x, p.in + t * p.in_stride, p.cols)) x->scale = NAN;
}

static_assert(sizeof(Fixed24Block) == 32 * sizeof(float), "a token takes as much memory as its float32 numbers");

/** For some, as many at a time as the shared memory holds: each thread has its rows. */
void multiply_some(const Gemm& p) {
  Fixed24Block* limbs = reinterpret_cast<Fixed24Block*>(p.shared);
  const int64_t most = p.shared_floats / p.cols;
  for (int64_t done = 0; done < p.tokens; done += most) {
    const Fixed24Run all{limbs, done, p.tokens - done < most ? p.tokens - done : most};
    if (done > 0) p.pool->barrier(p.thread);
    own_runs(all.tokens, p.thread, p.threads, [&](int64_t first, int64_t last) {
      to_fixed24(limbs + first * (p.cols / 32), p, done + first, done + last);
    });
    p.pool->barrier(p.thread);
    multiply_runs(p, &all, 1);
  }
}

/** For many: each thread has its tokens, as many at a time as its own memory holds, and all rows. */
void multiply_own(const Gemm& p) {
  Gemm alone = p;
  alone.thread = 0;
  alone.threads = 1;
  Fixed24Block* limbs = reinterpret_cast<Fixed24Block*>(p.batch);
  const int64_t blocks = p.cols / 32, most = p.batch_floats / p.cols;
  Fixed24Run runs[2];
  int count = 0;
  int64_t tokens = 0;  // of the runs
  const auto multiply = [&] {
    multiply_runs(alone, runs, count);
    count = 0;
    tokens = 0;
  };
  own_runs(p.tokens, p.thread, p.threads, [&](int64_t first, int64_t last) {
    while (first < last) {
      const int64_t some = last - first < most - tokens ? last - first : most - tokens;
      Fixed24Block* x = limbs + tokens * blocks;
      to_fixed24(x, p, first, first + some);
      runs[count++] = {x, first, some};
      first += some;
      tokens += some;
      if (tokens == most) multiply();
    }
  });
  if (count > 0) multiply();
}

/** For as many as the shared memory holds, in float32. */
void multiply_tiled(const Gemm& p) {
  int64_t first_col, last_col;
  split(p.cols, 32, p.thread, p.threads, &first_col, &last_col);
  transpose_tiles(p.shared, p.in, p.in_stride, p.tokens, p.cols, first_col, last_col);
  p.pool->barrier(p.thread);
  for_interleaved16(p, [&](const Segment& s, int64_t first, int64_t last) {
    multiply_tiles(p, s, p.shared, p.out, p.tokens, first, last);
  });
}

/** For many, in float32. */
void multiply_packed(const Gemm& p) {
  for (int i = 0; i < p.segment_count; i++) {
    const Segment& s = p.segments[i];
    if (s.packing != Packing::interleaved16) continue;
    multiply_panels<Avx512>(p, s, [&](float* panel, int64_t row, int64_t first, int64_t count) {
      if (row < s.rows) unpack_interleaved16(panel, s, p.cols, row, first, count);  // else: sums that nobody stores
    });
  }
}

}  // namespace

void matmul_avx512(const Gemm& p) {
  if (p.isa.bf16 && p.tokens >= kBf16Tokens) return multiply_bf16(p);
  bool any_blocks = false;
  for (int i = 0; i < p.segment_count; i++) {
    if (p.segments[i].packing == Packing::as_stored)
      p.isa.fetches ? multiply_filed<Avx512>(p, p.segments[i]) : multiply_filed<Avx512Unaided>(p, p.segments[i]);
    else
      any_blocks = true;
  }
  if (!any_blocks) return;
  if (p.isa.vnni) {
    if (p.tokens >= kOwnTokens * p.threads) return multiply_own(p);
    return p.tokens > kFewTokens ? multiply_some(p) : multiply_few(p);
  }
  if (p.tokens == 1) return multiply_few(p);
  return p.tokens > kPackedTokens ? multiply_packed(p) : multiply_tiled(p);
}

}  // namespace phi3lab::cpu
