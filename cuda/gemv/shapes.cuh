// Which shape of the kernel takes which matrix. Included by a file for each number format, so that they compile apart.
//
// A row has n chunks of 512 bytes. Where kernels overlap and shared memory is large (Hopper's 227 KB), what two that
// follow each other have under way fits a multiprocessor together, so that the second one's first rows are on their way
// when the first one ends: the products that are much (qkv, gate and up, the head) keep 120 KB of Phi-3-mini's rows
// under way, those between them less. Elsewhere a block has 64 to 72 KB of its 99 under way: on an H200 taken for
// an 8.6, 120 KB brought nothing more, and 36 KB cost 2%.
#pragma once

#include "dense_lane.cuh"
#include "launch.cuh"
#include "registers.cuh"

namespace phi3lab::cuda {

// For large shared memory.
using Narrow = GemvShape<1, 4, 5, 16, 2, true>;         // n ≤ 16
using NarrowBetween = GemvShape<1, 4, 3, 16, 2, true>;  // the same, for the attention's projection
using Wide = GemvShape<2, 1, 5, 16, 2, true>;           // n ≤ 32
using WideBetween = GemvShape<4, 1, 7, 8, 2, true>;     // the same, for the feed-forward's second product
using Wider = GemvShape<4, 1, 3, 16, 1, true>;          // n ≤ 64
// For small.
using NarrowSmall = GemvShape<1, 4, 3, 16>;    // n ≤ 14
using WideSmall = GemvShape<2, 2, 2, 16>;      // n ≤ 32
using WiderSmall = GemvShape<4, 1, 2, 16, 1>;  // n ≤ 64
// For both.
using Widest = GemvShape<6, 1, 2, 16, 1>;  // n ≤ 96
// Where there are no asynchronous copies.
using DenseShape = RegisterShape<4, 1, 16, 2>;
constexpr int kMostChunks = 96;
constexpr int kAtOnce = 1 << 20;  // the next kernel may begin as soon as this one has its vector

/** Calls f(Shape()) with the one for rows of so many chunks. */
template <GemvEnd kEnd, class F>
void with_shape(int chunks, const DeviceProperties& device, const KernelSet& kernels, const F& f) {
  if (chunks > 64) return f(Widest());
  if (!large_rings(device, kernels)) {
    if (chunks <= 14) return f(NarrowSmall());
    if (chunks <= 32) return f(WideSmall());
    return f(WiderSmall());
  }
  if constexpr (kEnd == GemvEnd::residual) {
    if (chunks <= 16) return f(NarrowBetween());
    if (chunks <= 32) return f(WideBetween());
  } else {
    if (chunks <= 16) return f(Narrow());
    if (chunks <= 32) return f(Wide());
  }
  f(Wider());
}

template <class W, bool kNormed, GemvEnd kEnd>
int choose_gemv(const Gemv& m, const DeviceProperties& device, const KernelSet& kernels, cudaStream_t stream) {
  const int chunks = (m.cols + 32 * Packed16<W>::kNumbers - 1) / (32 * Packed16<W>::kNumbers);
  // Measured on an H200, as all of these.
  GemvTuning tuning{7, false};
  if constexpr (kEnd == GemvEnd::swiglu) tuning = {10, true};
  if constexpr (kEnd == GemvEnd::logits) tuning = {kAtOnce, false};
  if constexpr (kEnd == GemvEnd::residual) tuning = chunks <= 16 ? GemvTuning{4, true} : GemvTuning{5, false};
  if (!large_rings(device, kernels)) tuning.interleaved = true;
  int blocks = 0;
  with_shape<kEnd>(chunks, device, kernels, [&](auto shape) {
    blocks = launch_gemv<W, decltype(shape), kNormed, kEnd>(m, device, kernels, tuning, stream);
  });
  return blocks;
}

/** The gemv of one number format. */
template <class W>
int gemv_of(const Gemv& m, const DeviceProperties& device, const KernelSet& kernels, cudaStream_t stream) {
  if (!kernels.async_copies)
    return with_end(m, [&](auto normed, auto end) {
      return launch_registers<DenseLane<W>, DenseShape, decltype(normed)::value, decltype(end)::value>(
          m, static_cast<const W*>(m.weight), device, kernels, stream);
    });
  if (m.norm) {
    if (m.end == GemvEnd::swiglu) return choose_gemv<W, true, GemvEnd::swiglu>(m, device, kernels, stream);
    if (m.end == GemvEnd::logits) return choose_gemv<W, true, GemvEnd::logits>(m, device, kernels, stream);
    return choose_gemv<W, true, GemvEnd::store>(m, device, kernels, stream);
  }
  if (m.end == GemvEnd::residual) return choose_gemv<W, false, GemvEnd::residual>(m, device, kernels, stream);
  return choose_gemv<W, false, GemvEnd::store>(m, device, kernels, stream);
}

extern template int gemv_of<float>(const Gemv&, const DeviceProperties&, const KernelSet&, cudaStream_t);
extern template int gemv_of<__nv_bfloat16>(const Gemv&, const DeviceProperties&, const KernelSet&, cudaStream_t);
extern template int gemv_of<__half>(const Gemv&, const DeviceProperties&, const KernelSet&, cudaStream_t);

}  // namespace phi3lab::cuda
