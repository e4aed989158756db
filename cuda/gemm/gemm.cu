// Which of our own products runs: few tokens take the tiles of mma.sync that stream the weight, more of them wgmma
// where the GPU has it, in which tile is chosen here, and mma.sync's larger tiles elsewhere.
#include <algorithm>

#include "tile.cuh"

namespace phi3lab::cuda {

WgmmaTile choose_wgmma_tile(const Gemm& p, const DeviceProperties& device) {
  // Cycles of a multiprocessor, whose tiles follow each other, also where it holds two blocks. A step is bound by the
  // tensor cores, by what L2 brings, or by how long a stage is on its way while the others are used; a tile costs its
  // beginning and its end besides. The constants are fitted on an H200 to the times of every tile for Phi-3-mini's
  // matrices and 64 to 4,000 tokens: the choice loses 0.3% on average against the best tile, at most 5%, and as little
  // when they are 7% off.
  constexpr double kCyclesPerToken = 3.4, kBytesPerCycle = 50, kStageCycles = 2100;
  const int row_tiles = ceil_div(static_cast<int>(p.rows), kWgmmaTileRows);
  const int steps = ceil_div(static_cast<int>(p.cols), kWgmmaStageCols);
  WgmmaTile best;
  double least = 1e30;
  for (int tokens : kWgmmaTileTokens) {
    const int tiles = row_tiles * ceil_div(static_cast<int>(p.tokens), tokens), held = wgmma_blocks(tokens);
    for (int split : {1, 2, 3, 4, 6, 8}) {
      if (split > 1 && (tiles * split > held * device.multiprocessors || split > steps)) break;
      const int turns = ceil_div(tiles * split, device.multiprocessors);
      const double stages_ahead = (wgmma_stages(tokens) - 1.) * std::min(turns, held);
      const double step_cycles =
          std::max({kCyclesPerToken * tokens, wgmma_stage_bytes(tokens) / kBytesPerCycle, kStageCycles / stages_ahead});
      const double end_cycles = split == 1 ? 48. * tokens : 2400 + 45. * tokens;
      const double cycles = turns * (ceil_div(steps, split) * step_cycles + end_cycles);
      if (cycles < least) least = cycles, best = {tokens, split};
    }
  }
  return best;
}

void tensor_gemm(const Gemm& p, const DeviceProperties& device, const KernelSet& kernels, const Partials& partials,
                 cudaStream_t stream) {
  if (p.tokens <= 0 || p.rows <= 0) return;
  if (!gemm_fits(p.cols)) throw std::runtime_error("[gemm] cols must be a multiple of 8");
  if (p.dtype == Dtype::float32) throw std::runtime_error("[gemm] inputs must have 16 bits");
  if (p.accumulate && !p.out_float32) throw std::runtime_error("[gemm] only float32 accumulates");
  if (p.up_after > 0 && (p.out_float32 || !gemm_gates(p.tokens, kernels)))
    throw std::runtime_error("[gemm] only 16-bit products of many tokens by mma.sync have gates");
  if (p.tokens <= kStreamedTokens) return gemm_mma_few(p, device, kernels, partials, stream);
  if (kernels.wgmma) return gemm_wgmma(p, device, kernels, stream, choose_wgmma_tile(p, device));
  gemm_mma_many(p, device, kernels, partials, stream);
}

}  // namespace phi3lab::cuda
