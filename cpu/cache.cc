#include "cache.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

namespace phi3lab::cpu {
namespace {

constexpr uintptr_t kPage = 16384;  // the largest of the usual page sizes: what is given back is whole pages on all

size_t number_bytes_of(KvType type) { return type == KvType::float32 ? 4 : 2; }

[[noreturn]] void no_memory(size_t bytes) {
  throw OutOfMemory("[cache] Cannot allocate " + std::to_string(bytes) + " bytes for keys and values");
}

}  // namespace

CacheRanges::Range CacheRanges::acquire(size_t bytes) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (kept_.bytes == bytes) return std::exchange(kept_, {});
  }
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef MAP_NORESERVE
  flags |= MAP_NORESERVE;
#endif
  void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (p == MAP_FAILED) no_memory(bytes);
#ifdef MADV_HUGEPAGE
  madvise(p, bytes, MADV_HUGEPAGE);
#endif
  return {static_cast<uint8_t*>(p), bytes, 0};
}

void CacheRanges::release(const Range& range) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  unmap(std::exchange(kept_, range));
}

size_t CacheRanges::kept() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return kept_.ready;
}

void CacheRanges::unmap(const Range& range) noexcept {
  if (!range.data) return;
  munmap(range.data, range.bytes);
}

CpuCache::CpuCache(std::shared_ptr<CacheRanges> ranges, KvType type, const AttentionShape& shape, int64_t layers,
                   int64_t positions)
    : kv_heads_(shape.kv_heads),
      layers_(layers),
      number_bytes_(number_bytes_of(type)),
      row_bytes_(static_cast<size_t>(padded_dim(shape.head_dim)) * number_bytes_),
      ranges_(std::move(ranges)) {
  static_assert(kSmallest % kAttendBlock == 0, "attention reads whole blocks");
  capacity = positions;
  layer_position_bytes = position_bytes(type, shape);
  while (static_cast<size_t>(2 * largest_) * layer_position_bytes <= kOneGo) largest_ *= 2;
  range_ = ranges_->acquire(bytes_of(whole(positions)));
}

size_t CpuCache::position_bytes(KvType type, const AttentionShape& shape) {
  return static_cast<size_t>(2 * shape.kv_heads * padded_dim(shape.head_dim)) * number_bytes_of(type);
}

CpuCache::~CpuCache() {
  trim(kKept);
  ranges_->release(range_);
}

void CpuCache::grow(int64_t positions) {
  const auto part_bytes = [&](int64_t of) { return static_cast<size_t>(2 * of) * row_bytes_; };  // a head's, of a layer
  const size_t before = part_bytes(first_), now = part_bytes(positions);
  if (committed_ > 0 && now > before)
    for (size_t part = static_cast<size_t>(layers_ * kv_heads_) - 1; part > 0; part--)
      std::memmove(range_.data + part * now, range_.data + part * before, before);
  first_ = positions;
}

void CpuCache::commit(int64_t positions) {
  const int64_t wanted = whole(positions);
  if (wanted <= committed_) return;
  const size_t bytes = bytes_of(wanted);
  range_.ready = std::max(range_.ready, bytes);  // the system brings pages as they are written
  grow(std::min(wanted, largest_));
  committed_ = wanted;
}

void CpuCache::trim(int64_t positions) {
  const size_t bytes = bytes_of(positions);
  if (bytes >= range_.ready) return;
  const uintptr_t first = reinterpret_cast<uintptr_t>(range_.data + bytes);
  const uintptr_t last = reinterpret_cast<uintptr_t>(range_.data + range_.ready);
  const uintptr_t start = (first + kPage - 1) / kPage * kPage, end = last / kPage * kPage;
  range_.ready = bytes;
  if (start >= end) return;
  madvise(reinterpret_cast<void*>(start), end - start, MADV_DONTNEED);
}

size_t CpuCache::bytes() const { return bytes_of(committed_); }

void CpuCache::copy(const CpuCache& from, int64_t part, int64_t first, int64_t end) const {
  const int64_t layer = part / kv_heads_, kv_head = part % kv_heads_;
  for (int64_t block = first / kAttendBlock * kAttendBlock; block < end; block += kAttendBlock) {
    const auto lane = static_cast<size_t>(std::max(first - block, int64_t{0}));
    const size_t positions = kAttendBlock, numbers = row_bytes_ / number_bytes_;
    auto* keys_to = static_cast<uint8_t*>(keys(layer, kv_head, block));
    const auto* keys_from = static_cast<const uint8_t*>(from.keys(layer, kv_head, block));
    // A block's positions behind `end` are nobody's.
    for (size_t i = 0; i < numbers; i++) {
      const size_t at = (i * positions + lane) * number_bytes_;
      std::memcpy(keys_to + at, keys_from + at, (positions - lane) * number_bytes_);
    }
    const size_t values = (positions + lane) * row_bytes_;
    std::memcpy(keys_to + values, keys_from + values, (positions - lane) * row_bytes_);
  }
}

void CpuCacheBatch::hold(const std::vector<Cache*>& caches) {
  if (caches.size() > kMost)
    throw std::logic_error("[cache] Expected at most " + std::to_string(kMost) + " caches but received " +
                           std::to_string(caches.size()));
  for (size_t i = 0; i < caches.size(); i++) caches_[i] = static_cast<const CpuCache*>(caches[i]);
}

}  // namespace phi3lab::cpu
