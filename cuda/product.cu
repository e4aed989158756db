// Which of our own products runs, and by what tile: wgmma where the card has it and tokens are many enough to be bound
// by arithmetic, mma.sync otherwise.
#include <algorithm>

#include "product_tile.cuh"

namespace phi3lab::cuda {

namespace {
/** Up to here the weight's bytes are the limit and the smaller tiles of mma.sync stream them best. */
constexpr int64_t kStreamedTokens = 64;
}  // namespace

WgmmaTile choose_wgmma_tile(const Product& p, const Card& card) {
  // Cycles of a multiprocessor, fitted to the times of every tile on an H200 (Phi-3-mini's matrices, 64 to 4,000
  // tokens: the choice loses 2% on average against the best): a step is bound by the tensor cores or by what L2 brings,
  // a tile costs its beginning and its end besides. A multiprocessor's tiles follow each other, also where it holds two
  // blocks.
  const int rows = static_cast<int>(p.rows), cols = static_cast<int>(p.cols);
  const int row_tiles = ceil_div(rows, kWgmmaTileRows), steps = ceil_div(cols, kWgmmaStageCols);
  WgmmaTile best;
  double least = 1e30;
  for (int tokens : kWgmmaTileTokens) {
    const int tiles = row_tiles * ceil_div(static_cast<int>(p.tokens), tokens);
    const int slots = card.multiprocessors * (tokens <= 128 ? 2 : 1);
    const double stage_bytes = kWgmmaStageCols * 2. * (kWgmmaTileRows + tokens);
    const double step_cycles = std::max(3.4 * tokens, stage_bytes / 46.5);
    for (int split : {1, 2, 3, 4, 6, 8}) {
      if (split > 1 && (tiles * split > slots || split > steps)) break;
      const double end_cycles = split == 1 ? 2180 + 30. * tokens : 230 + 19. * tokens;
      const int turns = ceil_div(tiles * split, card.multiprocessors);
      const double cycles = turns * (ceil_div(steps, split) * step_cycles + end_cycles);
      if (cycles < least) least = cycles, best = {tokens, split};
    }
  }
  return best;
}

void tensor_product(const Product& p, const Card& card, const Paths& paths, cudaStream_t stream) {
  if (p.tokens <= 0 || p.rows <= 0) return;
  if (!product_fits(p.cols)) throw std::runtime_error("[product] cols must be a multiple of 8");
  if (p.dtype == Dtype::float32) throw std::runtime_error("[product] inputs must have 16 bits");
  if (p.accumulate && !p.out_float32) throw std::runtime_error("[product] only float32 accumulates");
  if (paths.wgmma && p.tokens > kStreamedTokens) {
    return wgmma_product(p, card, paths, stream, choose_wgmma_tile(p, card));
  }
  mma_product(p, card, paths, stream);
}

}  // namespace phi3lab::cuda
