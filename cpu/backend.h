// The CPU behind the seam of native/backend.h. Verbs are queued as stages; `synchronize`, `checkpoint` and a full queue
// run them in one region of the team, a barrier after each. Each operation's file holds its kernel and its verb.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <new>
#include <type_traits>
#include <vector>

#include "attend.h"
#include "matmul.h"
#include "native/seam/backend.h"
#include "path.h"
#include "rowwise.h"
#include "team.h"

namespace phi3lab::cpu {

/** One thread's view of the team inside a stage. */
struct Worker {
  Team& team;
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

/** A placed weight: a norm's numbers as float32, or a matrix. */
class CpuWeight : public Weight {
 public:
  Matrix matrix;
  std::vector<float> norm;
};

/** Address ranges for caches. A cache that goes leaves its range, with some of its memory, to the next: the system
 * takes as long to clear new pages as a short prompt takes. */
class CacheRanges {
 public:
  struct Range {
    uint8_t* data = nullptr;
    size_t bytes = 0;
    size_t ready = 0;  // of them, from the first on, for which there is memory
  };
  CacheRanges() = default;
  ~CacheRanges() { release(left_); }
  CacheRanges(const CacheRanges&) = delete;
  CacheRanges& operator=(const CacheRanges&) = delete;

  /** The range that was left last where it has this size. Throws a sentence where the system has not so much. */
  Range take(size_t bytes);
  void leave(const Range& range) noexcept;
  /** Bytes of memory that the next cache will find. */
  size_t kept() const;

 private:
  static void release(const Range& range) noexcept;

  mutable std::mutex mutex_;
  Range left_;
};

/** Keys and values, [extent][layer][kv_head][block of positions], then as attend.h has them: what is committed lies
 * together, in large pages where the system has them, and a layer's part of an extent is read in one go. The first
 * extent grows with the text, twice as large each time, and what it holds is moved: to begin a part costs as much as to
 * read half a block. Those behind it are as large as it becomes. */
class CpuCache : public Cache {
 public:
  CpuCache(std::shared_ptr<CacheRanges> ranges, KvType type, const AttentionShape& shape, int64_t layers,
           int64_t capacity);
  ~CpuCache() override;
  void commit(int64_t positions) override;
  size_t bytes() const override;
  /** Of the block that begins at `position`. */
  void* keys(int64_t layer, int64_t kv_head, int64_t position) const { return at(layer, kv_head, position, 0); }
  /** From `position` on, to the end of its block. */
  void* values(int64_t layer, int64_t kv_head, int64_t position) const {
    return at(layer, kv_head, position, kAttendBlock + position % kAttendBlock);
  }
  /** The end of the extent that `position` lies in. */
  int64_t extent_end(int64_t position) const {
    const Extent extent = extent_of(position);
    return extent.first + extent.positions;
  }
  /** Keeps a position's key and value (dim,), by the functions of its type. */
  void put(const Attend& functions, int64_t layer, int64_t kv_head, int64_t position, const float* key,
           const float* value, int64_t dim) const {
    const int64_t block = position / kAttendBlock * kAttendBlock;
    functions.put(keys(layer, kv_head, block), values(layer, kv_head, position), key, value, position - block, dim);
  }

 private:
  /** Positions whose keys and values lie together. */
  struct Extent {
    int64_t first, positions;
  };
  static constexpr int64_t kSmallest = 128;  // positions of an extent, whole blocks of attention
  static constexpr int64_t kKept = 512;      // positions that a range keeps its memory for between two sequences
  static constexpr size_t kOneGo = size_t{2} << 20;  // bytes of a layer: memory is not read faster in more
  Extent extent_of(int64_t position) const {
    return position < largest_ ? Extent{0, first_} : Extent{position / largest_ * largest_, largest_};
  }
  /** `positions` filled up to what is committed for them. */
  int64_t whole(int64_t positions) const {
    if (positions > largest_) return (positions + largest_ - 1) / largest_ * largest_;
    int64_t first = kSmallest;
    while (first < positions) first *= 2;
    return positions > 0 ? first : 0;
  }
  /** Makes the first extent one of so many positions, for which there is memory: its parts move apart. */
  void grow(int64_t positions);
  /** Gives back the memory behind that of `positions`. */
  void release(int64_t positions);
  size_t bytes_of(int64_t positions) const { return static_cast<size_t>(layers_ * positions) * layer_position_bytes; }
  /** Number `row` of the rows of a block's keys and values that `position` lies in. */
  uint8_t* at(int64_t layer, int64_t kv_head, int64_t position, int64_t row) const {
    const Extent extent = extent_of(position);
    const int64_t block = (position - extent.first) / kAttendBlock * kAttendBlock;
    const int64_t rows = 2 * (extent.positions * (layer * kv_heads_ + kv_head) + block) + row;
    return range_.data + bytes_of(extent.first) + static_cast<size_t>(rows) * row_bytes_;
  }

  int64_t kv_heads_, layers_;
  size_t row_bytes_;                   // of a position's key or value of a head
  int64_t first_ = kSmallest;          // positions of the first extent
  int64_t largest_ = kSmallest;        // and of all others
  std::atomic<int64_t> committed_{0};  // positions; other threads ask for `bytes`
  std::shared_ptr<CacheRanges> ranges_;
  CacheRanges::Range range_;
};

class CpuBackend : public Backend {
 public:
  CpuBackend(const Isa& isa, int threads, KvType kv_type = KvType::float32);

  std::unique_ptr<Weight> place(const WeightSource& source, WeightKind kind) override;
  std::shared_ptr<Buffer> allocate(size_t bytes) override;
  std::unique_ptr<Cache> reserve_cache(const AttentionShape& shape, int64_t layers, int64_t capacity) override;
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
  void rope(Tensor qkv, const PassInput& input, Tensor table, const AttentionShape& shape) override;
  void append(Cache& cache, Tensor qkv, const PassInput& input, int64_t layer, const AttentionShape& shape) override;
  void attend(Tensor context, AttentionWeights weights, Tensor qkv, const Cache& cache, const PassInput& input,
              int64_t layer, const AttentionShape& shape) override;
  void swiglu(Tensor out, Tensor gate_up) override;
  void add(Tensor out, Tensor a, Tensor b) override;
  void argmax(int32_t* id, Tensor logits, const int32_t* excluded, int64_t excluded_count) override;
  void copy(Tensor out, Tensor in) override;
  void advance(int32_t* position, int64_t count) override;
  void publish(const int32_t* id) override;
  int32_t receive() override;
  void discard() noexcept override;

  void norm_qkv_rope_append(Tensor qkv, Cache& cache, Tensor normed, Tensor hidden, const Weight& norm,
                            const Weight& weight, const PassInput& input, Tensor table, int64_t layer,
                            const AttentionShape& shape, float eps) override;
  void project_residual(Tensor hidden, Tensor projected, Tensor context, const Weight& weight, int64_t layer) override;
  void norm_gate_up_swiglu(Tensor activation, Tensor normed, Tensor gate_up, Tensor hidden, const Weight& norm,
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

  /** A queued stage: a trivially copyable closure, so that queueing allocates nothing. */
  struct Stage {
    Mark mark;
    void (*run)(const void* closure, const Worker& worker);
    alignas(16) unsigned char closure[240];
  };
  static constexpr size_t kStages = 512;

  /** Queues work(const Worker&), which every thread of the team calls. */
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
  Team team_;
  Arena arena_;
  const std::shared_ptr<CacheRanges> ranges_ = std::make_shared<CacheRanges>();  // caches may outlive the backend
  std::unique_ptr<Workspace> workspace_;
  Tensor gate_up_{};  // of the token whose activation is not computed yet
  std::unique_ptr<Stage[]> stages_;
  size_t queued_ = 0;
  Profile* profile_ = nullptr;
  // Of `attend`: for one token, parts of every head and block; for each thread, a tile's queries, states and parts.
  std::shared_ptr<Buffer> parts_, scratch_;
  int64_t part_floats_ = 0, scratch_floats_ = 0;  // scratch_floats_: of a thread
  std::atomic<size_t> workspace_bytes_{0};
  static constexpr size_t kOutbox = 64;
  int32_t outbox_[kOutbox] = {};  // published ids, a ring
  size_t published_ = 0, received_ = 0;
};

inline const CpuWeight& placed(const Weight& weight) { return static_cast<const CpuWeight&>(weight); }

}  // namespace phi3lab::cpu
