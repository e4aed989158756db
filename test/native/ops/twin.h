// The naive twin of every verb, in double precision on the host: the simplest code that says what the verb means.
#pragma once

#include <functional>

#include "native/seam/tensor.h"
#include "weights.h"

namespace phi3lab::ops::twin {

/** Calls work(i) for i in [0, count), on all cores where `cost`, the operations of them all, is worth it. */
void parallel(int64_t count, int64_t cost, const std::function<void(int64_t i)>& work);

/** in / sqrt(mean(in²) + eps) · weight, row by row. */
Numbers rms_norm(const Numbers& in, const Numbers& weight, double eps);

/** out (T, rows) = in (T, cols) · weightᵀ, the weight as kept in `dtype`. */
Numbers matmul(const Numbers& in, const TestWeight& weight, Dtype dtype);

/** Σ |weight| · |in|, which roundings of a product's terms and sums are measured by. */
Numbers matmul_scale(const Numbers& in, const TestWeight& weight, Dtype dtype);

/** The rotary table (positions, dims): cosines, then sines, in float32 as the model makes it. */
std::vector<float> rotary_table(int64_t positions, int64_t dims);

/** Rotates the q and k of rows of qkv, the first of which stands at `position`: of each head the first `dims` numbers,
 * all for 0. */
void rope(Numbers& qkv, const std::vector<float>& table, int64_t position, const AttentionShape& shape,
          int64_t dims = 0);

Numbers swiglu(const Numbers& gate_up, int64_t ffn);

/** Keys and values of one layer, as kept in a dtype. */
struct Cache {
  Numbers keys, values;  // (positions, kv_heads * head_dim)
};

/** Puts k and v of the rows of qkv at `position` and on, rounded. */
void append(Cache& cache, const Numbers& qkv, int64_t position, const AttentionShape& shape, Dtype dtype);

struct Attention {
  Numbers context;  // (T, heads * head_dim)
  /** Of each number of context: Σ p·|v|, times 1 + the largest root of Σ (q·k)² of its row: a relative error e of the
   * terms of q · k, independent of each other, moves the exponent by about e times that root. */
  Numbers scale;
  Numbers weights;        // (heads, T, positions)
  Numbers weights_scale;  // the same, of a weight
};
/** Whether the edge of a head from the query at one position to the key at another is cut. */
using Cut = std::function<bool(int64_t head, int64_t query, int64_t key)>;
/** Null: none is. A query that sees nothing finds 0. */
Attention attend(const Numbers& qkv, const Cache& cache, int64_t position, const AttentionShape& shape,
                 const Cut& cut = {});

/** Of rows x (T, cols), the first at `position`: those at `positions` under an edit, whose values are (rows, columns).
 */
void edit_rows(Numbers& x, int64_t cols, int64_t position, const RowEdit& edit, const std::vector<int64_t>& positions,
               const Numbers& values);

/** The smallest index of the largest number that is not excluded; -1 if any is NaN or none is left. */
int32_t argmax(const std::vector<float>& logits, const std::vector<int32_t>& excluded);

}  // namespace phi3lab::ops::twin
