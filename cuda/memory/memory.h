// The GPU's memory that one backend holds: every byte is asked for and counted here, and what is not there is a
// sentence with what was asked, used and free.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

#include "cuda/device/types.h"
#include "native/seam/backend.h"

namespace phi3lab::cuda {

/** The order of a backend's work. While a pass is recorded nobody else may enqueue anything on `work`: hold `enqueue`.
 */
struct Streams {
  Streams();
  ~Streams();
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;
  cudaStream_t work = nullptr;
  cudaStream_t copy = nullptr;  // results on their way to the host, whatever `work` does
  std::recursive_mutex enqueue;
};

class Memory : public std::enable_shared_from_this<Memory> {
 public:
  /** `limit`: bytes that may be held at most; 0: what the GPU has. */
  Memory(std::shared_ptr<Streams> streams, int device, size_t limit);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  /** Memory until `release`: for weights and workspaces. */
  void* acquire(size_t bytes);
  void release(void* data, size_t bytes) noexcept;
  /** Memory in the order of the work: for tensors. */
  std::shared_ptr<Buffer> buffer(size_t bytes);
  /** Counts memory that comes from elsewhere; throws when the limit is reached. */
  void count(size_t bytes);
  void uncount(size_t bytes) noexcept { held_ -= bytes; }
  /** What is kept for later tensors goes back to the GPU. */
  void trim() noexcept;
  [[noreturn]] void fail(size_t bytes) const;

 private:
  friend class PoolBuffer;
  std::shared_ptr<Streams> streams_;
  cudaMemPool_t pool_ = nullptr;
  size_t limit_;
  std::atomic<size_t> held_{0};
};

/** Memory of the GPU, given back with the object. */
class DeviceMemory {
 public:
  DeviceMemory() = default;
  DeviceMemory(std::shared_ptr<Memory> memory, size_t bytes)
      : memory_(std::move(memory)), data_(memory_->acquire(bytes)), bytes_(bytes) {}
  DeviceMemory(DeviceMemory&& other) noexcept { *this = std::move(other); }
  DeviceMemory& operator=(DeviceMemory&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~DeviceMemory() {
    if (data_) memory_->release(data_, bytes_);
  }
  void* data() const { return data_; }
  template <class T>
  T* as() const {
    return static_cast<T*>(data_);
  }
  size_t bytes() const { return bytes_; }

 private:
  std::shared_ptr<Memory> memory_;
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace phi3lab::cuda
