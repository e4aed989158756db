// Weights that no backend takes as their file has them: formats that only files have, numbers with scales beside them,
// float weights that are to be quantised, and those that an adapter changes. Each becomes rows of a weight format in
// memory, by all of the machine's threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "file.h"
#include "native/seam/tensor.h"

namespace phi3lab {

// A matrix in a file that is read beside a part.
struct StoredMatrix {
  WeightType type;
  int64_t rows, cols;
  int64_t file, offset;
};

// How a file has a part's numbers: as one of the backends' formats, or as one that becomes another at load.
struct StoredFormat {
  enum class Only : uint8_t { none, F64, F8_E4M3 };  // that only files have
  Only only = Only::none;
  WeightType type = WeightType::F32;  // where `only` is none

  static std::optional<StoredFormat> named(std::string_view name);
  int64_t block_size() const { return only == Only::none ? format_of(type).block_size : 1; }
  size_t row_bytes(int64_t cols) const;
  // F64 is rounded to the nearest float32.
  void decode(float* out, const uint8_t* row, int64_t cols) const;
};

// Number (row, col) is to be multiplied by values(row / block_rows, col / block_cols).
struct Scales {
  StoredMatrix values;
  int64_t block_rows, block_cols;
};

// Rows first … first + b.rows - 1 of the model's gain factor · b (rows, rank) · a (rank, cols).
struct LowRank {
  int64_t first;
  StoredMatrix a, b;
  float factor;
};

struct Conversion {
  StoredFormat stored;
  std::optional<Scales> scales;
  std::vector<LowRank> added;
};

using Files = std::vector<std::unique_ptr<MappedFile>>;

// Throws a sentence that begins with `name` where anything that the conversion reads lies outside its file, or does not
// fit rows (rows, cols); what the part itself takes of its file is the caller's to check.
void check_conversion(const Conversion& conversion, const Files& files, const std::string& name, WeightType type,
                      int64_t rows, int64_t cols);

// Rows (rows, cols) at `data` as `type`, in the order of the file; `output_row` as RowGroup has it. Throws a sentence
// where a number does not fit the format.
std::shared_ptr<const uint8_t> convert(const Conversion& conversion, const Files& files, const std::string& name,
                                       const std::byte* data, WeightType type, int64_t rows, int64_t cols,
                                       const std::vector<int32_t>& output_row);

}  // namespace phi3lab
