// Repacking into interleaved16 and reading a row of it back.
#include "interleaved16.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

namespace phi3lab::cpu {
namespace {

/** A as_stored block's parts: all three formats begin with d, Q4_1 has m next, the quants follow. */
struct FiledBlock {
  const uint8_t* d;
  const uint8_t* m;
  const uint8_t* quants;
};

FiledBlock filed_block(WeightType type, const uint8_t* row, int64_t index) {
  const uint8_t* b = row + static_cast<size_t>(index) * row_bytes(type, 32);
  return {b, b + 2, b + (type == WeightType::Q4_1 ? 4 : 2)};
}

/** One row of 16 in one block; `lane` is its place among them. */
void put_row(uint8_t* block, WeightType type, int lane, const FiledBlock& from) {
  const size_t quants = quants16(type);
  const uint32_t flip = type == WeightType::Q8_0 ? 0x80808080u : 0;  // signed to plus 128
  for (size_t i = 0; i < quants / 64; i++) {
    uint32_t word;
    std::memcpy(&word, from.quants + 4 * i, 4);
    word ^= flip;
    std::memcpy(block + 64 * i + 4 * lane, &word, 4);
  }
  std::memcpy(block + quants + 2 * lane, from.d, 2);
  if (type == WeightType::Q4_1) std::memcpy(block + quants + 32 + 2 * lane, from.m, 2);
}

/** Drops the whole pages of a read-only file mapping within [begin, end); they would come back from the file if read.
 */
void give_back(const uint8_t* begin, const uint8_t* end) {
  const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const uintptr_t first = reinterpret_cast<uintptr_t>(begin) / page * page;  // a neighbour's bytes are read again
  const uintptr_t last = (reinterpret_cast<uintptr_t>(end) + page - 1) / page * page;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

}  // namespace

bool finite_scales(const RowGroup& g, int64_t cols) {
  const size_t stride = row_bytes(g.type, cols);
  for (int64_t r = 0; r < g.rows; r++) {
    const uint8_t* row = static_cast<const uint8_t*>(g.data) + static_cast<size_t>(r) * stride;
    for (int64_t b = 0; b < cols / 32; b++) {
      const FiledBlock block = filed_block(g.type, row, b);
      if ((load16(block.d) & 0x7c00) == 0x7c00) return false;
      if (g.type == WeightType::Q4_1 && (load16(block.m) & 0x7c00) == 0x7c00) return false;
    }
  }
  return true;
}

void repack_interleaved16(uint8_t* out, const RowGroup& g, int64_t cols) {
  constexpr size_t kGiveBackAfter = size_t{4} << 20;
  const size_t stride = row_bytes(g.type, cols), bytes = block16(g.type);
  const int64_t blocks = cols / 32, padded = (g.rows + kGroupRows - 1) / kGroupRows * kGroupRows;
  const uint8_t* data = static_cast<const uint8_t*>(g.data);
  // The file's row of each output row: a permuted group (rotary halves interleaved in the file) is read out of order.
  std::vector<int64_t> source(static_cast<size_t>(padded), -1);
  for (int64_t r = 0; r < g.rows; r++) source[g.output_row.empty() ? r : g.output_row[r]] = r;
  int64_t given = 0;  // rows of an unpermuted group whose pages are given back
  for (int64_t row = 0; row < padded; row += kGroupRows, out += blocks * bytes) {
    for (int64_t b = 0; b < blocks; b++) {
      uint8_t* block = out + b * bytes;
      for (int lane = 0; lane < kGroupRows; lane++) {
        const int64_t from = source[row + lane];
        if (from >= 0) {
          put_row(block, g.type, lane, filed_block(g.type, data + from * stride, b));
        } else {
          const uint8_t zeros[32] = {};
          put_row(block, g.type, lane, {zeros, zeros, zeros});
        }
      }
    }
    const int64_t done = std::min(row + kGroupRows, g.rows);
    if (g.mapped && g.output_row.empty() && (done - given) * stride >= kGiveBackAfter) {
      give_back(data + given * stride, data + done * stride);
      given = done;
    }
  }
  if (g.mapped) give_back(data + given * stride, data + g.rows * stride);
}

void read_interleaved16_row(float* out, const Segment& s, int64_t row, int64_t cols) {
  const size_t bytes = block16(s.type), quants = quants16(s.type);
  const uint8_t* group = s.data + static_cast<size_t>(row / kGroupRows * (cols / 32)) * bytes;
  const int64_t lane = row % kGroupRows;
  for (int64_t b = 0; b < cols / 32; b++, group += bytes, out += 32) {
    const float d = half_at(group + quants + 2 * lane);
    const float m = s.type == WeightType::Q4_1 ? half_at(group + quants + 32 + 2 * lane) : 0.0f;
    for (int k = 0; k < 32; k++) {
      if (s.type == WeightType::Q8_0) {
        out[k] = d * static_cast<float>(group[k / 4 * 64 + 4 * lane + k % 4] - 128);
      } else {
        const int byte = group[k % 16 / 4 * 64 + 4 * lane + k % 4], q = k < 16 ? byte & 15 : byte >> 4;
        out[k] = s.type == WeightType::Q4_1 ? d * static_cast<float>(q) + m : d * static_cast<float>(q - 8);
      }
    }
  }
}

}  // namespace phi3lab::cpu
