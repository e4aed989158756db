// Placing a matrix, the memory it may need, and the choice of path for a product.
#include "matmul.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <new>
#include <stdexcept>

#include "interleaved16.h"
#include "paths.h"

namespace phi3lab::cpu {
namespace {

uint8_t* allocate_lines(size_t bytes) {
  bytes = (bytes + 63) / 64 * 64;
  void* p = std::aligned_alloc(64, bytes);
  if (!p) throw std::bad_alloc();
  return static_cast<uint8_t*>(p);
}

void check_group(const RowGroup& g, int64_t cols) {
  const std::string type = format_of(g.type).name;
  if (g.rows < 0 || (g.rows > 0 && !g.data)) throw std::runtime_error("[matmul] Expected a row group with data");
  if (cols % format_of(g.type).block_size != 0) {
    throw std::runtime_error("[matmul] Expected the columns of a " + type + " weight to be a multiple of " +
                             std::to_string(format_of(g.type).block_size) + " but received " + std::to_string(cols));
  }
  if (g.output_row.empty()) return;
  std::vector<bool> seen(static_cast<size_t>(g.rows));
  if (static_cast<int64_t>(g.output_row.size()) != g.rows) {
    throw std::runtime_error("[matmul] Expected an output row for each of " + std::to_string(g.rows) + " rows");
  }
  for (int32_t r : g.output_row) {
    if (r < 0 || r >= g.rows || seen[static_cast<size_t>(r)]) {
      throw std::runtime_error("[matmul] Expected the output rows to be a permutation");
    }
    seen[static_cast<size_t>(r)] = true;
  }
}

}  // namespace

void Matrix::place_interleaved16(const std::vector<RowGroup>& groups, size_t first, size_t last, Arena* arena,
                                 ThreadPool* pool) {
  const WeightType type = groups[first].type;
  const int64_t blocks = cols_ / columns16(type);
  const auto bytes = [&](const RowGroup& g) {
    return static_cast<size_t>((g.rows + kGroupRows - 1) / kGroupRows * blocks) * block16(type);
  };
  size_t total = 0;
  for (size_t i = first; i < last; i++) total += bytes(groups[i]);
  uint8_t* data = arena->allocate(total);
  Segment segment{type, Packing::interleaved16, data, 0, rows_, nullptr};
  for (size_t i = first; i < last; i++) {
    repack_interleaved16(data, groups[i], cols_, pool);
    data += bytes(groups[i]);
    segment.rows += groups[i].rows;
  }
  segments_.push_back(segment);
  rows_ += segment.rows;
  bytes_ += total;
}

void Matrix::place_as_stored(const RowGroup& g) {
  const int32_t* output_row = nullptr;
  if (!g.output_row.empty()) {
    output_rows_.emplace_back(new int32_t[g.output_row.size()]);
    std::copy(g.output_row.begin(), g.output_row.end(), output_rows_.back().get());
    output_row = output_rows_.back().get();
  }
  if (g.owner) owners_.push_back(g.owner);
  segments_.push_back({g.type, Packing::as_stored, static_cast<const uint8_t*>(g.data), g.rows, rows_, output_row});
  rows_ += g.rows;
  bytes_ += static_cast<size_t>(g.rows) * row_bytes(g.type, cols_);
}

Matrix::Matrix(const Isa& isa, const std::vector<RowGroup>& groups, int64_t cols, Arena* arena, ThreadPool* pool)
    : isa_(isa), cols_(cols) {
  if (cols < 1) throw std::runtime_error("[matmul] Expected at least 1 column but received " + std::to_string(cols));
  std::vector<bool> blocks(groups.size());
  for (size_t i = 0; i < groups.size(); i++) {
    check_group(groups[i], cols);
    blocks[i] = arena && has_interleaved16(groups[i].type, isa) && finite_scales(groups[i], cols);
  }
  for (size_t i = 0; i < groups.size();) {
    size_t next = i + 1;
    if (!blocks[i]) {
      place_as_stored(groups[i]);
    } else {
      // Groups of one format become one stream, unless the seam would fall within 16 rows.
      while (next < groups.size() && blocks[next] && groups[next].type == groups[i].type &&
             groups[next - 1].rows % kGroupRows == 0) {
        next++;
      }
      place_interleaved16(groups, i, next, arena, pool);
    }
    i = next;
  }
}

void Matrix::read_row(float* out, int64_t row) const {
  for (const Segment& s : segments_) {
    if (row < s.first || row >= s.first + s.rows) continue;
    int64_t r = row - s.first;
    if (s.packing == Packing::interleaved16) return read_interleaved16_row(out, s, r, cols_);
    if (s.output_row) r = std::find(s.output_row, s.output_row + s.rows, static_cast<int32_t>(r)) - s.output_row;
    return dequantise(out, s.type, s.data + static_cast<size_t>(r) * row_bytes(s.type, cols_), 0, cols_);
  }
  throw std::runtime_error("[matmul] Expected a row below " + std::to_string(rows_) + " but received " +
                           std::to_string(row));
}

Workspace::Workspace(int threads, int64_t max_cols) : max_cols_((max_cols + 31) / 32 * 32) {
  const size_t panel = static_cast<size_t>(kPanelRows * kPanelCols) * sizeof(float);
  // A decode step's activation: the numbers, three planes of limbs, and a scale, sums and offsets a block of 32.
  const size_t activation = static_cast<size_t>(max_cols_) * 12 + 4096;
  const size_t batch = static_cast<size_t>(kBatchTokens * max_cols_) * sizeof(float);
  thread_bytes_ = (std::max(panel, activation) + batch + 4095) / 4096 * 4096;
  shared_ = reinterpret_cast<float*>(
      allocate_lines(static_cast<size_t>((kSharedTokens + threads) * max_cols_) * sizeof(float)));
  try {
    own_ = allocate_lines(thread_bytes_ * static_cast<size_t>(threads));
  } catch (...) {
    std::free(shared_);
    throw;
  }
}

Workspace::~Workspace() {
  std::free(shared_);
  std::free(own_);
}

Arena::~Arena() {
  for (const Chunk& c : chunks_) {
    munmap(c.data, c.size);
  }
}

uint8_t* Arena::allocate(size_t bytes) {
  constexpr size_t kHuge = size_t{2} << 20, kChunk = size_t{64} << 20;
  bytes = (bytes + 63) / 64 * 64;
  if (chunks_.empty() || used_ + bytes > chunks_.back().size) {
    const size_t size = (std::max(bytes, kChunk) + kHuge - 1) / kHuge * kHuge;
    void* p = mmap(nullptr, size + kHuge, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) throw std::bad_alloc();
    // A huge page starts at a multiple of its size: the ends that stick out are given back.
    uint8_t* raw = static_cast<uint8_t*>(p);
    uint8_t* data = reinterpret_cast<uint8_t*>((reinterpret_cast<uintptr_t>(raw) + kHuge - 1) / kHuge * kHuge);
    if (data > raw) munmap(raw, static_cast<size_t>(data - raw));
    if (const size_t rest = static_cast<size_t>(raw + kHuge - data)) munmap(data + size, rest);
#ifdef MADV_HUGEPAGE
    madvise(data, size, MADV_HUGEPAGE);
#endif
    chunks_.push_back({data, size});
    used_ = 0;
  }
  uint8_t* out = chunks_.back().data + used_;
  used_ += bytes;
  taken_ += bytes;
  return out;
}

void matmul(ThreadPool& pool, int thread, const Workspace& workspace, float* out, const float* in, const Matrix& matrix,
            int64_t tokens, int64_t out_stride, int64_t in_stride) {
  if (matrix.cols() > workspace.max_cols()) {
    throw std::runtime_error("[matmul] Expected at most " + std::to_string(workspace.max_cols()) +
                             " columns but received " + std::to_string(matrix.cols()));
  }
  const std::vector<Segment>& segments = matrix.segments();
  const Gemm p{out,
               in,
               segments.data(),
               static_cast<int>(segments.size()),
               matrix.cols(),
               tokens,
               out_stride,
               in_stride,
               matrix.isa(),
               &pool,
               thread,
               pool.active(),
               workspace.shared(),
               Workspace::kSharedTokens * workspace.max_cols(),
               workspace.own(thread),
               workspace.batch(thread),
               Workspace::kBatchTokens * workspace.max_cols()};
  switch (matrix.isa().path) {
#ifdef PHI3LAB_X64_PATHS
    case Path::avx2:
#ifdef PHI3LAB_AVXVNNI
      if (matrix.isa().vnni) return matmul_avxvnni(p);
#endif
      return matmul_avx2(p);
    case Path::avx512:
      return matmul_avx512(p);
#endif
#ifdef PHI3LAB_ARM64_PATHS
    case Path::neon:
      return matmul_neon(p);
#endif
    default:
      return matmul_portable(p);
  }
}

void add_own_rows(float* sum, const float* product, const Matrix& matrix, int thread, int threads) {
  for (const Segment& s : matrix.segments()) {
    int64_t first, last;
    share_of(s, thread, threads, &first, &last);
    for (int64_t r = first; r < last; r++) sum[output_row(s, r)] += product[output_row(s, r)];
  }
}

}  // namespace phi3lab::cpu
