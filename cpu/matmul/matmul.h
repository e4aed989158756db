// Products of float32 activations with weights in any file format: out (T, rows) = in (T, cols) · weightᵀ.
//
// A `Matrix` is an uploaded weight: row groups by pointer (q, k and v stacked, or gate and up), each in the format of
// its file. A path that computes fastest from another order keeps its own copy and gives the mapped pages back; the
// others read the file's bytes as they lie. Sums are as exact as float32 arithmetic on every path and for every format;
// only with Isa::bf16 prompts' activations and weights are rounded to bfloat16 before they are multiplied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cpu/simd/path.h"
#include "cpu/threads/thread_pool.h"
#include "native/seam/tensor.h"

namespace phi3lab::cpu {

/** Memory for repacked weights: large chunks, in huge pages where the system has them; freed as a whole. */
class Arena {
 public:
  Arena() = default;
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  /** `bytes` bytes on a 64-byte boundary. Throws std::bad_alloc. */
  uint8_t* allocate(size_t bytes);
  /** Bytes taken. */
  size_t bytes() const { return taken_; }

 private:
  struct Chunk {
    uint8_t* data;
    size_t size;
  };
  std::vector<Chunk> chunks_;
  size_t used_ = 0;  // of the last chunk
  size_t taken_ = 0;
};

/** How a segment's rows lie. */
enum class Packing : uint8_t {
  as_stored,     // one row after another, as in the file
  interleaved16  // 16 rows interleaved: matmul_interleaved16.h
};

/** Neighbouring rows of one format and layout. */
struct Segment {
  WeightType type;
  Packing packing;
  const uint8_t* data;
  int64_t rows;
  int64_t first;  // the first row in the matrix
  /** Packing::as_stored: row r of data is row first + output_row[r] of the matrix; null: first + r. */
  const int32_t* output_row;
};

/** An uploaded weight. Its as_stored segments point into the caller's memory, which must outlive it. */
class Matrix {
 public:
  Matrix() = default;
  /**
   * Throws a sentence when a group does not fit. Repacks into `arena`, which must outlive it, where `isa` computes
   * faster from blocks; without an arena the rows are used as they lie. `pool`, outside of a region,
   * repacks faster.
   */
  Matrix(const Isa& isa, const std::vector<RowGroup>& groups, int64_t cols, Arena* arena, ThreadPool* pool = nullptr);

  int64_t rows() const { return rows_; }
  int64_t cols() const { return cols_; }
  /** Bytes that one product reads. */
  size_t bytes() const { return bytes_; }
  const Isa& isa() const { return isa_; }
  const std::vector<Segment>& segments() const { return segments_; }
  /** Row `row` as float32: out (cols,). */
  void read_row(float* out, int64_t row) const;

 private:
  void place_as_stored(const RowGroup& group);
  void place_interleaved16(const std::vector<RowGroup>& groups, size_t first, size_t last, Arena* arena,
                           ThreadPool* pool);

  Isa isa_;
  int64_t rows_ = 0, cols_ = 0;
  size_t bytes_ = 0;
  std::vector<Segment> segments_;
  std::vector<std::unique_ptr<int32_t[]>> output_rows_;
  std::vector<std::shared_ptr<const void>> owners_;  // of the as_stored segments' data
};

/** The scratch memory of `matmul` for matrices of up to `max_cols` columns (filled up to a multiple of 32), for any
 * number of tokens. */
class Workspace {
 public:
  Workspace(int threads, int64_t max_cols);
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  int64_t max_cols() const { return max_cols_; }
  /** Shared by the pool: kSharedTokens * max_cols floats. */
  float* shared() const { return shared_; }
  /** A thread's own, for its caller: a row of max_cols floats that products leave alone. */
  float* row(int thread) const { return shared_ + (kSharedTokens + thread) * max_cols_; }
  /** A thread's own, on a 64-byte boundary: a panel, or an activation in fixed point. */
  uint8_t* own(int thread) const { return own_ + static_cast<size_t>(thread) * thread_bytes_; }
  /** And behind it kBatchTokens * max_cols floats, for those tokens of a prompt that the thread takes at a time. */
  float* batch(int thread) const { return reinterpret_cast<float*>(own(thread + 1)) - kBatchTokens * max_cols_; }
  size_t thread_bytes() const { return thread_bytes_; }

  static constexpr int64_t kSharedTokens = 144;  // that it holds in one of a product's forms; a multiple of 24
  static constexpr int64_t kBatchTokens = 72;    // a multiple of 3, the tokens of a tile in fixed point
  static constexpr int64_t kPanelRows = 64;      // rows a packed panel holds at most
  static constexpr int64_t kPanelCols = 2048;    // and columns: 512 KiB of float32, half of a usual second-level cache

 private:
  int64_t max_cols_;
  size_t thread_bytes_;
  float* shared_;
  uint8_t* own_;
};

/**
 * out (tokens, out_stride ≥ rows) = in (tokens, in_stride ≥ cols) · matrixᵀ.
 *
 * Every thread of the pool calls it, inside a region, with the same arguments; rows, or tokens (own_runs), are split
 * between the threads. The caller puts a barrier before it (`in` is complete) and one after it (before `out` is read or
 * the next product starts).
 */
void matmul(ThreadPool& pool, int thread, const Workspace& workspace, float* out, const float* in, const Matrix& matrix,
            int64_t tokens, int64_t out_stride, int64_t in_stride);

/** sum (rows,) += product (rows,) for the rows that `matmul` of one token computes on this thread: no barrier between.
 */
void add_own_rows(float* sum, const float* product, const Matrix& matrix, int thread, int threads);

}  // namespace phi3lab::cpu
