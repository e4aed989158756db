// Which shape of the kernel takes which matrix. Included by a file for each number format, so that they compile apart.
//
// A row has n stripes of 512 bytes. Where kernels overlap and shared memory is large (Hopper's 227 KB), what two that
// follow each other have under way fits a multiprocessor together, so that the second one's first rows are on their way
// when the first one ends: the products that are much (qkv, gate and up, the head) keep 120 KB of Phi-3-mini's rows
// under way, those between them less. Elsewhere a block has 64 to 72 KB of its 99 under way: on an H200 taken for
// an 8.6, 120 KB brought nothing more, and 36 KB cost 2%.
#pragma once

#include "matvec_launch.cuh"

namespace phi3lab::cuda {

// For large shared memory.
using Narrow = MatvecShape<1, 4, 5, 16, 2, true>;         // n ≤ 16
using NarrowBetween = MatvecShape<1, 4, 3, 16, 2, true>;  // the same, for the attention's projection
using Wide = MatvecShape<2, 1, 5, 16, 2, true>;           // n ≤ 32
using WideBetween = MatvecShape<4, 1, 7, 8, 2, true>;     // the same, for the feed-forward's second product
using Wider = MatvecShape<4, 1, 3, 16, 1, true>;          // n ≤ 64
// For small.
using NarrowSmall = MatvecShape<1, 4, 3, 16>;    // n ≤ 14
using WideSmall = MatvecShape<2, 2, 2, 16>;      // n ≤ 32
using WiderSmall = MatvecShape<4, 1, 2, 16, 1>;  // n ≤ 64
// For both.
using Widest = MatvecShape<6, 1, 2, 16, 1>;  // n ≤ 96
constexpr int kMostStripes = 96;
constexpr int kAtOnce = 1 << 20;  // the next kernel may begin as soon as this one has its vector

/** Calls f(Shape()) with the one for rows of so many stripes. */
template <MatvecEnd kEnd, class F>
void with_shape(int stripes, const Card& card, const Paths& paths, const F& f) {
  if (stripes > 64) return f(Widest());
  if (!large_rings(card, paths)) {
    if (stripes <= 14) return f(NarrowSmall());
    if (stripes <= 32) return f(WideSmall());
    return f(WiderSmall());
  }
  if constexpr (kEnd == MatvecEnd::residual) {
    if (stripes <= 16) return f(NarrowBetween());
    if (stripes <= 32) return f(WideBetween());
  } else {
    if (stripes <= 16) return f(Narrow());
    if (stripes <= 32) return f(Wide());
  }
  f(Wider());
}

template <class W, bool kNormed, MatvecEnd kEnd>
int choose_matvec(const Matvec& m, const Card& card, const Paths& paths, cudaStream_t stream) {
  const int stripes = (m.cols + 32 * Chunk<W>::kNumbers - 1) / (32 * Chunk<W>::kNumbers);
  // Measured on an H200, as all of these.
  MatvecTuning tuning{7, false};
  if constexpr (kEnd == MatvecEnd::swiglu) tuning = {10, true};
  if constexpr (kEnd == MatvecEnd::logits) tuning = {kAtOnce, false};
  if constexpr (kEnd == MatvecEnd::residual) tuning = stripes <= 16 ? MatvecTuning{4, true} : MatvecTuning{5, false};
  if (!large_rings(card, paths)) tuning.interleaved = true;
  int blocks = 0;
  with_shape<kEnd>(stripes, card, paths, [&](auto shape) {
    blocks = launch_matvec<W, decltype(shape), kNormed, kEnd>(m, card, paths, tuning, stream);
  });
  return blocks;
}

/** The matvec of one number format. */
template <class W>
int matvec_of(const Matvec& m, const Card& card, const Paths& paths, cudaStream_t stream) {
  if (m.norm) {
    if (m.end == MatvecEnd::swiglu) return choose_matvec<W, true, MatvecEnd::swiglu>(m, card, paths, stream);
    if (m.end == MatvecEnd::logits) return choose_matvec<W, true, MatvecEnd::logits>(m, card, paths, stream);
    return choose_matvec<W, true, MatvecEnd::store>(m, card, paths, stream);
  }
  if (m.end == MatvecEnd::residual) return choose_matvec<W, false, MatvecEnd::residual>(m, card, paths, stream);
  return choose_matvec<W, false, MatvecEnd::store>(m, card, paths, stream);
}

extern template int matvec_of<float>(const Matvec&, const Card&, const Paths&, cudaStream_t);
extern template int matvec_of<__nv_bfloat16>(const Matvec&, const Card&, const Paths&, cudaStream_t);
extern template int matvec_of<__half>(const Matvec&, const Card&, const Paths&, cudaStream_t);

}  // namespace phi3lab::cuda
