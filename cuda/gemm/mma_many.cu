// Products of many tokens by mma.sync: which tile they take, and how those tiles are shared that would
// leave multiprocessors idle at the end.
#include "mma_many.cuh"

namespace phi3lab::cuda {
namespace {

// One block of eight warps a multiprocessor, in at most the 99 KB that 8.6 has for it.
using Large = ManyTile<256, 128, 32, 4, 4, 2>;  // a warp's 64 × 64 asks least of shared memory
using Middle = ManyTile<96, 128, 64, 3, 2, 4>;  // 3,072 rows and 512 tokens are one for each of 128 multiprocessors
using Small = ManyTile<64, 128, 64, 4, 2, 4>;   // for shapes of few large tiles
using Smaller = ManyTile<64, 96, 64, 4, 4, 2>;  // the same for up to 96 tokens

// Before 8.0, in at most the 64 KB that 7.5 has.
using LargeEverywhere = ManyTile<256, 128, 32, 2, 4, 2, true>;
using SmallEverywhere = ManyTile<64, 128, 64, 2, 2, 4, true>;

/** Microseconds on an H200 of 64 columns of a tile, of its beginning and end, and of bringing a shared tile's sums
 * together: for a tile, and for each block. Fitted to Phi-3-mini's matrices and 128 to 2,048 tokens, within 6% for the
 * small tiles and 15% for the others. */
struct Cost {
  double columns, end, meeting, meeting_block;
};
template <class Tile>
constexpr Cost kCost = {};
template <>
constexpr Cost kCost<Large> = {1.17, 6.1, 7.7, 1};
template <>
constexpr Cost kCost<Middle> = {0.523, 7, 0.5, 1.5};
template <>
constexpr Cost kCost<Small> = {0.393, 5.9, 1.2, 0.3};
template <>
constexpr Cost kCost<Smaller> = {0.36, 6.6, 0.7, 0.3};
template <>
constexpr Cost kCost<LargeEverywhere> = kCost<Large>;
template <>
constexpr Cost kCost<SmallEverywhere> = kCost<Small>;

/** How a product is cut into tiles; see ManyPlan. */
struct Cut {
  int row_tiles = 0, token_tiles = 0, whole = 0, split = 1;
  double microseconds = 1e30;
};

/** The best cut of a product into these tiles: those that fill the GPU are whole, the rest may be shared. */
template <class Tile>
Cut cut_into(const Gemm& p, const DeviceProperties& device, const Partials& partials) {
  if (p.up_after > 0 && !Tile::kGates) return {};
  const Cost& cost = kCost<Tile>;
  const int row_tiles = ceil_div(static_cast<int>(p.rows), p.up_after > 0 ? Tile::kRows / 2 : Tile::kRows);
  const int token_tiles = ceil_div(static_cast<int>(p.tokens), Tile::kTokens), tiles = row_tiles * token_tiles;
  const int rest = tiles % device.multiprocessors, turns = tiles / device.multiprocessors;
  const double columns = static_cast<double>(p.cols) / 64;
  Cut best{row_tiles, token_tiles, tiles, 1, (turns + (rest > 0)) * columns * cost.columns + cost.end};
  for (int split = 2; split <= 8; ++split) {
    if (rest == 0 || rest * split > device.multiprocessors || columns < split ||
        !partials_fit(partials, rest, split, Tile::kRows * Tile::kTokens))
      break;
    const double microseconds =
        (turns * columns + columns / split) * cost.columns + cost.end + cost.meeting + split * cost.meeting_block;
    if (microseconds < best.microseconds) best = {row_tiles, token_tiles, tiles - rest, split, microseconds};
  }
  return best;
}

template <class T, class Tile>
void launch_tiles(const Gemm& p, const Cut& cut, const DeviceProperties& device, const KernelSet& kernels,
                  const Partials& partials, cudaStream_t stream) {
  static PreparedKernel prepared;
  auto* kernel = gemm_many_kernel<T, Tile>;
  prepared.prepare(kernel, device.index, Tile::kSharedBytes);
  const int shared_tiles = cut.row_tiles * cut.token_tiles - cut.whole;
  launch({dim3(static_cast<unsigned>(cut.whole + shared_tiles * cut.split)), Tile::kThreads, Tile::kSharedBytes, stream,
          kernels.overlap && !p.fresh_weight},
         kernel, p, ManyPlan{cut.row_tiles, cut.token_tiles, cut.whole, cut.split, kernels.clusters, partials});
}

/** Launches the best of these tiles. */
template <class T, class... Tiles>
void launch_best(const Gemm& p, const DeviceProperties& device, const KernelSet& kernels, const Partials& partials,
                 cudaStream_t stream) {
  Cut least;
  void (*launch_least)(const Gemm&, const Cut&, const DeviceProperties&, const KernelSet&, const Partials&,
                       cudaStream_t) = nullptr;
  const auto consider = [&](const Cut& cut, auto* launch_cut) {
    if (cut.microseconds < least.microseconds) least = cut, launch_least = launch_cut;
  };
  (consider(cut_into<Tiles>(p, device, partials), launch_tiles<T, Tiles>), ...);
  launch_least(p, least, device, kernels, partials, stream);
}

}  // namespace

void gemm_mma_many(const Gemm& p, const DeviceProperties& device, const KernelSet& kernels, const Partials& partials,
                   cudaStream_t stream) {
  if (!kernels.mma_bf16)
    return launch_best<__half, LargeEverywhere, SmallEverywhere>(p, device, kernels, partials, stream);
  if (p.dtype == Dtype::bfloat16)
    return launch_best<__nv_bfloat16, Large, Middle, Small, Smaller>(p, device, kernels, partials, stream);
  launch_best<__half, Large, Middle, Small, Smaller>(p, device, kernels, partials, stream);
}

}  // namespace phi3lab::cuda
