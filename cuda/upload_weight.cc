// Weights into the GPU's memory, dense or compact, and compact ones out of it part by part, for products of dense ones.
#include <algorithm>

#include "backend.h"
#include "cuda/memory/convert.h"

namespace phi3lab::cuda {
namespace {

// Of a matrix's largest number, as bfloat16's bits: 2^-9, with which the least that float16 tells apart is as little as
// float32's own rounding of a sum, and the largest below float16's end.
constexpr uint32_t kLeastOfLargest = 0x3b00, kMostOfLargest = 0x477f;
// Of dense numbers that a compact weight is unpacked into at once: what the multiplying kernel reads next, so that of
// Phi-3-mini's shape in 16 bits all but gate and up, which are two parts, is one.
constexpr size_t kUnpackedBytes = size_t{64} << 20;
constexpr int64_t kPartRows = 256;

/** Whether all of a weight is in formats that stay compact; of what is looked up by rows or compared by them, in one.
 */
bool can_stay_compact(const WeightSource& source, WeightKind kind) {
  if (kind == WeightKind::norm || kind == WeightKind::bias || source.groups.empty()) return false;
  const WeightType type = source.groups.front().type;
  return std::all_of(source.groups.begin(), source.groups.end(), [&](const RowGroup& group) {
    return stays_compact(group.type) && (kind == WeightKind::projection || group.type == type);
  });
}

}  // namespace

std::unique_ptr<CudaWeight> CudaBackend::upload_compact(const WeightSource& source) {
  auto weight = std::make_unique<CudaWeight>();
  weight->cols = source.cols;
  std::vector<size_t> offsets;
  std::vector<std::pair<size_t, int64_t>> places;  // of each group: its matrix, and its first row there
  for (const RowGroup& group : source.groups) {
    if (weight->compact.empty() || weight->compact.back().type != group.type)
      weight->compact.push_back({group.type, 0, source.cols});
    CompactMatrix& matrix = weight->compact.back();
    places.emplace_back(weight->compact.size() - 1, matrix.rows);
    matrix.rows += group.rows;
    weight->rows += group.rows;
  }
  for (const CompactMatrix& matrix : weight->compact) {
    offsets.push_back(weight->bytes);
    weight->bytes += compact_bytes(matrix.type, matrix.rows, matrix.cols);
  }
  // From the pool, where a weight may begin in the page in which the one before ends: an allocation of its own would be
  // 2 MiB pages, of which these sizes leave 100 MB of Phi-3-mini's unused.
  weight->planes = memory_->buffer(weight->bytes);
  PHI3LAB_CUDA_CHECK(cudaStreamSynchronize(stream()));  // the loader's streams may write there now
  for (size_t i = 0; i < offsets.size(); i++) {
    CompactMatrix& matrix = weight->compact[i];
    matrix = compact_at(static_cast<char*>(weight->planes->data) + offsets[i], matrix.type, matrix.rows, matrix.cols);
  }
  for (size_t i = 0; i < places.size(); i++)
    loader_->send(source.groups[i], weight->compact[places[i].first], places[i].second);
  return weight;
}

std::unique_ptr<Weight> CudaBackend::upload_weight(const WeightSource& source, WeightKind kind) {
  if (!loader_) loader_ = std::make_unique<Loader>(memory_, device_.index);
  if (!prepared_ && format_ != Dtype::float32 && !cublaslt_coming_.valid())
    cublaslt_coming_ = std::async(std::launch::async, [index = device_.index] {
      PHI3LAB_CUDA_CHECK(cudaSetDevice(index));
      return CublasLt::load();
    });
  if (can_stay_compact(source, kind)) {
    auto compact = upload_compact(source);
    if (prepared_)
      loader_->finish(), make_room(*compact);
    else
      compact_weights_.push_back(compact.get());
    return compact;
  }
  auto weight = std::make_unique<CudaWeight>();
  weight->dtype = kind == WeightKind::norm || kind == WeightKind::bias ? Dtype::float32 : format_;
  weight->cols = source.cols;
  for (const RowGroup& group : source.groups) weight->rows += group.rows;
  weight->bytes = static_cast<size_t>(weight->rows * weight->cols * size_of(weight->dtype));
  weight->memory = DeviceMemory(memory_, weight->bytes);
  auto* target = static_cast<char*>(weight->memory.data());
  for (const RowGroup& group : source.groups) {
    loader_->send(group, weight->cols, target, weight->dtype);
    target += group.rows * weight->cols * size_of(weight->dtype);
  }
  if (prepared_)
    loader_->finish();  // passes may come at once
  else if (weight->dtype == Dtype::bfloat16)
    bfloat16_weights_.push_back(weight.get());
  return weight;
}

void CudaBackend::prepare(int64_t tokens, int64_t max_cols) {
  if (loader_) loader_->finish();
  loader_.reset();
  for (const CudaWeight* weight : compact_weights_) make_room(*weight);
  keep_as_float16();
  compact_weights_.clear();
  prepared_ = true;
  if (!has_tensor_cores()) return;
  halves_ = DeviceMemory(memory_, static_cast<size_t>(tokens * max_cols * 2));
  cublaslt_ = cublaslt_coming_.valid() ? cublaslt_coming_.get() : CublasLt::load();
  if (cublaslt_) memory_->count(cublaslt_->workspace_bytes());
}

void CudaBackend::keep_as_float16() {
  const std::vector<CudaWeight*> weights = std::move(bfloat16_weights_);
  bfloat16_weights_.clear();
  std::vector<CudaWeight*> all = weights;
  if (format_ == Dtype::bfloat16) all.insert(all.end(), compact_weights_.begin(), compact_weights_.end());
  if (all.empty()) return;
  const DeviceMemory largest(memory_, all.size() * sizeof(uint32_t));
  PHI3LAB_CUDA_CHECK(cudaMemsetAsync(largest.data(), 0, largest.bytes(), stream()));
  for (size_t i = 0; i < all.size(); i++)
    each_dense(*all[i], Dtype::bfloat16, [&](const void* numbers, int64_t, int64_t rows) {
      find_largest_bfloat16(largest.as<uint32_t>() + i, numbers, rows * all[i]->cols, stream());
    });
  std::vector<uint32_t> found(all.size());
  PHI3LAB_CUDA_CHECK(cudaMemcpyAsync(found.data(), largest.data(), largest.bytes(), cudaMemcpyDeviceToHost, stream()));
  PHI3LAB_CUDA_CHECK(cudaStreamSynchronize(stream()));
  for (uint32_t bits : found)
    if (bits != 0 && (bits < kLeastOfLargest || bits > kMostOfLargest)) return;
  for (CudaWeight* weight : weights) {
    bfloat16_to_float16(weight->memory.data(), weight->rows * weight->cols, stream());
    weight->dtype = Dtype::float16;
  }
  format_ = Dtype::float16;
}

void CudaBackend::make_room(const CudaWeight& weight) {
  size_t needed = 0;
  for (const CompactMatrix& matrix : weight.compact) {
    const auto row = static_cast<size_t>(matrix.cols) * sizeof(float);
    needed = std::max({needed, row, std::min(static_cast<size_t>(matrix.rows) * row, kUnpackedBytes)});
  }
  if (needed <= unpacked_.bytes()) return;
  PHI3LAB_CUDA_CHECK(cudaStreamSynchronize(stream()));
  unpacked_ = DeviceMemory();
  unpacked_ = DeviceMemory(memory_, needed);
}

void CudaBackend::each_dense(const CudaWeight& weight, Dtype dtype,
                             const std::function<void(const void* numbers, int64_t first, int64_t rows)>& visit) {
  if (weight.compact.empty()) return visit(weight.memory.data(), 0, weight.rows);
  int64_t before = 0;
  for (const CompactMatrix& matrix : weight.compact) {
    const int64_t most = static_cast<int64_t>(unpacked_.bytes()) / (matrix.cols * size_of(dtype));
    const int64_t parts = (matrix.rows + most - 1) / most;
    // Alike, and of whole tiles where there are so many rows.
    int64_t rows = (matrix.rows + parts - 1) / parts;
    if (rows > kPartRows && rows < matrix.rows) rows = std::min((rows + kPartRows - 1) / kPartRows * kPartRows, most);
    for (int64_t first = 0; first < matrix.rows; first += rows) {
      const int64_t count = std::min(rows, matrix.rows - first);
      unpack_rows(unpacked_.data(), matrix, first, count, dtype, stream());
      visit(unpacked_.data(), before + first, count);
    }
    before += matrix.rows;
  }
}

}  // namespace phi3lab::cuda
