// Which shape of the kernel takes which matrix. Included by a file for each number format, so that they compile apart.
//
// A row has n stripes of 512 bytes. Every multiprocessor keeps about 100 KB of rows under way: less starves the memory,
// more leaves no room for the next kernel's first rows, which must be on their way before this one ends.
#pragma once

#include "matvec.cuh"

namespace phi3lab::cuda {

using Narrow = MatvecShape<1, 4, 5, 16>;     // n ≤ 16
using NarrowPair = MatvecShape<2, 4, 5, 8>;  // even n ≤ 16: half the warps, so that more of the next kernel's fit
using Wide = MatvecShape<2, 1, 6, 16>;       // n ≤ 32
using Wider = MatvecShape<4, 1, 3, 16, 1>;   // n ≤ 64
using Widest = MatvecShape<6, 1, 2, 16, 1>;  // n ≤ 96
constexpr int kMostStripes = 96;

template <class W, bool kNormed, MatvecEnd kEnd>
int choose_matvec(const Matvec& m, const Card& card, cudaStream_t stream) {
  const int stripes = (m.cols + 32 * Chunk<W>::kNumbers - 1) / (32 * Chunk<W>::kNumbers);
  MatvecTuning tuning;
  if constexpr (kEnd == MatvecEnd::swiglu) tuning = {10, true};
  if constexpr (kEnd == MatvecEnd::logits) tuning = {5, false};
  if (stripes <= 16) {
    if constexpr (kNormed && kEnd == MatvecEnd::store)
      if (stripes % 2 == 0) return launch_matvec<W, NarrowPair, kNormed, kEnd>(m, card, tuning, stream);
    return launch_matvec<W, Narrow, kNormed, kEnd>(m, card, tuning, stream);
  }
  if constexpr (kEnd == MatvecEnd::residual) tuning.release_early = 5;
  if (stripes <= 32) return launch_matvec<W, Wide, kNormed, kEnd>(m, card, tuning, stream);
  if (stripes <= 64) return launch_matvec<W, Wider, kNormed, kEnd>(m, card, tuning, stream);
  return launch_matvec<W, Widest, kNormed, kEnd>(m, card, tuning, stream);
}

/** The matvec of one number format. */
template <class W>
int matvec_of(const Matvec& m, const Card& card, cudaStream_t stream) {
  if (m.norm) {
    if (m.end == MatvecEnd::swiglu) return choose_matvec<W, true, MatvecEnd::swiglu>(m, card, stream);
    if (m.end == MatvecEnd::logits) return choose_matvec<W, true, MatvecEnd::logits>(m, card, stream);
    return choose_matvec<W, true, MatvecEnd::store>(m, card, stream);
  }
  if (m.end == MatvecEnd::residual) return choose_matvec<W, false, MatvecEnd::residual>(m, card, stream);
  return choose_matvec<W, false, MatvecEnd::store>(m, card, stream);
}

extern template int matvec_of<float>(const Matvec&, const Card&, cudaStream_t);
extern template int matvec_of<__nv_bfloat16>(const Matvec&, const Card&, cudaStream_t);
extern template int matvec_of<__half>(const Matvec&, const Card&, cudaStream_t);

}  // namespace phi3lab::cuda
