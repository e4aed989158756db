// Repacking into interleaved16 and reading a row of it back.
#include "interleaved16.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "super_rows.h"

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

/** Columns [4i, 4i + 4) of sub-block j, a byte each: the low four bits of their quants, and what is above those. */
inline uint32_t low_of(const BlockQ4_K& b, int j, int i) {
  return load32(b.quants + j / 2 * 32 + 4 * i) >> (4 * (j % 2)) & 0x0f0f0f0fu;
}
inline uint32_t low_of(const BlockQ5_K& b, int j, int i) {
  return load32(b.quants + j / 2 * 32 + 4 * i) >> (4 * (j % 2)) & 0x0f0f0f0fu;
}
inline uint32_t low_of(const BlockQ6_K& b, int j, int i) {
  return load32(b.low + j / 4 * 64 + j % 2 * 32 + 4 * i) >> (4 * (j % 4 / 2)) & 0x0f0f0f0fu;
}
inline uint32_t high_of(const BlockQ5_K& b, int j, int i) { return load32(b.high + 4 * i) >> j & 0x01010101u; }
inline uint32_t high_of(const BlockQ6_K& b, int j, int i) {
  return load32(b.high + j / 4 * 32 + 4 * i) >> (2 * (j % 4)) & 0x03030303u;
}

/** One row of 16 in one block of 256 columns. */
template <WeightType type, class Block>
void put_super_row(uint8_t* out, int lane, const Block& b) {
  const PackedScales packed = unpack_scales(b);
  const auto put = [&](uint8_t* at, uint32_t word) { std::memcpy(at + 4 * lane, &word, 4); };
  for (int j = 0; j < 8; j++, out += part16(type)) {
    for (int i = 0; i < 4; i++) put(out + 64 * i, low_of(b, j, i) | low_of(b, j, i + 4) << 4);
    uint8_t* scales = out + quants16(type);
    if constexpr (type == WeightType::Q6_K) {
      for (int half = 0; half < 2; half++) {
        uint32_t word = 0;
        for (int i = 0; i < 4; i++) word |= high_of(b, j, 4 * half + i) << (2 * i);
        put(out + 256 + 64 * half, word);
        scales[16 * half + lane] = static_cast<uint8_t>(b.scales[2 * j + half]);
      }
    } else {
      if constexpr (type == WeightType::Q5_K) {
        uint32_t word = 0;
        for (int i = 0; i < 8; i++) word |= high_of(b, j, i) << i;
        put(out + 256, word);
      }
      scales[lane] = static_cast<uint8_t>(packed.scales[0] >> (8 * j));
      scales[16 + lane] = static_cast<uint8_t>(packed.mins[0] >> (8 * j));
    }
  }
  std::memcpy(out + 2 * lane, b.d, 2);
  if constexpr (type != WeightType::Q6_K) std::memcpy(out + 32 + 2 * lane, b.dmin, 2);
}

/** Block `index` of a row of the file, or of a row that fills up a group, into lane `lane`. */
void put(uint8_t* block, WeightType type, int lane, const uint8_t* row, int64_t index) {
  static constexpr uint8_t zeros[210] = {};
  if (is_super16(type)) {
    return with_super16_type(type, [&](auto tag) {
      using Block = typename SuperBlockOf<decltype(tag)::value>::Block;
      const auto& from = reinterpret_cast<const Block*>(row ? row : zeros)[row ? index : 0];
      put_super_row<decltype(tag)::value>(block, lane, from);
    });
  }
  put_row(block, type, lane, row ? filed_block(type, row, index) : FiledBlock{zeros, zeros, zeros});
}

/** Row `lane` of a block of 256 columns. */
template <WeightType type>
void read_super_row(float* out, const uint8_t* block, int lane) {
  const uint8_t* tail = block + 8 * part16(type);
  const float d = half_at(tail + 2 * lane);
  for (int j = 0; j < 8; j++, block += part16(type), out += 32) {
    const uint8_t* scales = block + quants16(type);
    for (int k = 0; k < 32; k++) {
      const int i = k / 4, byte = block[k % 16 / 4 * 64 + 4 * lane + k % 4];
      int q = k < 16 ? byte & 15 : byte >> 4;
      if constexpr (type == WeightType::Q6_K) {
        q += (block[256 + k / 16 * 64 + 4 * lane + k % 4] >> (2 * (i % 4)) & 3) * 16 - 32;
        out[k] = d * static_cast<float>(static_cast<int8_t>(scales[k / 16 * 16 + lane])) * static_cast<float>(q);
      } else {
        if constexpr (type == WeightType::Q5_K) q += (block[256 + 4 * lane + k % 4] >> i & 1) * 16;
        const float product = d * static_cast<float>(scales[lane]) * static_cast<float>(q);
        out[k] = product - half_at(tail + 32 + 2 * lane) * static_cast<float>(scales[16 + lane]);
      }
    }
  }
}

bool is_finite(const uint8_t* half) { return (load16(half) & 0x7c00) != 0x7c00; }

}  // namespace

bool finite_scales(const RowGroup& g, int64_t cols) {
  if (is_super16(g.type)) {
    bool finite = true;
    with_super16_type(g.type, [&](auto tag) {
      constexpr WeightType type = decltype(tag)::value;
      const auto* b = static_cast<const typename SuperBlockOf<type>::Block*>(g.data);
      for (int64_t i = 0; i < g.rows * (cols / 256); i++) {
        finite &= is_finite(b[i].d);
        if constexpr (type != WeightType::Q6_K) finite &= is_finite(b[i].dmin);
      }
    });
    return finite;
  }
  const size_t stride = row_bytes(g.type, cols);
  for (int64_t r = 0; r < g.rows; r++) {
    const uint8_t* row = static_cast<const uint8_t*>(g.data) + static_cast<size_t>(r) * stride;
    for (int64_t b = 0; b < cols / 32; b++) {
      const FiledBlock block = filed_block(g.type, row, b);
      if (!is_finite(block.d) || (g.type == WeightType::Q4_1 && !is_finite(block.m))) return false;
    }
  }
  return true;
}

void repack_interleaved16(uint8_t* out, const RowGroup& g, int64_t cols, ThreadPool* pool) {
  constexpr size_t kGiveBackAfter = size_t{4} << 20;
  const size_t stride = row_bytes(g.type, cols), bytes = block16(g.type);
  const int64_t blocks = cols / columns16(g.type), padded = (g.rows + kGroupRows - 1) / kGroupRows * kGroupRows;
  const uint8_t* data = static_cast<const uint8_t*>(g.data);
  // The file's row of each output row: a permuted group (rotary halves interleaved in the file) is read out of order.
  std::vector<int64_t> source(static_cast<size_t>(padded), -1);
  for (int64_t r = 0; r < g.rows; r++) source[g.output_row.empty() ? r : g.output_row[r]] = r;
  const auto repack = [&](int thread, int threads) {
    int64_t first, last;
    split(padded, kGroupRows, thread, threads, &first, &last);
    int64_t given = first;  // rows of an unpermuted group whose pages are given back
    for (int64_t row = first; row < last; row += kGroupRows) {
      uint8_t* block = out + row / kGroupRows * blocks * static_cast<int64_t>(bytes);
      for (int64_t b = 0; b < blocks; b++, block += bytes) {
        for (int lane = 0; lane < kGroupRows; lane++) {
          const int64_t from = source[row + lane];
          put(block, g.type, lane, from >= 0 ? data + from * stride : nullptr, b);
        }
      }
      const int64_t done = std::min(row + kGroupRows, g.rows);
      if (g.mapped && g.output_row.empty() && (done - given) * stride >= kGiveBackAfter) {
        give_back(data + given * stride, data + done * stride);
        given = done;
      }
    }
  };
  pool ? pool->run(repack) : repack(0, 1);
  if (g.mapped) give_back(data, data + g.rows * stride);
}

void read_interleaved16_row(float* out, const Segment& s, int64_t row, int64_t cols) {
  const size_t bytes = block16(s.type), quants = quants16(s.type);
  const int64_t columns = columns16(s.type);
  const uint8_t* group = s.data + static_cast<size_t>(row / kGroupRows * (cols / columns)) * bytes;
  const int64_t lane = row % kGroupRows;
  if (is_super16(s.type)) {
    return with_super16_type(s.type, [&](auto type) {
      for (int64_t b = 0; b < cols / columns; b++)
        read_super_row<decltype(type)::value>(out + b * columns, group + b * bytes, static_cast<int>(lane));
    });
  }
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
