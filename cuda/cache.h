// Keys and values in the GPU's memory: address space for the whole context at once, memory block by block (CacheView
// says how a block lies), so that no address ever changes and a recorded pass stays true.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "cuda/memory/cache_view.h"
#include "cuda/memory/memory.h"

namespace phi3lab::cuda {

/** Address ranges for caches of one shape. A cache that goes hands its range to the next, so that a new sequence
 * stands where the last one stood, and what was recorded over the one runs over the other. */
class CacheRanges : public std::enable_shared_from_this<CacheRanges> {
 public:
  CacheRanges(std::shared_ptr<Streams> streams, std::shared_ptr<Memory> memory, int device);
  ~CacheRanges();
  CacheRanges(const CacheRanges&) = delete;
  CacheRanges& operator=(const CacheRanges&) = delete;

  std::unique_ptr<Cache> reserve(const AttentionShape& shape, int64_t layers, int64_t capacity, Dtype dtype);
  std::unique_ptr<CacheBatch> make_batch(const AttentionShape& shape, Dtype dtype);

 private:
  friend class CudaCache;
  friend class CudaCacheBatch;
  struct Range {
    uintptr_t address = 0;
    size_t bytes = 0;
    int64_t id = 0;
    int64_t blocks = 0;  // that have memory
    size_t block_bytes = 0;
  };
  static constexpr int64_t kKept = 2;  // blocks that a range keeps its memory for between two sequences
  Range acquire(int64_t blocks, size_t block_bytes);
  void release(const Range& range) noexcept;
  void map(uintptr_t address, size_t bytes);
  void unmap(uintptr_t address, size_t bytes) noexcept;

  std::shared_ptr<Streams> streams_;
  std::shared_ptr<Memory> memory_;
  int device_;
  size_t granularity_ = 0;  // 0: no virtual memory management here; ranges are plain memory
  std::mutex mutex_;
  std::vector<Range> free_;
  int64_t next_id_ = 0;
};

class CudaCache : public Cache {
 public:
  CudaCache(std::shared_ptr<CacheRanges> ranges, const AttentionShape& shape, int64_t layers, int64_t capacity,
            Dtype dtype);
  ~CudaCache() override;
  void commit(int64_t positions) override;
  size_t bytes() const override { return static_cast<size_t>(blocks_) * block_bytes_; }
  const CacheView& view() const { return view_; }
  /** Of its address range. */
  int64_t id() const { return range_.id; }
  /** out's positions [first, end) = these, on `stream`. */
  void copy_to(const CudaCache& out, int64_t first, int64_t end, cudaStream_t stream) const;

 private:
  /** Gives back the memory of blocks wholly behind `positions`. */
  void decommit(int64_t positions);
  int64_t blocks_of(int64_t positions) const { return (positions + CacheView::kBlock - 1) / CacheView::kBlock; }

  std::shared_ptr<CacheRanges> ranges_;
  CacheView view_;
  size_t block_bytes_ = 0;
  size_t row_bytes_ = 0;            // of a position's key or value of a head
  size_t rows_ = 0;                 // of these that a position has in all layers
  std::atomic<int64_t> blocks_{0};  // committed; other threads ask for `bytes`
  CacheRanges::Range range_;
};

/** The caches' addresses stand in the GPU's memory: a recorded pass finds there those that are held when it runs. */
class CudaCacheBatch : public CacheBatch {
 public:
  CudaCacheBatch(std::shared_ptr<Streams> streams, const std::shared_ptr<Memory>& memory, size_t position_bytes,
                 int64_t id);
  void hold(const std::vector<Cache*>& caches) override;
  const CacheView& view() const { return view_; }
  void* const* memories() const { return memories_.as<void*>(); }
  /** Its own, among those of address ranges. */
  int64_t id() const { return id_; }

 private:
  std::shared_ptr<Streams> streams_;
  DeviceMemory memories_;
  CacheView view_;  // of all caches, which are of one shape
  int64_t id_;
};

inline const CacheView& view_of(const Cache& cache) { return static_cast<const CudaCache&>(cache).view(); }
inline TokenPlaces places_of(const Cache& cache, const PassInput& input) {
  if (input.sequences == 1) return {view_of(cache), nullptr, input.position};
  const auto& batch = static_cast<const CudaCacheBatch&>(cache);
  return {batch.view(), batch.memories(), input.position};
}

}  // namespace phi3lab::cuda
