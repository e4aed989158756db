// Memory and products of the CPU backend; the other verbs lie in files of their own names.
#include "backend.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "matmul_formats.h"

namespace phi3lab::cpu {
namespace {

class CpuBuffer final : public Buffer {
 public:
  explicit CpuBuffer(int64_t floats) : memory_(static_cast<size_t>(floats + kLine)) {
    const auto address = reinterpret_cast<uintptr_t>(memory_.data());
    data = memory_.data() + (64 - address % 64) % 64 / 4;
    bytes = floats * 4;
  }

 private:
  static constexpr int64_t kLine = 16;  // floats a cache line
  std::vector<float> memory_;
};

// Output rows of GGUF's order of a rotary projection: row (head, pair, half) belongs at (head, half, pair).
std::vector<int32_t> rotary_rows(int64_t rows, int64_t heads) {
  std::vector<int32_t> order(static_cast<size_t>(rows));
  const int64_t head_dim = rows / heads, half = head_dim / 2;
  for (int64_t row = 0; row < rows; row++) {
    const int64_t head = row / head_dim, in_head = row % head_dim;
    order[static_cast<size_t>(row)] = static_cast<int32_t>(head * head_dim + in_head % 2 * half + in_head / 2);
  }
  return order;
}

}  // namespace

CpuBackend::CpuBackend(int threads)
    : isa_(choose_isa()), team_(thread_count(threads)), scores_(static_cast<size_t>(team_.size())) {}

std::unique_ptr<phi3lab::Weight> CpuBackend::place(const WeightSource& source, WeightKind kind) {
  auto weight = std::make_unique<CpuWeight>();
  weight->rows = source.rows;
  weight->cols = source.cols;
  if (kind == WeightKind::norm) {
    weight->vector.resize(static_cast<size_t>(source.cols));
    const auto type = static_cast<cpu::WeightType>(source.groups[0].type);
    dequantise(weight->vector.data(), type, reinterpret_cast<const uint8_t*>(source.groups[0].data), 0, source.cols);
    weight_bytes_ += source.cols * 4;
    return weight;
  }
  std::vector<cpu::RowGroup> groups;
  for (const phi3lab::RowGroup& group : source.groups) {
    cpu::RowGroup mine;
    mine.type = static_cast<cpu::WeightType>(group.type);
    mine.data = group.data;
    mine.rows = group.rows;
    if (group.rotary_heads > 0) mine.output_row = rotary_rows(group.rows, group.rotary_heads);
    mine.mapped = true;
    groups.push_back(std::move(mine));
  }
  weight->matrix = Matrix(isa_, std::move(groups), source.cols, &arena_);
  weight_bytes_ += static_cast<int64_t>(weight->matrix.bytes());
  max_cols_ = std::max(max_cols_, source.cols);
  return weight;
}

std::unique_ptr<Cache> CpuBackend::make_cache(const CacheShape& shape) { return std::make_unique<CpuCache>(shape); }

std::shared_ptr<Buffer> CpuBackend::allocate(int64_t floats) {
  try {
    return std::make_shared<CpuBuffer>(floats);
  } catch (const std::bad_alloc&) {
    throw Error("[allocate] Out of memory: " + std::to_string(floats * 4) + " bytes could not be had");
  }
}

void CpuBackend::reserve(int64_t) {
  if (!workspace_ || workspace_->max_cols() < max_cols_)
    workspace_ = std::make_unique<cpu::Workspace>(team_.size(), max_cols_);
}

void CpuBackend::read(float* host, const float* device, int64_t floats) {
  std::memcpy(host, device, static_cast<size_t>(floats) * 4);
}
void CpuBackend::write(float* device, const float* host, int64_t floats) {
  std::memcpy(device, host, static_cast<size_t>(floats) * 4);
}
void CpuBackend::set_ids(int32_t* device, const int32_t* host, int64_t count) {
  std::memcpy(device, host, static_cast<size_t>(count) * 4);
}

void CpuBackend::copy(View out, View in) { read(out.data, in.data, in.size()); }

void CpuBackend::matmul(View out, View in, const phi3lab::Weight& weight) {
  reserve(in.rows);
  const Matrix& matrix = static_cast<const CpuWeight&>(weight).matrix;
  team_.run([&](int thread, int) {
    cpu::matmul(team_, thread, *workspace_, out.data, in.data, matrix, in.rows, out.cols, in.cols);
  });
}

}  // namespace phi3lab::cpu
