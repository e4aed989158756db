// Placing weights, memory, and running the queued stages.
#include "backend.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <string>

namespace phi3lab::cpu {
namespace {

using Clock = std::chrono::steady_clock;

/** Host memory on a cache line; pages that nobody touches cost nothing. */
class HostBuffer : public Buffer {
 public:
  explicit HostBuffer(size_t size) {
    try {
      data = ::operator new(std::max<size_t>(size, 1), std::align_val_t{64});
    } catch (const std::bad_alloc&) {
      throw OutOfMemory("[memory] Cannot allocate " + std::to_string(size) + " bytes");
    }
    bytes = size;
  }
  ~HostBuffer() override { ::operator delete(data, std::align_val_t{64}); }
};

}  // namespace

CpuBackend::CpuBackend(const Isa& isa, int threads, KvType kv_type)
    : isa_(isa),
      rowwise_(rowwise_of(isa)),
      kv_type_(kv_type),
      attend_(attend_of(isa, kv_type)),
      pool_(threads),
      stages_(new Stage[kStages]) {}

std::unique_ptr<Weight> CpuBackend::upload_weight(const WeightSource& source, WeightKind kind) {
  auto weight = std::make_unique<CpuWeight>();
  for (const RowGroup& group : source.groups) weight->rows += group.rows;
  weight->cols = source.cols;
  if (kind == WeightKind::norm || kind == WeightKind::bias) {
    const Matrix as_stored(Isa{}, source.groups, source.cols, nullptr);
    weight->numbers.resize(static_cast<size_t>(weight->rows * source.cols));
    for (int64_t r = 0; r < weight->rows; r++) as_stored.read_row(weight->numbers.data() + r * source.cols, r);
    weight->bytes = weight->numbers.size() * sizeof(float);
    return weight;
  }
  synchronize();  // the pool is to be free
  weight->matrix = Matrix(isa_, source.groups, source.cols, &arena_, &pool_);
  weight->bytes = weight->matrix.bytes();
  return weight;
}

std::shared_ptr<Buffer> CpuBackend::allocate(size_t bytes) { return std::make_shared<HostBuffer>(bytes); }

std::unique_ptr<Cache> CpuBackend::reserve_cache(const AttentionShape& shape, int64_t layers, int64_t capacity) {
  auto cache = std::make_unique<CpuCache>(ranges_, kv_type_, shape, layers, capacity);
  const int64_t stride = partial_stride(shape.head_dim);
  // A window may begin and end amid a block.
  const int64_t seen = shape.window > 0 ? std::min(capacity, shape.window + kAttendBlock) : capacity;
  const int64_t parts = shape.heads * ((seen + kAttendBlock - 1) / kAttendBlock) * stride;
  const int64_t own = kAttendRows * (shape.head_dim + 2 * stride);
  if (parts <= partial_floats_ && own <= scratch_floats_) return cache;
  synchronize();  // queued stages may hold the old addresses
  if (parts > partial_floats_) {
    partials_ = allocate(static_cast<size_t>(parts) * sizeof(float));
    workspace_bytes_ += static_cast<size_t>(parts - partial_floats_) * sizeof(float);
    partial_floats_ = parts;
  }
  if (own > scratch_floats_) {
    scratch_ = allocate(static_cast<size_t>(own * pool_.size()) * sizeof(float));
    workspace_bytes_ += static_cast<size_t>((own - scratch_floats_) * pool_.size()) * sizeof(float);
    scratch_floats_ = own;
  }
  return cache;
}

std::unique_ptr<CacheBatch> CpuBackend::make_batch(const AttentionShape& shape) {
  auto batch = std::make_unique<CpuCacheBatch>();
  batch->layer_position_bytes = CpuCache::position_bytes(kv_type_, shape);
  return batch;
}

void CpuBackend::prepare(int64_t, int64_t max_cols) {
  workspace_ = std::make_unique<Workspace>(pool_.size(), max_cols);
  workspace_bytes_ +=
      static_cast<size_t>((Workspace::kSharedTokens + pool_.size()) * workspace_->max_cols()) * sizeof(float) +
      workspace_->thread_bytes() * static_cast<size_t>(pool_.size());
}

size_t CpuBackend::workspace_bytes() const { return workspace_bytes_ + ranges_->kept(); }

void CpuBackend::read(void* host, const void* device, size_t bytes) {
  // Tensors that other threads read were complete when they got them: only the owning thread has stages queued.
  std::memcpy(host, device, bytes);
}

void CpuBackend::write(void* device, const void* host, size_t bytes) { std::memcpy(device, host, bytes); }

void CpuBackend::synchronize() {
  const size_t count = queued_;
  queued_ = 0;  // also when a stage throws: a failed pass leaves nothing behind
  if (count == 0) return;
  pool_.run([this, count](int thread, int threads) {
    const Worker worker{pool_, thread, threads};
    Profile* const profile = thread == 0 ? profile_ : nullptr;
    Clock::time_point start;
    if (profile) start = Clock::now();
    for (size_t i = 0; i < count; i++) {
      stages_[i].run(stages_[i].closure, worker);
      pool_.barrier(thread);
      if (!profile) continue;
      const Clock::time_point end = Clock::now();
      profile->add(stages_[i].mark, std::chrono::duration<double>(end - start).count());
      start = end;
    }
  });
}

void CpuBackend::checkpoint(int64_t tokens) {
  if (tokens > 1) synchronize();  // a layer of a prompt is long enough to be worth a look at the flag
  if (!aborted()) return;
  queued_ = 0;
  throw Aborted();
}

}  // namespace phi3lab::cpu
