// The CPU behind the seam of native/seam/backend.h. Verbs are queued as stages; `synchronize`, `checkpoint` and a full
// queue run them in one region of the pool, a barrier after each. Each operation's file holds its kernel and its verb.
#pragma once

#include <atomic>
#include <memory>
#include <new>
#include <type_traits>
#include <vector>

#include "cache.h"
#include "cpu/matmul/matmul.h"
#include "cpu/simd/path.h"
#include "cpu/simd/rowwise.h"
#include "cpu/threads/thread_pool.h"

namespace phi3lab::cpu {

/** One thread's view of the pool inside a stage. */
struct Worker {
  ThreadPool& pool;
  int thread, threads;
};

/** Calls use(token) for the tokens of a prompt that are a worker's own: own_runs. */
template <class Use>
inline void each_own_token(int64_t tokens, const Worker& w, const Use& use) {
  own_runs(tokens, w.thread, w.threads, [&](int64_t first, int64_t last) {
    for (int64_t t = first; t < last; t++) use(t);
  });
}

/**
 * A thread's share of the attention of one token: of its key-value heads, each times the blocks that hold what it sees,
 * [first, last). Whoever takes a head's last block also puts the token's key and value there: lines of memory that two
 * processors write and read in turn take longer than the arithmetic.
 */
struct TokenShare {
  TokenShare(int64_t position, const AttentionShape& shape, const Worker& worker);
  bool has_end(int64_t kv_head) const { return first < (kv_head + 1) * count && (kv_head + 1) * count <= last; }

  Seen seen, blocks;
  int64_t count;  // of blocks
  int64_t first, last;
};

/** An uploaded weight: a norm's or a bias's numbers as float32, or a matrix. */
class CpuWeight : public Weight {
 public:
  Matrix matrix;
  std::vector<float> numbers;
};

class CpuBackend : public Backend {
 public:
  CpuBackend(const Isa& isa, int threads, KvType kv_type = KvType::float32);

  std::unique_ptr<Weight> upload_weight(const WeightSource& source, WeightKind kind) override;
  std::shared_ptr<Buffer> allocate(size_t bytes) override;
  std::unique_ptr<Cache> reserve_cache(const AttentionShape& shape, int64_t layers, int64_t capacity) override;
  std::unique_ptr<CacheBatch> make_batch(const AttentionShape& shape) override;
  void prepare(int64_t tokens, int64_t max_cols) override;
  size_t workspace_bytes() const override;
  void read(void* host, const void* device, size_t bytes) override;
  void write(void* device, const void* host, size_t bytes) override;

  int64_t preferred_chunk() const override { return 512; }
  void synchronize() override;
  void checkpoint(int64_t tokens) override;
  void profile(Profile* profile) override { profile_ = profile; }
  double measure_stream() override;

  void embed(Tensor out, const PassInput& input, const Weight& table) override;
  void rms_norm(Tensor out, Tensor in, const Weight& weight, float eps) override;
  void matmul(Tensor out, Tensor in, const Weight& weight) override;
  void add_bias(Tensor out, const Weight& bias) override;
  void norm_heads(Tensor qkv, const Weight& q_norm, const Weight& k_norm, const AttentionShape& shape,
                  float eps) override;
  void rope(Tensor qkv, const PassInput& input, Tensor table, const AttentionShape& shape) override;
  void append(Cache& cache, Tensor qkv, const PassInput& input, int64_t layer, const AttentionShape& shape) override;
  void attend(Tensor& context, AttentionWeights weights, Tensor qkv, Cache& cache, const PassInput& input, Tensor table,
              int64_t layer, const AttentionShape& shape) override;
  void attend_blocked(Tensor context, AttentionWeights weights, Tensor qkv, Cache& cache, const PassInput& input,
                      const BlockedEdges* blocked, int64_t count, int64_t layer, const AttentionShape& shape) override;
  void swiglu(Tensor out, Tensor gate_up) override;
  void add(Tensor out, Tensor a, Tensor b) override;
  void argmax(int32_t* ids, Tensor logits, const int32_t* excluded, int64_t excluded_count) override;
  void summarise(Summary out, Tensor logits, const int32_t* tokens, int64_t group) override;
  void edit_rows(Tensor x, const RowEdit& edit, const PassInput& input, int64_t first) override;
  void copy(Tensor out, Tensor in) override;
  void copy_positions(Cache& out, const Cache& in, int64_t first, int64_t end) override;
  void advance(int32_t* position, int64_t sequences, int64_t count) override;
  void emit(const int32_t* ids, int64_t count) override;
  int32_t next_token() override;
  void discard() noexcept override;

  void norm_qkv_rope_append(Tensor& qkv, Cache& cache, Tensor normed, Tensor hidden, const Weight& norm,
                            const QkvProjection& projection, const PassInput& input, Tensor table, int64_t layer,
                            const AttentionShape& shape, float eps) override;
  void project_residual(Tensor hidden, Tensor projected, Tensor context, const Weight& weight, int64_t layer) override;
  void norm_gate_up_swiglu(Tensor& activation, Tensor normed, Tensor gate_up, Tensor hidden, const Weight& norm,
                           const Weight& weight, int64_t layer, float eps) override;
  void down_residual(Tensor hidden, Tensor projected, Tensor activation, const Weight& weight, int64_t layer) override;
  void norm_lm_head(Tensor logits, Tensor normed, Tensor hidden, const Weight& norm, const Weight& weight,
                    float eps) override;

 private:
  /** out (1, rows) = norm(hidden (1, cols)) · weightᵀ, in one stage. */
  void norm_matmul(Tensor out, Tensor hidden, const Weight& norm, const Weight& weight, float eps);
  void attend_token(Tensor context, Tensor qkv, const CpuCache& source, const PassInput& input, int64_t layer,
                    const AttentionShape& shape);
  void attend_tokens(Tensor context, AttentionWeights weights, Tensor qkv, const CpuCache& source,
                     const PassInput& input, int64_t layer, const AttentionShape& shape);
  void attend_sequences(Tensor context, Tensor qkv, const TokenPlaces& places, int64_t layer,
                        const AttentionShape& shape);

  /** A queued stage: a trivially copyable closure, so that queueing allocates nothing. */
  struct Stage {
    Mark mark;
    void (*run)(const void* closure, const Worker& worker);
    alignas(16) unsigned char closure[240];
  };
  static constexpr size_t kStages = 512;

  /** Queues work(const Worker&), which every thread of the pool calls. */
  template <class Work>
  void stage(const Work& work) {
    static_assert(std::is_trivially_copyable_v<Work> && sizeof(Work) <= sizeof(Stage::closure));
    if (queued_ == kStages) synchronize();
    Stage& s = stages_[queued_++];
    new (s.closure) Work(work);
    s.mark = take_mark();
    s.run = [](const void* closure, const Worker& worker) { (*static_cast<const Work*>(closure))(worker); };
  }

  Isa isa_;
  const Rowwise& rowwise_;
  const KvType kv_type_;
  const Attend& attend_;
  ThreadPool pool_;
  Arena arena_;
  const std::shared_ptr<CacheRanges> ranges_ = std::make_shared<CacheRanges>();  // caches may outlive the backend
  std::unique_ptr<Workspace> workspace_;
  std::unique_ptr<Stage[]> stages_;
  size_t queued_ = 0;
  Profile* profile_ = nullptr;
  // Of `attend`: for one token, parts of every head and block; for each thread, a tile's queries, states and parts.
  std::shared_ptr<Buffer> partials_, scratch_;
  int64_t partial_floats_ = 0, scratch_floats_ = 0;  // scratch_floats_: of a thread
  std::atomic<size_t> workspace_bytes_{0};
  static constexpr size_t kOutbox = CacheBatch::kMost;
  int32_t outbox_[kOutbox] = {};  // emitted ids, a ring
  size_t emitted_ = 0, taken_ = 0;
};

inline const CpuWeight& uploaded(const Weight& weight) { return static_cast<const CpuWeight&>(weight); }

}  // namespace phi3lab::cpu
