// Which shape of the kernel takes which matrix. Included by a file for each number format, so that they compile apart.
//
// A row has n stripes of 512 bytes. What two kernels that follow each other have under way must fit a multiprocessor's
// shared memory together (227 KB): else the second one's first rows are not on their way when the first one ends. So
// the products that are much (qkv, gate and up, the head) keep 120 KB of Phi-3-mini's rows under way, those between
// them less.
#pragma once

#include "matvec.cuh"

namespace phi3lab::cuda {

using Narrow = MatvecShape<1, 4, 5, 16>;         // n ≤ 16
using NarrowBetween = MatvecShape<1, 4, 3, 16>;  // the same, for the attention's projection
using Wide = MatvecShape<2, 1, 5, 16>;           // n ≤ 32
using WideBetween = MatvecShape<4, 1, 7, 8>;     // the same, for the feed-forward's second product
using Wider = MatvecShape<4, 1, 3, 16, 1>;       // n ≤ 64
using Widest = MatvecShape<6, 1, 2, 16, 1>;      // n ≤ 96
constexpr int kMostStripes = 96;
constexpr int kAtOnce = 1 << 20;  // the next kernel may begin as soon as this one has its vector

template <class W, bool kNormed, MatvecEnd kEnd>
int choose_matvec(const Matvec& m, const Card& card, cudaStream_t stream) {
  const int stripes = (m.cols + 32 * Chunk<W>::kNumbers - 1) / (32 * Chunk<W>::kNumbers);
  // Measured on an H200, as all of these.
  MatvecTuning tuning{7, false};
  if constexpr (kEnd == MatvecEnd::swiglu) tuning = {10, true};
  if constexpr (kEnd == MatvecEnd::logits) tuning = {kAtOnce, false};
  if constexpr (kEnd == MatvecEnd::residual) {
    if (stripes <= 16) return launch_matvec<W, NarrowBetween, kNormed, kEnd>(m, card, {4, true}, stream);
    tuning = {5, false};
    if (stripes <= 32) return launch_matvec<W, WideBetween, kNormed, kEnd>(m, card, tuning, stream);
  } else {
    if (stripes <= 16) return launch_matvec<W, Narrow, kNormed, kEnd>(m, card, tuning, stream);
    if (stripes <= 32) return launch_matvec<W, Wide, kNormed, kEnd>(m, card, tuning, stream);
  }
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
