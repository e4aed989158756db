// Repacking into interleaved16 and reading a row of it back.
#include "interleaved16.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "super_rows.h"

namespace phi3lab::cpu {
namespace {

/** A as_stored block's parts: all begin with d, then m where there is one, the fifth bits, the quants. */
struct FiledBlock {
  const uint8_t* d;
  const uint8_t* m;
  const uint8_t* high;
  const uint8_t* quants;
};

FiledBlock filed_block(WeightType type, const uint8_t* row, int64_t index) {
  const uint8_t* b = row + static_cast<size_t>(index) * row_bytes(type, 32);
  const uint8_t* high = b + (has_minima16(type) ? 4 : 2);
  return {b, b + 2, high, high + (has_fifth16(type) ? 4 : 0)};
}

/** The fifth bits of 32 columns, bit i of column i, as the layout has them: bit 8k + i of column 4i + k. */
uint32_t fifth_bits(uint32_t high) {
  uint32_t word = 0;
  for (int i = 0; i < 8; i++)
    for (int k = 0; k < 4; k++) word |= (high >> (4 * i + k) & 1) << (8 * k + i);
  return word;
}

/** One row of 16 in one block; `lane` is its place among them. */
void put_row(uint8_t* block, WeightType type, int lane, const FiledBlock& from) {
  const size_t quants = quants16(type);
  const uint32_t flip = type == WeightType::Q8_0 ? 0x80808080u : 0;  // signed to plus 128
  for (size_t i = 0; i < quants / 64; i++) {
    const bool fifth = i == 4 && has_fifth16(type);
    const uint32_t word = fifth ? fifth_bits(load32(from.high)) : load32(from.quants + 4 * i) ^ flip;
    std::memcpy(block + 64 * i + 4 * lane, &word, 4);
  }
  std::memcpy(block + quants + 2 * lane, from.d, 2);
  if (has_minima16(type)) std::memcpy(block + quants + 32 + 2 * lane, from.m, 2);
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
inline uint32_t low_of(const BlockIQ4_XS& b, int j, int i) {
  return load32(b.quants + 16 * j + i % 4 * 4) >> (4 * (i / 4)) & 0x0f0f0f0fu;
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
      if constexpr (has_super_minima16(type)) scales[16 + lane] = static_cast<uint8_t>(packed.mins[0] >> (8 * j));
    }
  }
  std::memcpy(out + 2 * lane, b.d, 2);
  if constexpr (has_super_minima16(type)) std::memcpy(out + 32 + 2 * lane, b.dmin, 2);
}

/** Block `index` of a row of the file, or of a row that fills up a group, into lane `lane`. */
void put(uint8_t* block, WeightType type, int lane, const uint8_t* row, int64_t index) {
  static constexpr uint8_t zeros[210] = {};
  with_any16_type(type, [&](auto tag) {
    constexpr WeightType of = decltype(tag)::value;
    if constexpr (is_super16(of)) {
      using Block = typename SuperBlockOf<of>::Block;
      put_super_row<of>(block, lane, reinterpret_cast<const Block*>(row ? row : zeros)[row ? index : 0]);
    } else {
      put_row(block, of, lane, row ? filed_block(of, row, index) : FiledBlock{zeros, zeros, zeros, zeros});
    }
  });
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
      } else if constexpr (type == WeightType::IQ4_XS) {
        out[k] = d * static_cast<float>(static_cast<int8_t>(scales[lane])) * static_cast<float>(kIQ4[q]);
      } else {
        if constexpr (type == WeightType::Q5_K) q += (block[256 + 4 * lane + k % 4] >> i & 1) * 16;
        const float product = d * static_cast<float>(scales[lane]) * static_cast<float>(q);
        out[k] = product - half_at(tail + 32 + 2 * lane) * static_cast<float>(scales[16 + lane]);
      }
    }
  }
}

/** The number of column k that a row's scale multiplies, in a block of 32 columns. */
template <WeightType type>
int number_of(const uint8_t* block, int lane, int k) {
  const auto byte = [&](int vector) { return block[64 * vector + 4 * lane + k % 4]; };
  if (type == WeightType::Q8_0) return byte(k / 4) - 128;
  const int low = byte(k % 16 / 4) >> (4 * (k / 16)) & 15;
  if (is_iq4(type)) return kIQ4[low];
  const int q = has_fifth16(type) ? low + (byte(4) >> (k / 4) & 1) * 16 : low;
  return type == WeightType::Q4_0 ? q - 8 : type == WeightType::Q5_0 ? q - 16 : q;
}

/** Row `lane` of a block of 32 columns. */
template <WeightType type>
void read_block_row(float* out, const uint8_t* block, int lane) {
  constexpr size_t quants = quants16(type);
  const float d = half_at(block + quants + 2 * lane);
  for (int k = 0; k < 32; k++) {
    out[k] = d * static_cast<float>(number_of<type>(block, lane, k));
    if constexpr (has_minima16(type)) out[k] += half_at(block + quants + 32 + 2 * lane);
  }
}

bool is_finite(const uint8_t* half) { return (load16(half) & 0x7c00) != 0x7c00; }

}  // namespace

bool finite_scales(const RowGroup& g, int64_t cols) {
  bool finite = true;
  with_any16_type(g.type, [&](auto tag) {
    constexpr WeightType type = decltype(tag)::value;
    const auto* data = static_cast<const uint8_t*>(g.data);
    for (int64_t i = 0; i < g.rows * (cols / columns16(type)); i++) {
      if constexpr (is_super16(type)) {
        const auto& b = reinterpret_cast<const typename SuperBlockOf<type>::Block*>(data)[i];
        finite &= is_finite(b.d);
        if constexpr (has_super_minima16(type)) finite &= is_finite(b.dmin);
      } else {
        const FiledBlock b = filed_block(type, data, i);
        finite &= is_finite(b.d) && (!has_minima16(type) || is_finite(b.m));
      }
    }
  });
  return finite;
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
  const int lane = static_cast<int>(row % kGroupRows);
  with_any16_type(s.type, [&](auto tag) {
    constexpr WeightType type = decltype(tag)::value;
    constexpr int64_t columns = columns16(type);
    const uint8_t* block = s.data + static_cast<size_t>(row / kGroupRows * (cols / columns)) * block16(type);
    for (int64_t k = 0; k < cols; k += columns, block += block16(type))
      is_super16(type) ? read_super_row<type>(out + k, block, lane) : read_block_row<type>(out + k, block, lane);
  });
}

void multiply_interleaved16_rows(float* out, const float* in, const Segment& s, int64_t cols, int64_t first,
                                 int64_t last, float* numbers) {
  for (int64_t row = first; row < last; row++) {
    read_interleaved16_row(numbers, s, row, cols);
    double sum = 0;
    for (int64_t k = 0; k < cols; k++) sum += static_cast<double>(numbers[k]) * static_cast<double>(in[k]);
    out[s.first + row] = static_cast<float>(sum);
  }
}

}  // namespace phi3lab::cpu
