// Keys and values on the CPU. Positions come in blocks; a block holds all layers and heads, so that growing by a block is
// committing one range of the address space taken at the start, and no pointer ever changes:
// (block, layer, kv_head, {keys, values}, kPositions, head_dim).
#pragma once

#include "../native/backend.h"

namespace phi3lab::cpu {

class CpuCache final : public Cache {
 public:
  static constexpr int64_t kPositions = 256;

  explicit CpuCache(const CacheShape& shape);
  ~CpuCache() override;
  void commit(int64_t length) override;
  int64_t bytes() const override { return committed_ * block_bytes_; }

  // (kPositions, head_dim) of one block.
  float* keys(int layer, int64_t head, int64_t block) const {
    return data_ + block * (block_bytes_ / 4) + (layer * shape_.kv_heads + head) * 2 * kPositions * shape_.head_dim;
  }
  float* values(int layer, int64_t head, int64_t block) const {
    return keys(layer, head, block) + kPositions * shape_.head_dim;
  }

 private:
  CacheShape shape_;
  int64_t block_bytes_, blocks_;
  int64_t committed_ = 0;  // blocks
  float* data_ = nullptr;
};

}  // namespace phi3lab::cpu
