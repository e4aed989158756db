#include "cache.h"

#ifdef _WIN32
#define NOMINMAX
#include <windows.h>
#else
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace phi3lab::cpu {
namespace {

#ifdef _WIN32
int64_t page_size() { return 65536; }
void* reserve(int64_t bytes) { return VirtualAlloc(nullptr, static_cast<SIZE_T>(bytes), MEM_RESERVE, PAGE_NOACCESS); }
bool make_usable(void* start, int64_t bytes) {
  return VirtualAlloc(start, static_cast<SIZE_T>(bytes), MEM_COMMIT, PAGE_READWRITE) != nullptr;
}
void give_back(void* start, int64_t) { VirtualFree(start, 0, MEM_RELEASE); }
#else
int64_t page_size() { return ::sysconf(_SC_PAGESIZE); }
void* reserve(int64_t bytes) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef MAP_NORESERVE
  flags |= MAP_NORESERVE;
#endif
  void* start = ::mmap(nullptr, static_cast<size_t>(bytes), PROT_NONE, flags, -1, 0);
  return start == MAP_FAILED ? nullptr : start;
}
bool make_usable(void* start, int64_t bytes) {
  return ::mprotect(start, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE) == 0;
}
void give_back(void* start, int64_t bytes) { ::munmap(start, static_cast<size_t>(bytes)); }
#endif

}  // namespace

CpuCache::CpuCache(const CacheShape& shape) : shape_(shape) {
  capacity = shape.capacity;
  blocks_ = (capacity + kPositions - 1) / kPositions;
  const int64_t page = page_size();
  const int64_t bytes = shape.layers * shape.kv_heads * 2 * kPositions * shape.head_dim * 4;
  block_bytes_ = (bytes + page - 1) / page * page;
  data_ = static_cast<float*>(reserve(block_bytes_ * blocks_));
  if (!data_)
    throw Error("[cache] The system gives no address space for " + std::to_string(capacity) + " positions (" +
                std::to_string(block_bytes_ * blocks_) + " bytes)");
}

CpuCache::~CpuCache() { give_back(data_, block_bytes_ * blocks_); }

void CpuCache::commit(int64_t wanted) {
  const int64_t blocks = (wanted + kPositions - 1) / kPositions;
  if (blocks <= committed_) return;
  if (blocks > blocks_)
    throw Error("[cache] Expected at most " + std::to_string(capacity) + " positions but received " +
                std::to_string(wanted));
  auto* start = reinterpret_cast<std::byte*>(data_) + committed_ * block_bytes_;
  if (!make_usable(start, (blocks - committed_) * block_bytes_))
    throw Error("[cache] Out of memory: " + std::to_string((blocks - committed_) * block_bytes_) +
                " bytes for keys and values could not be had");
  committed_ = blocks;
}

}  // namespace phi3lab::cpu
