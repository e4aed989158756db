// What the two sides of the seam pass to each other: tensors in the device's memory, weights as they lie in their
// files, and the shapes of attention. Plain data; neither a model nor a device is named here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "dtype.h"

namespace phi3lab {

/** What a tensor's memory holds. Any verb reads float32; each other layout is one fused verb's, for one reader. */
enum class Layout : uint8_t {
  float32,        // (rows, cols)
  unrotated_qkv,  // float32: its reader rotates q and k, and appends k and v
  half_qkv,       // 16-bit numbers of the device's kind, as are the others named half; k and v are appended
  half_context,
  half_activation,
  gate_up,  // of an activation (1, cols): float32 (1, 2 * cols), gate, then up
};

/** A layout with the verb that writes it and the one that reads it, for an error. */
inline const char* describe(Layout layout) {
  switch (layout) {
    case Layout::float32:
      return "float32 numbers";
    case Layout::unrotated_qkv:
      return "the unrotated qkv that norm_qkv_rope_append writes for attend";
    case Layout::half_qkv:
      return "the 16-bit qkv that norm_qkv_rope_append writes for attend";
    case Layout::half_context:
      return "the 16-bit context that attend writes for project_residual";
    case Layout::half_activation:
      return "the 16-bit activation that norm_gate_up_swiglu writes for down_residual";
    case Layout::gate_up:
      return "the gate and up that norm_gate_up_swiglu writes for down_residual";
  }
  return "an unknown layout";
}

/** Numbers in the device's memory, row-major, rows `cols` apart. A view: somebody else owns the memory. */
struct Tensor {
  float* data = nullptr;
  int64_t rows = 0, cols = 0;
  Layout layout = Layout::float32;

  /** Throws std::logic_error, naming both verbs, where `verb` comes before the one that `layout` is written for. */
  void expect_float32(const char* verb) const {
    if (layout != Layout::float32)
      throw std::logic_error("[" + std::string(verb) + "] Expected float32 numbers but received " + describe(layout));
  }
  /** `count` rows from row `first` on. */
  Tensor slice(int64_t first, int64_t count) const { return {data + first * cols, count, cols, layout}; }
};

/** Attention's weights for a tap: (heads, query rows, positions); head h, row t begins at data + h * head_stride + t *
 * row_stride. */
struct AttentionWeights {
  float* data = nullptr;  // null: they are not asked for
  int64_t head_stride = 0, row_stride = 0;
};

/** What an edit does to numbers x of a row: x + scale · value; x · scale · value, where there is one; value; x without
 * its part along value, which has length 1. */
enum class EditOp : uint8_t { add, multiply, set, project_out };

/** Positions of a text: of a rising list in the device's memory, or, where there is none, those in [from, to). */
struct PositionSet {
  const int32_t* list = nullptr;  // (count,)
  int64_t count = 0;
  int64_t from = 0, to = INT64_MAX;

  /** Which of them this is; -1: none. On either side of the seam, in kernels too. */
  constexpr int64_t index_of(int64_t position) const {
    if (!list) return position >= from && position < to ? position - from : -1;
    int64_t low = 0, high = count;
    while (low < high) {
      const int64_t middle = (low + high) / 2;
      if (list[middle] < position)
        low = middle + 1;
      else
        high = middle;
    }
    return low < count && list[low] == position ? low : -1;
  }
};

/** Edges of attention that are cut: from queries that stand at some positions to keys that stand at others. */
struct BlockedEdges {
  const uint8_t* heads = nullptr;  // (heads,), in the device's memory: 1 of those whose edges are cut
  PositionSet from, to;

  constexpr bool has(int64_t head, int64_t query) const { return heads[head] != 0 && from.index_of(query) >= 0; }
};

/** An edit of columns [first, last) of the rows that stand at some positions. */
struct RowEdit {
  EditOp op = EditOp::add;
  const float* value = nullptr;  // (value_rows, last - first), in the device's memory; null: none
  int64_t value_rows = 0;        // 1: one for all; else the n-th position's is row n
  float scale = 1;
  int64_t first = 0, last = 0;
  PositionSet positions;
};

/** What is told of each row of scores, in the device's memory; T rows, `k` of the likeliest ids, `tokens` named ones.
 */
struct Summary {
  int64_t k = 0, tokens = 0;
  int32_t* ids = nullptr;       // (T, k): of the greatest scores in falling order, of equals the smaller id first
  float* logits = nullptr;      // (T, k): theirs
  float* logsumexp = nullptr;   // (T,): NaN where a score is, or where none is finite
  float* entropy = nullptr;     // (T,): of the softmax, in nats
  float* divergence = nullptr;  // (T,): of the row's softmax from its group's last row's, in nats; null: not asked for
  float* token_logits = nullptr;   // (T, tokens)
  int32_t* token_ranks = nullptr;  // (T, tokens): 1 + the scores that are greater, or equal with a smaller id
};

/** Memory of the device, freed with the object. */
class Buffer {
 public:
  virtual ~Buffer() = default;
  void* data = nullptr;
  size_t bytes = 0;
};

/** Rows of a weight as they lie in memory or in a mapped file. */
struct RowGroup {
  WeightType type = WeightType::F32;
  const void* data = nullptr;  // rows * row_bytes(type, cols) bytes, not necessarily aligned
  int64_t rows = 0;
  /** Row r of `data` is row output_row[r] of the group; empty: row r. A permutation of 0 … rows − 1. */
  std::vector<int32_t> output_row;
  /** `data` lies in a read-only mapping of a file, so its pages may be dropped once the rows are repacked. */
  bool mapped = false;
  /** Keeps `data` in memory, where no mapping of the caller's does; a backend that reads it later keeps this, too. */
  std::shared_ptr<const void> owner;
};

/** A weight before it is uploaded: row groups stacked by pointer (q, k, v; gate, up), each with its own format. */
struct WeightSource {
  std::string name;  // for error messages
  std::vector<RowGroup> groups;
  int64_t cols = 0;
};

/** What a weight is for, so that a backend can choose how to keep it. */
enum class WeightKind { norm, bias, embedding, projection, head };

/** An uploaded weight: (rows, cols) by the model's count, whatever order and format the backend keeps. */
class Weight {
 public:
  virtual ~Weight() = default;
  int64_t rows = 0, cols = 0;
  size_t bytes = 0;  // that the backend holds, a mapped file's pages included
};

/** What makes a layer's q, k and v of its input. */
struct QkvProjection {
  // NOLINTNEXTLINE(google-explicit-constructor): most projections are a matrix and nothing else.
  QkvProjection(const Weight& matrix) : weight(matrix) {}

  const Weight& weight;            // (qkv_cols, hidden)
  const Weight* bias = nullptr;    // (qkv_cols, 1), added; null: none
  const Weight* q_norm = nullptr;  // (1, head_dim), of each query; null: none
  const Weight* k_norm = nullptr;  // (1, head_dim), of each key, where q_norm is

  bool matrix_alone() const { return !bias && !q_norm; }
};

/** The heads of a layer and how they look back. A row of qkv is (heads + 2 * kv_heads) * head_dim: q, k, v. */
struct AttentionShape {
  int64_t heads = 0, kv_heads = 0, head_dim = 0;
  int64_t window = 0;  // keys that a query sees, counting its own; 0: all before it
  float scale = 1;     // of q · k

  int64_t qkv_cols() const { return (heads + 2 * kv_heads) * head_dim; }
  int64_t context_cols() const { return heads * head_dim; }
};

/** Keys and values of one sequence, all layers. Address space for `capacity` positions, memory for `committed`. */
class Cache {
 public:
  virtual ~Cache() = default;
  /** Makes positions [0, positions) usable, in blocks; between passes only. What recorded passes hold stays valid. */
  virtual void commit(int64_t positions) = 0;
  /** Bytes committed. */
  virtual size_t bytes() const = 0;
  int64_t capacity = 0;
  size_t layer_position_bytes = 0;  // of one position in one layer
};

/** The caches of several sequences, through which a pass goes with a token of each. It stays where it is, so that what
 * is recorded over it runs over whatever caches it holds. */
class CacheBatch : public Cache {
 public:
  static constexpr size_t kMost = 64;
  /** Takes other caches, kMost at most, in the order of the pass's tokens; between passes only, once what was enqueued
   * is computed. */
  virtual void hold(const std::vector<Cache*>& caches) = 0;
  void commit(int64_t) final {}  // each cache's own
  size_t bytes() const final { return 0; }
};

/** What a pass reads besides weights; it lies in the device's memory, so that a recorded pass can run again. Its tokens
 * follow each other in one sequence, or each is one of a sequence of its own, whose cache a CacheBatch holds. */
struct PassInput {
  int32_t* ids = nullptr;       // (tokens,)
  int32_t* position = nullptr;  // (sequences,): the position of each sequence's first token
  int64_t tokens = 0;
  int64_t sequences = 1;  // 1, or as many as tokens
};

}  // namespace phi3lab
