#include "weights.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <random>

#include "formats.h"

namespace phi3lab::ops {
TestWeight::TestWeight(Random& random, const std::vector<Part>& parts, int64_t cols, double size) {
  static std::atomic<int> files{0};
  static const std::string process = std::to_string(std::random_device()());
  path_ =
      (std::filesystem::temp_directory_path() / ("phi3lab-ops-" + process + "-" + std::to_string(files++))).string();
  source_.name = "test.weight";
  source_.cols = cols;
  const int64_t offset = random.below(4) == 0 ? 1 : 64;  // files promise no alignment
  std::vector<uint8_t> bytes(static_cast<size_t>(offset));
  std::vector<int64_t> starts;
  for (const Part& part : parts) {
    starts.push_back(static_cast<int64_t>(bytes.size()));
    const int64_t length = part.rows * row_bytes(part.type, cols);
    bytes.resize(bytes.size() + static_cast<size_t>(length));
    fill(random, bytes.data() + starts.back(), part.type, length / format_of(part.type).block_bytes, size);
  }
  std::ofstream(path_, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  file_ = std::make_unique<MappedFile>(path_);
  for (size_t i = 0; i < parts.size(); i++) {
    RowGroup group{parts[i].type, file_->data() + starts[i], parts[i].rows, {}};
    std::vector<int64_t> file_row(static_cast<size_t>(group.rows));
    std::iota(file_row.begin(), file_row.end(), 0);
    if (parts[i].permuted) {
      for (int64_t r = group.rows - 1; r > 0; r--) std::swap(file_row[r], file_row[random.below(r + 1)]);
      group.output_row.resize(file_row.size());
      for (size_t r = 0; r < file_row.size(); r++) group.output_row[file_row[r]] = static_cast<int32_t>(r);
    }
    rows_ += group.rows;
    file_row_.push_back(std::move(file_row));
    source_.groups.push_back(std::move(group));
  }
}

TestWeight::~TestWeight() {
  file_.reset();
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

bool TestWeight::quantised() const {
  return std::any_of(source_.groups.begin(), source_.groups.end(),
                     [](const RowGroup& group) { return format_of(group.type).block_size > 1; });
}

Dtype TestWeight::kept(Dtype dtype, int64_t tokens) const {
  const auto compact = [](const RowGroup& group) {
    switch (group.type) {
      case WeightType::Q4_0:
      case WeightType::Q4_1:
      case WeightType::Q5_0:
      case WeightType::Q5_1:
      case WeightType::Q8_0:
      case WeightType::Q4_K:
      case WeightType::Q5_K:
      case WeightType::Q6_K:
        return true;
      default:
        return false;
    }
  };
  return tokens == 1 && std::all_of(source_.groups.begin(), source_.groups.end(), compact) ? Dtype::float32 : dtype;
}

void TestWeight::row(double* out, int64_t row, Dtype dtype) const {
  size_t g = 0;
  for (; row >= source_.groups[g].rows; g++) row -= source_.groups[g].rows;
  const RowGroup& group = source_.groups[g];
  const auto* data = static_cast<const uint8_t*>(group.data) + file_row_[g][row] * row_bytes(group.type, cols());
  if (group.type == WeightType::F16 || group.type == WeightType::BF16) {
    const Numbers& table = lookup(group.type, dtype);
    for (int64_t k = 0; k < cols(); k++) out[k] = table[data[2 * k] | data[2 * k + 1] << 8];
    return;
  }
  // A number that its format computes is a float32 first.
  for (int64_t k = 0; k < cols(); k++)
    out[k] = round_to(round_to(number_at(group.type, data, k), Dtype::float32), dtype);
}

TestNorm::TestNorm(Random& random, int64_t cols, WeightType type) {
  for (int64_t k = 0; k < cols; k++) {
    const double x = round_to(static_cast<double>(random.uniform(0.5f, 2)), Dtype::bfloat16);  // 8 bits: exact in all
    const auto f = static_cast<float>(random.below(8) ? x : -x);
    numbers_.push_back(static_cast<double>(f));
    const uint16_t half = type == WeightType::F16 ? to_f16(f) : to_bf16(f);
    const size_t at = bytes_.size(), count = static_cast<size_t>(format_of(type).block_bytes);
    bytes_.resize(at + count);
    std::memcpy(&bytes_[at], type == WeightType::F32 ? static_cast<const void*>(&f) : &half, count);
  }
  source_.name = "test.norm";
  source_.cols = cols;
  source_.groups.push_back({type, bytes_.data(), 1, {}});
}

}  // namespace phi3lab::ops
