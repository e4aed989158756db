// Between `matmul` and its paths: each path is one function over all formats, in files compiled for its instructions.
// Such a file uses nothing but plain data and functions of internal linkage: an inline function shared with other files
// could reach a processor that lacks the instructions.
#pragma once

#include "interleaved16.h"

namespace phi3lab::cpu {

/** One GEMM as one thread of the pool sees it. */
struct Gemm {
  float* out;       // (tokens, out_stride)
  const float* in;  // (tokens, in_stride)
  const Segment* segments;
  int segment_count;
  int64_t cols, tokens, out_stride, in_stride;
  Isa isa;
  ThreadPool* pool;
  int thread, threads;
  float* shared;  // the workspace's
  int64_t shared_floats;
  uint8_t* own;
  float* batch;
  int64_t batch_floats;
};

void matmul_portable(const Gemm& p);
void matmul_avx2(const Gemm& p);
void matmul_avxvnni(const Gemm& p);
void matmul_avx512(const Gemm& p);
void matmul_neon(const Gemm& p);

/** Where row r of a as_stored segment goes in the output. */
static inline int64_t output_row(const Segment& s, int64_t r) { return s.first + (s.output_row ? s.output_row[r] : r); }

/** The rows [first, last) of a segment that fall to a thread: whole groups, or runs of four as_stored rows. */
static inline void share_of(const Segment& s, int thread, int threads, int64_t* first, int64_t* last) {
  split(s.rows, s.packing == Packing::interleaved16 ? kGroupRows : 4, thread, threads, first, last);
}

/** Calls use(segment, first, last) for each interleaved16 segment and this thread's rows of it. */
template <class Use>
static inline void for_interleaved16(const Gemm& p, const Use& use) {
  for (int i = 0; i < p.segment_count; i++) {
    const Segment& s = p.segments[i];
    if (s.packing != Packing::interleaved16) continue;
    int64_t first, last;
    share_of(s, p.thread, p.threads, &first, &last);
    use(s, first, last);
  }
}

}  // namespace phi3lab::cpu
