// The memory of keys and values: address space for the whole context, pages as positions come.
#include <algorithm>
#include <stdexcept>
#include <string>

#include "backend.h"

#ifdef _WIN32
#include <windows.h>
#else
#include <sys/mman.h>
#endif

namespace phi3lab::cpu {
namespace {

constexpr uintptr_t kPage = 16384;  // the largest of the usual page sizes: what is given back is whole pages on all

[[noreturn]] void no_memory(size_t bytes) {
  throw std::runtime_error("[cache] Expected " + std::to_string(bytes) +
                           " bytes for keys and values, but the system has not so many");
}

}  // namespace

CpuCache::CpuCache(KvType type, const AttentionShape& shape, int64_t layers, int64_t positions)
    : kv_heads_(shape.kv_heads),
      planes_(2 * layers * shape.kv_heads),
      blocks_(blocks_of(positions)),
      position_bytes_(static_cast<size_t>(padded_dim(shape.head_dim)) * (type == KvType::float32 ? 4 : 2)) {
  static_assert(kBlock % kAttendBlock == 0, "attention reads whole blocks");
  capacity = positions;
  layer_position_bytes = static_cast<size_t>(2 * kv_heads_) * position_bytes_;
  const size_t size = bytes_of(blocks_);
#ifdef _WIN32
  data_ = static_cast<uint8_t*>(VirtualAlloc(nullptr, size, MEM_RESERVE, PAGE_READWRITE));
  if (!data_) no_memory(size);
#else
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef MAP_NORESERVE
  flags |= MAP_NORESERVE;
#endif
  void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (p == MAP_FAILED) no_memory(size);
#ifdef MADV_HUGEPAGE
  madvise(p, size, MADV_HUGEPAGE);
#endif
  data_ = static_cast<uint8_t*>(p);
#endif
}

CpuCache::~CpuCache() {
#ifdef _WIN32
  VirtualFree(data_, 0, MEM_RELEASE);
#else
  munmap(data_, bytes_of(blocks_));
#endif
}

void CpuCache::commit(int64_t positions) {
  const int64_t wanted = blocks_of(positions);
  if (wanted <= committed_) return;
#ifdef _WIN32
  const size_t more = bytes_of(wanted - committed_);
  if (!VirtualAlloc(data_ + bytes_of(committed_), more, MEM_COMMIT, PAGE_READWRITE)) no_memory(more);
#endif
  committed_ = wanted;  // elsewhere the system brings pages as they are written
}

void CpuCache::decommit(int64_t positions) {
  const int64_t kept = blocks_of(positions);
  if (kept >= committed_) return;
  const uintptr_t first = reinterpret_cast<uintptr_t>(data_ + bytes_of(kept));
  const uintptr_t last = reinterpret_cast<uintptr_t>(data_ + bytes_of(committed_));
  const uintptr_t start = (first + kPage - 1) / kPage * kPage, end = last / kPage * kPage;
  committed_ = kept;
  if (start >= end) return;
#ifdef _WIN32
  VirtualFree(reinterpret_cast<void*>(start), end - start, MEM_DECOMMIT);
#else
  madvise(reinterpret_cast<void*>(start), end - start, MADV_DONTNEED);
#endif
}

size_t CpuCache::bytes() const { return bytes_of(committed_); }

}  // namespace phi3lab::cpu
