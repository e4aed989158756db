// Token ids on their way from the GPU to the host without stopping the stream: a ring in pinned memory, each id with
// its number, which the GPU writes and the host watches.
#pragma once

#include <atomic>
#include <cstdint>

#include "cuda/device/types.h"

namespace phi3lab::cuda {

struct MailboxRing {
  static constexpr uint32_t kSlots = 1024;
  uint64_t* slots;  // (kSlots,), as the GPU addresses it: the id's number from 1, then the id
  uint32_t* sent;   // in the GPU's memory
};

class Mailbox {
 public:
  explicit Mailbox(uint32_t* sent) {
    void *host = nullptr, *device = nullptr;
    PHI3LAB_CUDA_CHECK(cudaHostAlloc(&host, MailboxRing::kSlots * sizeof(uint64_t), cudaHostAllocMapped));
    slots_ = static_cast<uint64_t*>(host);
    for (uint32_t i = 0; i < MailboxRing::kSlots; i++) slots_[i] = 0;
    ring_.sent = sent;
    PHI3LAB_CUDA_CHECK(cudaHostGetDevicePointer(&device, host, 0));
    ring_.slots = static_cast<uint64_t*>(device);
    PHI3LAB_CUDA_CHECK(cudaMemset(sent, 0, sizeof(uint32_t)));
    PHI3LAB_CUDA_CHECK(cudaStreamSynchronize(nullptr));  // the streams that send wait for no other
  }
  ~Mailbox() { cudaFreeHost(slots_); }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  MailboxRing ring() const { return ring_; }
  /** Whether the next id has come; takes it then. */
  bool take(int32_t* id) {
    const uint64_t slot = static_cast<volatile uint64_t*>(slots_)[taken_ % MailboxRing::kSlots];
    if (static_cast<uint32_t>(slot >> 32) != taken_ + 1) return false;
    *id = static_cast<int32_t>(static_cast<uint32_t>(slot));
    taken_++;
    return true;
  }
  /** Takes nothing that was sent so far; the stream must be idle. */
  void forget() noexcept { cudaMemcpy(&taken_, ring_.sent, sizeof(taken_), cudaMemcpyDeviceToHost); }

 private:
  uint64_t* slots_ = nullptr;
  MailboxRing ring_{};
  uint32_t taken_ = 0;
};

}  // namespace phi3lab::cuda
