// Attention over a block of positions, on each path: what attend.cc, append.cc and cache.cc agree on.
//
// Positions are cut into blocks of 64 that stand at multiples of 64, whoever asks. A query's scores, weights and sums
// over a block are computed by themselves and combined into its state block after block, so its numbers are the same to
// the bit in whatever tile, pass or thread they are computed: with the cache, without it, and however a prompt is cut.
#pragma once

#include <cstdint>

#include "cpu/simd/path.h"

namespace phi3lab::cpu {

/** What keys and values are kept in. */
enum class KvType : uint8_t { float32, float16 };

constexpr int64_t kAttendBlock = 64;
/** Queries that a call takes at most: twelve times two vectors of AVX-512 fill its registers. */
constexpr int kAttendRows = 12;
/**
 * A block's keys are (padded_dim, kAttendBlock): a vector holds one number of several positions, so that no sum runs
 * across a vector. Its values are (kAttendBlock, padded_dim), and lie behind the keys.
 */
static constexpr int64_t padded_dim(int64_t dim) { return (dim + 15) / 16 * 16; }

/**
 * Floats of a part or a state: Σ p · value (padded_dim,), then the largest score m, then Σ p, with p = e^(score − m).
 */
static constexpr int64_t partial_stride(int64_t dim) { return padded_dim(dim) + 16; }

/** Positions [first, last) of a block, or of all. */
struct Seen {
  int64_t first, last;
};

/** A path's functions for one type of keys and values. Queries are (rows ≤ kAttendRows, dim). */
struct Attend {
  /** Puts k and v (dim,) into position `lane` of a block of keys and into a row of values. float16 clamps to ±65504. */
  void (*put)(void* keys, void* values, const float* k, const float* v, int64_t lane, int64_t dim);
  /**
   * partials (rows, partial_stride) of a block; `seen` (rows,), each of at least one position of it. Neither first nor
   * last falls from row to row. What a query does not see changes nothing, NaN included. Few rows wait for memory more
   * than they compute: where Isa::fetches they fetch ahead what lies behind the block, meanwhile.
   */
  void (*block)(float* partials, const float* queries, const void* keys, const void* values, const Seen* seen, int rows,
                int64_t dim, float scale);
  /** Takes `count` partials, `step` floats apart, into as many states, `to_next` apart; 0: into one, in turn. */
  void (*combine)(float* states, int64_t to_next, const float* partials, int64_t step, int64_t count, int64_t dim);
  /** weights (rows, kAttendBlock) of a block's positions in the finished states; 0 for those not seen. */
  void (*weigh)(float* weights, const float* states, const float* queries, const void* keys, const Seen* seen, int rows,
                int64_t dim, float scale);
};

// By KvType; AVX-512's by Isa::fetches before.
extern const Attend kAttendPortable[2], kAttendAvx2[2], kAttendAvx512[2][2];

/** The functions of a path. */
const Attend& attend_of(const Isa& isa, KvType type);

}  // namespace phi3lab::cpu
