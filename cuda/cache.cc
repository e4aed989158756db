#include "cache.h"

#include <algorithm>

#include "cuda/device/driver.h"

namespace phi3lab::cuda {
namespace {

CUmemAllocationProp properties_of(int device) {
  CUmemAllocationProp properties{};
  properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  properties.location.id = device;
  return properties;
}

size_t round_up(size_t n, size_t step) { return (n + step - 1) / step * step; }

/** Of a position in a layer. */
size_t position_bytes(const AttentionShape& shape, Dtype dtype) {
  return static_cast<size_t>(2 * shape.kv_heads * shape.head_dim * size_of(dtype));
}

}  // namespace

CacheRanges::CacheRanges(std::shared_ptr<Streams> streams, std::shared_ptr<Memory> memory, int device)
    : streams_(std::move(streams)), memory_(std::move(memory)), device_(device) {
  const VirtualMemory& driver = VirtualMemory::get();
  const CUmemAllocationProp properties = properties_of(device_);
  if (!driver.complete() ||
      driver.granularity(&granularity_, &properties, CU_MEM_ALLOC_GRANULARITY_MINIMUM) != CUDA_SUCCESS)
    granularity_ = 0;
}

CacheRanges::~CacheRanges() {
  for (const Range& range : free_) {
    if (granularity_ == 0) {
      memory_->release(reinterpret_cast<void*>(range.address), range.bytes);
      continue;
    }
    for (int64_t i = 0; i < range.blocks; i++)
      unmap(range.address + static_cast<size_t>(i) * range.block_bytes, range.block_bytes);
    VirtualMemory::get().free(range.address, range.bytes);
  }
}

CacheRanges::Range CacheRanges::acquire(int64_t blocks, size_t block_bytes) {
  const size_t bytes = static_cast<size_t>(blocks) * block_bytes;
  const std::lock_guard<std::mutex> lock(mutex_);
  // The one that was released last: what was recorded over it is the most likely to be wanted again.
  for (auto it = free_.rbegin(); it != free_.rend(); ++it) {
    if (it->bytes != bytes || it->block_bytes != block_bytes) continue;
    const Range range = *it;
    free_.erase(std::next(it).base());
    return range;
  }
  Range range{0, bytes, next_id_++, 0, block_bytes};
  if (granularity_ > 0) {
    CUdeviceptr address = 0;
    check(VirtualMemory::get().reserve(&address, bytes, 0, 0, 0), "cuMemAddressReserve");
    range.address = static_cast<uintptr_t>(address);
  } else {
    range.address = reinterpret_cast<uintptr_t>(memory_->acquire(bytes));
  }
  return range;
}

void CacheRanges::release(const Range& range) noexcept {
  const std::lock_guard<std::mutex> lock(mutex_);
  free_.push_back(range);
}

void CacheRanges::map(uintptr_t address, size_t bytes) {
  const VirtualMemory& driver = VirtualMemory::get();
  memory_->count(bytes);
  CUmemGenericAllocationHandle handle{};
  const CUmemAllocationProp properties = properties_of(device_);
  CUresult result = driver.create(&handle, bytes, &properties, 0);
  if (result == CUDA_ERROR_OUT_OF_MEMORY) {
    memory_->trim();
    result = driver.create(&handle, bytes, &properties, 0);
  }
  if (result != CUDA_SUCCESS) {
    memory_->uncount(bytes);
    if (result == CUDA_ERROR_OUT_OF_MEMORY) memory_->fail(bytes);
    check(result, "cuMemCreate");
  }
  result = driver.map(address, bytes, 0, handle, 0);
  driver.release(handle);  // lives as long as it is mapped
  if (result == CUDA_SUCCESS) {
    CUmemAccessDesc access{};
    access.location = properties.location;
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    result = driver.set_access(address, bytes, &access, 1);
    if (result != CUDA_SUCCESS) driver.unmap(address, bytes);
  }
  if (result == CUDA_SUCCESS) return;
  memory_->uncount(bytes);
  check(result, "cuMemMap");
}

void CacheRanges::unmap(uintptr_t address, size_t bytes) noexcept {
  VirtualMemory::get().unmap(address, bytes);
  memory_->uncount(bytes);
}

std::unique_ptr<Cache> CacheRanges::reserve(const AttentionShape& shape, int64_t layers, int64_t capacity,
                                            Dtype dtype) {
  return std::make_unique<CudaCache>(shared_from_this(), shape, layers, capacity, dtype);
}

std::unique_ptr<CacheBatch> CacheRanges::make_batch(const AttentionShape& shape, Dtype dtype) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return std::make_unique<CudaCacheBatch>(streams_, memory_, position_bytes(shape, dtype), next_id_++);
}

CudaCache::CudaCache(std::shared_ptr<CacheRanges> ranges, const AttentionShape& shape, int64_t layers,
                     int64_t positions, Dtype dtype)
    : ranges_(std::move(ranges)) {
  capacity = positions;
  layer_position_bytes = position_bytes(shape, dtype);
  row_bytes_ = static_cast<size_t>(shape.head_dim * size_of(dtype));
  rows_ = static_cast<size_t>(2 * layers * shape.kv_heads);
  const size_t numbers = static_cast<size_t>(2 * layers * shape.kv_heads * CacheView::kBlock * shape.head_dim);
  block_bytes_ = round_up(numbers * static_cast<size_t>(size_of(dtype)), std::max<size_t>(ranges_->granularity_, 256));
  range_ = ranges_->acquire(blocks_of(capacity), block_bytes_);
  blocks_ = range_.blocks;
  view_.data = reinterpret_cast<void*>(range_.address);
  view_.block_stride = static_cast<int64_t>(block_bytes_) / size_of(dtype);
  view_.kv_heads = static_cast<int32_t>(shape.kv_heads);
  view_.head_dim = static_cast<int32_t>(shape.head_dim);
}

CudaCache::~CudaCache() {
  decommit(CacheRanges::kKept * CacheView::kBlock);
  range_.blocks = blocks_;
  ranges_->release(range_);
}

void CudaCache::commit(int64_t positions) {
  const int64_t wanted = blocks_of(std::min(positions, capacity));
  for (; blocks_ < wanted; blocks_++)
    if (ranges_->granularity_ > 0)
      ranges_->map(range_.address + static_cast<size_t>(blocks_) * block_bytes_, block_bytes_);
}

void CudaCache::copy_to(const CudaCache& out, int64_t first, int64_t end, cudaStream_t stream) const {
  constexpr int64_t kBlock = CacheView::kBlock;
  for (int64_t at = first; at < end;) {  // a block's, in all layers, at once
    const int64_t next = std::min(end, (at / kBlock + 1) * kBlock);
    const size_t offset =
        static_cast<size_t>(at / kBlock) * block_bytes_ + static_cast<size_t>(at % kBlock) * row_bytes_;
    const size_t pitch = static_cast<size_t>(kBlock) * row_bytes_, width = static_cast<size_t>(next - at) * row_bytes_;
    PHI3LAB_CUDA_CHECK(cudaMemcpy2DAsync(static_cast<char*>(out.view_.data) + offset, pitch,
                                         static_cast<const char*>(view_.data) + offset, pitch, width, rows_,
                                         cudaMemcpyDeviceToDevice, stream));
    at = next;
  }
}

CudaCacheBatch::CudaCacheBatch(std::shared_ptr<Streams> streams, const std::shared_ptr<Memory>& memory,
                               size_t position_bytes, int64_t id)
    : streams_(std::move(streams)), memories_(memory, kMost * sizeof(void*)), id_(id) {
  layer_position_bytes = position_bytes;
}

void CudaCacheBatch::hold(const std::vector<Cache*>& caches) {
  if (caches.empty() || caches.size() > kMost)
    throw std::logic_error("[cache] Expected from 1 to " + std::to_string(kMost) + " caches but received " +
                           std::to_string(caches.size()));
  std::vector<void*> memories;
  for (const Cache* cache : caches) memories.push_back(view_of(*cache).data);
  view_ = view_of(*caches.front());
  view_.data = nullptr;
  const std::lock_guard<std::recursive_mutex> lock(streams_->enqueue);
  // From memory that is not pinned the copy returns when the host's memory may be used again.
  PHI3LAB_CUDA_CHECK(cudaMemcpyAsync(memories_.data(), memories.data(), memories.size() * sizeof(void*),
                                     cudaMemcpyHostToDevice, streams_->work));
}

void CudaCache::decommit(int64_t positions) {
  const int64_t kept = blocks_of(positions);
  {
    const std::lock_guard<std::recursive_mutex> lock(ranges_->streams_->enqueue);
    cudaStreamSynchronize(ranges_->streams_->work);  // work under way may still read it
  }
  while (blocks_ > kept) {
    blocks_--;
    if (ranges_->granularity_ > 0)
      ranges_->unmap(range_.address + static_cast<size_t>(blocks_) * block_bytes_, block_bytes_);
  }
}

}  // namespace phi3lab::cuda
