// The CPU behind the seam: every verb is one region of the team's threads.
#pragma once

#include <memory>

#include "../native/backend.h"
#include "cache.h"
#include "matmul.h"
#include "path.h"
#include "team.h"

namespace phi3lab::cpu {

// A matrix for products and for single rows, or a norm's float32 vector.
class CpuWeight final : public phi3lab::Weight {
 public:
  Matrix matrix;
  std::vector<float> vector;
};

class CpuBackend final : public Backend {
 public:
  // `threads` 0: as many as physical cores that the process may use.
  explicit CpuBackend(int threads);

  std::unique_ptr<phi3lab::Weight> place(const WeightSource& source, WeightKind kind) override;
  std::unique_ptr<Cache> make_cache(const CacheShape& shape) override;
  std::shared_ptr<Buffer> allocate(int64_t floats) override;
  void reserve(int64_t tokens) override;
  void read(float* host, const float* device, int64_t floats) override;
  void write(float* device, const float* host, int64_t floats) override;
  void set_ids(int32_t* device, const int32_t* host, int64_t count) override;
  void synchronize() override {}
  int64_t weight_bytes() const override { return weight_bytes_; }

  void embed(View out, const phi3lab::Weight& table, const Pass& pass) override;
  void rms_norm(View out, View in, const phi3lab::Weight& weight, float eps) override;
  void matmul(View out, View in, const phi3lab::Weight& weight) override;
  void add(View out, View in) override;
  void swiglu(View out, View gate_up) override;
  void rope(View qkv, const Pass& pass, const float* angles, const AttentionShape& shape) override;
  void append(Cache& cache, View qkv, const Pass& pass, const AttentionShape& shape, int layer) override;
  void attention(View context, View weights, View qkv, const Cache& cache, const Pass& pass,
                 const AttentionShape& shape, int layer) override;
  void copy(View out, View in) override;
  void argmax(int32_t* id, View logits, const int32_t* banned, int64_t n_banned) override;

  const Isa& isa() const { return isa_; }
  int threads() const { return team_.size(); }

 private:
  // Calls work(first, last) on every thread with its share of `total` items.
  template <typename Work>
  void share(int64_t total, int64_t unit, const Work& work) {
    team_.run([&](int thread, int threads) {
      int64_t first, last;
      split(total, unit, thread, threads, &first, &last);
      if (first < last) work(first, last);
    });
  }

  Isa isa_;
  Team team_;
  Arena arena_;
  std::unique_ptr<cpu::Workspace> workspace_;
  std::vector<std::vector<float>> scores_;  // a thread's attention weights of one query
  int64_t max_cols_ = 1;
  int64_t weight_bytes_ = 0;
};

}  // namespace phi3lab::cpu
