#include "memory.h"

#include <algorithm>

namespace phi3lab::cuda {

Streams::Streams() {
  PHI3LAB_CUDA_CHECK(cudaStreamCreateWithFlags(&work, cudaStreamNonBlocking));
  PHI3LAB_CUDA_CHECK(cudaStreamCreateWithFlags(&copy, cudaStreamNonBlocking));
}

Streams::~Streams() {
  if (work) cudaStreamDestroy(work);
  if (copy) cudaStreamDestroy(copy);
}

Memory::Memory(std::shared_ptr<Streams> streams, int device, size_t limit)
    : streams_(std::move(streams)), limit_(limit) {
  cudaMemPoolProps properties{};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location.type = cudaMemLocationTypeDevice;
  properties.location.id = device;
  PHI3LAB_CUDA_CHECK(cudaMemPoolCreate(&pool_, &properties));
  uint64_t keep = UINT64_MAX;  // what one pass frees the next takes again; `trim` gives it back
  PHI3LAB_CUDA_CHECK(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &keep));
}

Memory::~Memory() {
  cudaStreamSynchronize(streams_->work);
  cudaMemPoolDestroy(pool_);
}

void Memory::count(size_t bytes) {
  const size_t before = held_.fetch_add(bytes);
  if (limit_ == 0 || before + bytes <= limit_) return;
  held_ -= bytes;
  fail(bytes);
}

void Memory::fail(size_t bytes) const {
  (void)cudaGetLastError();
  size_t free = 0, total = 0;
  cudaMemGetInfo(&free, &total);
  if (limit_ > 0) {
    total = std::min(total, limit_);
    free = std::min(free, limit_ - std::min<size_t>(limit_, held_));
  }
  throw OutOfMemory("[memory] Expected " + std::to_string(bytes) + " bytes of GPU memory, but " + std::to_string(free) +
                    " of " + std::to_string(total) + " are free (this model holds " + std::to_string(held_) + ")");
}

void Memory::trim() noexcept {
  const std::lock_guard<std::recursive_mutex> lock(streams_->enqueue);
  cudaStreamSynchronize(streams_->work);
  cudaMemPoolTrimTo(pool_, 0);
}

void* Memory::acquire(size_t bytes) {
  count(bytes);
  void* data = nullptr;
  cudaError_t error = cudaMalloc(&data, std::max<size_t>(bytes, 1));
  if (error == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();
    trim();
    error = cudaMalloc(&data, std::max<size_t>(bytes, 1));
  }
  if (error == cudaSuccess) return data;
  uncount(bytes);
  if (error == cudaErrorMemoryAllocation) fail(bytes);
  check(error, "cudaMalloc");
  return nullptr;
}

void Memory::release(void* data, size_t bytes) noexcept {
  cudaFree(data);
  uncount(bytes);
}

/** A tensor's memory, which may be freed from any thread: the GPU takes it back when the work said before is done. */
class PoolBuffer : public Buffer {
 public:
  PoolBuffer(std::shared_ptr<Memory> memory, void* pointer, size_t size) : memory_(std::move(memory)) {
    data = pointer;
    bytes = size;
  }
  ~PoolBuffer() override {
    const std::lock_guard<std::recursive_mutex> lock(memory_->streams_->enqueue);
    cudaFreeAsync(data, memory_->streams_->work);
    memory_->uncount(bytes);
  }

 private:
  std::shared_ptr<Memory> memory_;
};

std::shared_ptr<Buffer> Memory::buffer(size_t bytes) {
  count(bytes);
  const std::lock_guard<std::recursive_mutex> lock(streams_->enqueue);
  void* data = nullptr;
  cudaError_t error = cudaMallocFromPoolAsync(&data, std::max<size_t>(bytes, 1), pool_, streams_->work);
  if (error == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();
    trim();
    error = cudaMallocFromPoolAsync(&data, std::max<size_t>(bytes, 1), pool_, streams_->work);
  }
  if (error == cudaSuccess) return std::make_shared<PoolBuffer>(shared_from_this(), data, bytes);
  uncount(bytes);
  if (error == cudaErrorMemoryAllocation) fail(bytes);
  check(error, "cudaMallocFromPoolAsync");
  return nullptr;
}

}  // namespace phi3lab::cuda
