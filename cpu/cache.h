// Keys and values in the machine's memory: address space for the whole context, pages as positions come.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>

#include "cpu/attention/attend.h"
#include "native/seam/backend.h"

namespace phi3lab::cpu {

/** Address ranges for caches. A cache that goes hands its range, with some of its memory, to the next: the system
 * takes as long to clear new pages as a short prompt takes. */
class CacheRanges {
 public:
  struct Range {
    uint8_t* data = nullptr;
    size_t bytes = 0;
    size_t ready = 0;  // of them, from the first on, for which there is memory
  };
  CacheRanges() = default;
  ~CacheRanges() { unmap(kept_); }
  CacheRanges(const CacheRanges&) = delete;
  CacheRanges& operator=(const CacheRanges&) = delete;

  /** The range that was released last where it has this size. Throws OutOfMemory. */
  Range acquire(size_t bytes);
  void release(const Range& range) noexcept;
  /** Bytes of memory that the next cache will find. */
  size_t kept() const;

 private:
  static void unmap(const Range& range) noexcept;

  mutable std::mutex mutex_;
  Range kept_;
};

/** Keys and values, [extent][layer][kv_head][block of positions], then as attend.h has them: what is committed lies
 * together, in large pages where the system has them, and a layer's part of an extent is read in one go. The first
 * extent grows with the text, twice as large each time, and what it holds is moved: to begin a part costs as much as to
 * read half a block. Those behind it are as large as it becomes. */
class CpuCache : public Cache {
 public:
  CpuCache(std::shared_ptr<CacheRanges> ranges, KvType type, const AttentionShape& shape, int64_t layers,
           int64_t capacity);
  ~CpuCache() override;
  void commit(int64_t positions) override;
  size_t bytes() const override;
  /** Of a position in a layer. */
  static size_t position_bytes(KvType type, const AttentionShape& shape);
  /** Of the block that begins at `position`. */
  void* keys(int64_t layer, int64_t kv_head, int64_t position) const { return at(layer, kv_head, position, 0); }
  /** From `position` on, to the end of its block. */
  void* values(int64_t layer, int64_t kv_head, int64_t position) const {
    return at(layer, kv_head, position, kAttendBlock + position % kAttendBlock);
  }
  /** The end of the extent that `position` lies in. */
  int64_t extent_end(int64_t position) const {
    const Extent extent = extent_of(position);
    return extent.first + extent.positions;
  }
  /** Layers times heads: each has keys and values of its own. */
  int64_t parts() const { return layers_ * kv_heads_; }
  /** Takes positions [first, end) of a part over from a cache of the same shape that holds them. */
  void copy(const CpuCache& from, int64_t part, int64_t first, int64_t end) const;
  /** Keeps a position's key and value (dim,), by the functions of its type. */
  void put(const Attend& functions, int64_t layer, int64_t kv_head, int64_t position, const float* key,
           const float* value, int64_t dim) const {
    const int64_t block = position / kAttendBlock * kAttendBlock;
    functions.put(keys(layer, kv_head, block), values(layer, kv_head, position), key, value, position - block, dim);
  }

 private:
  /** Positions whose keys and values lie together. */
  struct Extent {
    int64_t first, positions;
  };
  static constexpr int64_t kSmallest = 128;  // positions of an extent, whole blocks of attention
  static constexpr int64_t kKept = 512;      // positions that a range keeps its memory for between two sequences
  static constexpr size_t kOneGo = size_t{2} << 20;  // bytes of a layer: memory is not read faster in more
  Extent extent_of(int64_t position) const {
    return position < largest_ ? Extent{0, first_} : Extent{position / largest_ * largest_, largest_};
  }
  /** `positions` filled up to what is committed for them. */
  int64_t whole(int64_t positions) const {
    if (positions > largest_) return (positions + largest_ - 1) / largest_ * largest_;
    int64_t first = kSmallest;
    while (first < positions) first *= 2;
    return positions > 0 ? first : 0;
  }
  /** Makes the first extent one of so many positions, for which there is memory: its parts move apart. */
  void grow(int64_t positions);
  /** Gives back the memory behind that of `positions`. */
  void trim(int64_t positions);
  size_t bytes_of(int64_t positions) const { return static_cast<size_t>(layers_ * positions) * layer_position_bytes; }
  /** Number `row` of the rows of a block's keys and values that `position` lies in. */
  uint8_t* at(int64_t layer, int64_t kv_head, int64_t position, int64_t row) const {
    const Extent extent = extent_of(position);
    const int64_t block = (position - extent.first) / kAttendBlock * kAttendBlock;
    const int64_t rows = 2 * (extent.positions * (layer * kv_heads_ + kv_head) + block) + row;
    return range_.data + bytes_of(extent.first) + static_cast<size_t>(rows) * row_bytes_;
  }

  int64_t kv_heads_, layers_;
  size_t number_bytes_;
  size_t row_bytes_;                   // of a position's key or value of a head
  int64_t first_ = kSmallest;          // positions of the first extent
  int64_t largest_ = kSmallest;        // and of all others
  std::atomic<int64_t> committed_{0};  // positions; other threads ask for `bytes`
  std::shared_ptr<CacheRanges> ranges_;
  CacheRanges::Range range_;
};

class CpuCacheBatch : public CacheBatch {
 public:
  void hold(const std::vector<Cache*>& caches) override;

 private:
  friend struct TokenPlaces;
  const CpuCache* caches_[kMost] = {};
};

/** Of each token of a pass its cache and its position, which are read when the pass runs. */
struct TokenPlaces {
  TokenPlaces(const Cache& cache, const PassInput& input)
      : one(input.sequences > 1 ? nullptr : static_cast<const CpuCache*>(&cache)),
        several(input.sequences > 1 ? static_cast<const CpuCacheBatch&>(cache).caches_ : nullptr),
        positions(input.position) {}
  const CpuCache& cache(int64_t token) const { return several ? *several[token] : *one; }
  int64_t position(int64_t token) const { return several ? positions[token] : *positions + token; }

  const CpuCache* one;
  const CpuCache* const* several;  // null: all tokens are of `one`, one behind the other
  const int32_t* positions;
};

}  // namespace phi3lab::cpu
