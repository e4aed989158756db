#include "convert.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "encode.h"
#include "native/devices.h"

namespace phi3lab {
namespace {

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error("[weights] " + what); }

// E4M3 without infinities: 4 bits of exponent (bias 7), 3 of fraction; 0x7f and 0xff are NaN.
struct Float8 {
  float value[256];
  Float8() {
    for (int i = 0; i < 256; i++) {
      const int exponent = i >> 3 & 15, fraction = i & 7;
      const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -9)
                                            : std::ldexp(static_cast<float>(8 + fraction), exponent - 10);
      value[i] = (i & 0x7f) == 0x7f ? NAN : i & 0x80 ? -magnitude : magnitude;
    }
  }
};

// Calls work(first, last) on ranges of rows, on several threads; throws what one of them threw.
template <typename Work>
void for_rows(int64_t rows, const Work& work) {
  constexpr int64_t kRows = 16;  // a thread takes at a time
  const int64_t cores = std::clamp<int64_t>(std::thread::hardware_concurrency(), 1, 64);
  std::atomic<int64_t> next{0};
  std::exception_ptr failure;
  std::mutex mutex;
  const auto run = [&] {
    try {
      for (int64_t first = next.fetch_add(kRows); first < rows; first = next.fetch_add(kRows))
        work(first, std::min(rows, first + kRows));
    } catch (...) {
      next = rows;
      const std::lock_guard<std::mutex> lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  for (int64_t i = 1; i < std::min(cores, (rows + kRows - 1) / kRows); i++) threads.emplace_back(run);
  run();
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

const uint8_t* bytes_of(const StoredMatrix& matrix, const Files& files) {
  return reinterpret_cast<const uint8_t*>(files[static_cast<size_t>(matrix.file)]->data() + matrix.offset);
}

std::vector<float> numbers(const StoredMatrix& matrix, const Files& files) {
  std::vector<float> out(static_cast<size_t>(matrix.rows * matrix.cols));
  const size_t stride = row_bytes(matrix.type, matrix.cols);
  for (int64_t row = 0; row < matrix.rows; row++)
    dequantise_row(out.data() + row * matrix.cols, matrix.type,
                   bytes_of(matrix, files) + static_cast<size_t>(row) * stride, matrix.cols);
  return out;
}

void check_matrix(const StoredMatrix& matrix, const Files& files, const std::string& name) {
  if (format_of(matrix.type).block_size != 1)
    fail("Expected floating-point numbers beside " + name + " but received " + format_of(matrix.type).name);
  const bool sizes = matrix.rows >= 1 && matrix.cols >= 1 && matrix.rows <= INT32_MAX && matrix.cols <= INT32_MAX;
  const bool known = matrix.file >= 0 && matrix.file < static_cast<int64_t>(files.size());
  if (sizes && known && matrix.offset >= 0) {
    const int64_t size = files[static_cast<size_t>(matrix.file)]->size();
    const auto stride = static_cast<int64_t>(row_bytes(matrix.type, matrix.cols));
    if (matrix.offset <= size && matrix.rows <= (size - matrix.offset) / stride) return;
  }
  fail("What is read beside " + name + " lies outside its file");
}

// What an adapter adds, with its factors in memory.
struct Added {
  const LowRank* product;
  std::vector<float> a, b;

  // row (cols,) += factor · b's row · a, summed up apart as PEFT does.
  void add_to(float* row, float* sum, int64_t model_row, int64_t cols) const {
    const int64_t at = model_row - product->first, rank = product->a.rows;
    if (at < 0 || at >= product->b.rows) return;
    std::fill(sum, sum + cols, 0.0f);
    for (int64_t k = 0; k < rank; k++) {
      const float weight = b[static_cast<size_t>(at * rank + k)];
      const float* numbers = a.data() + k * cols;
      for (int64_t i = 0; i < cols; i++) sum[i] += weight * numbers[i];
    }
    for (int64_t i = 0; i < cols; i++) row[i] += product->factor * sum[i];
  }
};

}  // namespace

std::optional<StoredFormat> StoredFormat::named(std::string_view name) {
  if (name == "F64") return StoredFormat{Only::F64};
  if (name == "F8_E4M3") return StoredFormat{Only::F8_E4M3};
  const auto type = weight_type_named(name);
  return type ? std::optional<StoredFormat>({Only::none, *type}) : std::nullopt;
}

size_t StoredFormat::row_bytes(int64_t cols) const {
  if (only == Only::none) return phi3lab::row_bytes(type, cols);
  return static_cast<size_t>(cols) * (only == Only::F64 ? 8 : 1);
}

void StoredFormat::decode(float* out, const uint8_t* row, int64_t cols) const {
  static const Float8 float8;
  switch (only) {
    case Only::none:
      return dequantise_row(out, type, row, cols);
    case Only::F64:
      for (int64_t i = 0; i < cols; i++) {
        double number;
        std::memcpy(&number, row + 8 * i, 8);
        out[i] = static_cast<float>(number);
      }
      return;
    case Only::F8_E4M3:
      for (int64_t i = 0; i < cols; i++) out[i] = float8.value[row[i]];
      return;
  }
}

void check_conversion(const Conversion& conversion, const Files& files, const std::string& name, WeightType type,
                      int64_t rows, int64_t cols) {
  if (!can_encode(type)) fail(name + " cannot be converted to " + format_of(type).name);
  if (conversion.scales) {
    const Scales& scales = *conversion.scales;
    check_matrix(scales.values, files, name);
    const auto blocks = [](int64_t size, int64_t block) { return block < 1 ? 0 : size / block + (size % block > 0); };
    if (blocks(rows, scales.block_rows) != scales.values.rows || blocks(cols, scales.block_cols) != scales.values.cols)
      fail("Expected a scale a block for " + name + " but received [" + std::to_string(scales.values.rows) + ", " +
           std::to_string(scales.values.cols) + "]");
  }
  for (const LowRank& product : conversion.added) {
    check_matrix(product.a, files, name);
    check_matrix(product.b, files, name);
    if (product.a.cols != cols || product.b.cols != product.a.rows || product.first < 0 ||
        product.b.rows > rows - product.first)
      fail("Expected an adapter's factors that fit " + name);
  }
}

std::shared_ptr<const uint8_t> convert(const Conversion& conversion, const Files& files, const std::string& name,
                                       const std::byte* data, WeightType type, int64_t rows, int64_t cols,
                                       const std::vector<int32_t>& output_row) {
  const size_t from_stride = conversion.stored.row_bytes(cols), to_stride = row_bytes(type, cols);
  std::vector<float> scale;
  if (conversion.scales) scale = numbers(conversion.scales->values, files);
  std::vector<Added> added;
  for (const LowRank& product : conversion.added)
    added.push_back({&product, numbers(product.a, files), numbers(product.b, files)});
  const std::shared_ptr<uint8_t> out(new uint8_t[to_stride * static_cast<size_t>(rows)],
                                     std::default_delete<uint8_t[]>());
  for_rows(rows, [&](int64_t first, int64_t last) {
    std::vector<float> numbers(static_cast<size_t>(cols)), sum(added.empty() ? 0 : static_cast<size_t>(cols));
    for (int64_t row = first; row < last; row++) {
      const auto at = static_cast<size_t>(row);
      conversion.stored.decode(numbers.data(), reinterpret_cast<const uint8_t*>(data) + at * from_stride, cols);
      if (conversion.scales) {
        const Scales& scales = *conversion.scales;
        const float* values = scale.data() + row / scales.block_rows * scales.values.cols;
        for (int64_t i = 0; i < cols; i++) numbers[static_cast<size_t>(i)] *= values[i / scales.block_cols];
      }
      const int64_t model_row = output_row.empty() ? row : output_row[at];
      for (const Added& one : added) one.add_to(numbers.data(), sum.data(), model_row, cols);
      if (!encode_row(out.get() + at * to_stride, type, numbers.data(), cols))
        fail(name + " holds numbers that " + format_of(type).name + " cannot: beyond its range, or not finite");
    }
  });
  return out;
}

}  // namespace phi3lab
