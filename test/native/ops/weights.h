// Random weights in every file format, in a mapped file as the product's are, and their definition: each number as the
// format's description has it, rounded to what the backend keeps.
#pragma once

#include <memory>

#include "native/model/file.h"
#include "native/seam/backend.h"
#include "numbers.h"

namespace phi3lab::ops {

/** Rows of one format; `permuted`: the file has them in another order than the model. */
struct Part {
  WeightType type;
  int64_t rows;
  bool permuted = false;
};

class TestWeight {
 public:
  /** Numbers of about `size` and either sign. */
  TestWeight(Random& random, const std::vector<Part>& parts, int64_t cols, double size);
  ~TestWeight();
  TestWeight(const TestWeight&) = delete;
  TestWeight& operator=(const TestWeight&) = delete;

  const WeightSource& source() const { return source_; }
  int64_t rows() const { return rows_; }
  int64_t cols() const { return source_.cols; }
  /** Whether a group has blocks of quantised numbers. */
  bool quantised() const;
  /** What a backend of `dtype` rounds the numbers to before it multiplies so many tokens by them: one token takes those
   * of the formats that a GPU keeps compact as the file has them. */
  Dtype kept(Dtype dtype, int64_t tokens) const;
  /** Row `row` by the model's count, out (cols,), as kept in `dtype`. */
  void row(double* out, int64_t row, Dtype dtype) const;

 private:
  WeightSource source_;
  int64_t rows_ = 0;
  std::vector<std::vector<int64_t>> file_row_;  // of each group: the file's row of each of the model's
  std::string path_;
  std::unique_ptr<MappedFile> file_;
};

/** A norm's weight (1, cols) of numbers that every format here holds exactly, whatever a backend keeps it in. */
class TestNorm {
 public:
  TestNorm(Random& random, int64_t cols, WeightType type = WeightType::F32);
  TestNorm(const TestNorm&) = delete;
  TestNorm& operator=(const TestNorm&) = delete;
  const WeightSource& source() const { return source_; }
  const Numbers& numbers() const { return numbers_; }

 private:
  WeightSource source_;
  Numbers numbers_;
  std::vector<uint8_t> bytes_;
};

}  // namespace phi3lab::ops
