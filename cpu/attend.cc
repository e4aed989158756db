// Attention of a pass's queries over the cache: causal, windowed, key-value heads shared between query heads. The
// queries of a key-value head go together, so that keys and values are read once for several of them.
#include <algorithm>
#include <cfloat>

#include "backend.h"

namespace phi3lab::cpu {
namespace {

/** Blocks [first, last) that hold some position of `seen`. */
Seen blocks_of(Seen seen) { return {seen.first / kAttendBlock, (seen.last + kAttendBlock - 1) / kAttendBlock}; }

/** What of `seen` lies in a block, counted from its start. */
Seen within(Seen seen, int64_t block) {
  const int64_t start = block * kAttendBlock;
  return {std::max<int64_t>(0, seen.first - start), std::min(kAttendBlock, seen.last - start)};
}

/** What a query at `position` sees. */
Seen seen_from(int64_t position, const AttentionShape& shape) {
  return {shape.window > 0 ? std::max<int64_t>(0, position + 1 - shape.window) : 0, position + 1};
}

void begin(float* state, int64_t dim) {
  std::fill_n(state, partial_stride(dim), 0.0f);
  state[padded_dim(dim)] = -FLT_MAX;
}

/** out (dim,) = the sums of a state by its weights' sum. */
void finish(float* out, const float* state, int64_t dim) {
  const float inverse = 1.0f / state[padded_dim(dim) + 1];
  for (int64_t i = 0; i < dim; i++) out[i] = state[i] * inverse;
}

}  // namespace

TokenShare::TokenShare(int64_t position, const AttentionShape& shape, const Worker& worker)
    : seen(seen_from(position, shape)), blocks(blocks_of(seen)), count(blocks.last - blocks.first) {
  split(shape.kv_heads * count, 1, worker.thread, worker.threads, &first, &last);
}

void CpuBackend::attend(Tensor& context, AttentionWeights weights, Tensor qkv, Cache& cache, const PassInput& input,
                        Tensor table, int64_t layer, const AttentionShape& shape) {
  (void)table;  // qkv is rotated already
  qkv.expect_float32("attend");
  if (input.sequences > 1) return attend_sequences(context, qkv, TokenPlaces(cache, input), layer, shape);
  const CpuCache* source = static_cast<const CpuCache*>(&cache);
  if (context.rows == 1 && !weights.data)
    attend_token(context, qkv, *source, input, layer, shape);
  else
    attend_tokens(context, weights, qkv, *source, input, layer, shape);
}

// One token has few queries: positions are split between the threads too, head after head, and read in the order in
// which they lie in memory. Then each thread takes some of the queries, mostly of its own heads, and combines their
// partials in the order of the blocks.
void CpuBackend::attend_token(Tensor context, Tensor qkv, const CpuCache& source, const PassInput& input, int64_t layer,
                              const AttentionShape& shape) {
  const CpuCache* cache = &source;
  const Attend* kernels = &attend_;
  float* partials = static_cast<float*>(partials_->data);  // (kv_heads, blocks, group, partial_stride)
  float* scratch = static_cast<float*>(scratch_->data);
  const int64_t own = scratch_floats_;
  stage([=](const Worker& w) {
    const int64_t dim = shape.head_dim, stride = partial_stride(dim), group = shape.heads / shape.kv_heads;
    const TokenShare share(*input.position, shape, w);
    const Seen blocks = share.blocks;
    const int64_t count = share.count, first = share.first, last = share.last;
    const auto attend_block = [&](int64_t h, int64_t block) {
      Seen rows[kAttendRows];
      std::fill_n(rows, kAttendRows, within(share.seen, block));
      const int64_t position = block * kAttendBlock, i = h * count + block - blocks.first;
      for (int64_t r = 0; r < group; r += kAttendRows)
        kernels->block(partials + (i * group + r) * stride, qkv.data + (h * group + r) * dim,
                       cache->keys(layer, h, position), cache->values(layer, h, position), rows,
                       static_cast<int>(std::min<int64_t>(kAttendRows, group - r)), dim, shape.scale);
    };
    for (int64_t from = 0, to; from < count; from = to) {  // the blocks of an extent
      const int64_t position = (blocks.first + from) * kAttendBlock;
      to = std::min(count, cache->extent_end(position) / kAttendBlock - blocks.first);
      for (int64_t h = first / count; h * count < last; h++) {
        const int64_t until = std::min(to, last - h * count);
        for (int64_t i = std::max(from, first - h * count); i < until; i++) attend_block(h, blocks.first + i);
      }
    }
    w.pool.barrier(w.thread);
    int64_t own_first, own_last;
    split(shape.heads, 1, w.thread, w.threads, &own_first, &own_last);
    const auto partials_of = [&](int64_t head) {
      return partials + (head / group * count * group + head % group) * stride;  // group · stride apart
    };
    // Other threads' partials are asked for all at once: one after the other they take several times as long.
    for (int64_t head = own_first; head < own_last; head++)
      for (int64_t i = 0; i < count; i++)
        for (int64_t at = 0; at < stride; at += 16) __builtin_prefetch(partials_of(head) + i * group * stride + at);
    float* state = scratch + w.thread * own;
    for (int64_t head = own_first; head < own_last; head++) {
      begin(state, dim);
      kernels->combine(state, 0, partials_of(head), group * stride, count, dim);
      finish(context.data + head * dim, state, dim);
    }
  });
}

// A prompt's queries of a key-value head, all tokens and heads in a row, are cut into tiles.
void CpuBackend::attend_tokens(Tensor context, AttentionWeights weights, Tensor qkv, const CpuCache& source,
                               const PassInput& input, int64_t layer, const AttentionShape& shape) {
  const CpuCache* cache = &source;
  const Attend* kernels = &attend_;
  float* scratch = static_cast<float*>(scratch_->data);
  const int64_t own = scratch_floats_;
  stage([=](const Worker& w) {
    const int64_t dim = shape.head_dim, stride = partial_stride(dim), group = shape.heads / shape.kv_heads;
    const int64_t queries = context.rows * group, tiles = (queries + kAttendRows - 1) / kAttendRows;
    float* q = scratch + w.thread * own;    // (kAttendRows, dim)
    float* states = q + kAttendRows * dim;  // (kAttendRows, stride)
    float* partials = states + kAttendRows * stride;
    const auto attend_tile = [&](int64_t h, int64_t tile) {
      const int64_t first_query = tile * kAttendRows;
      const int rows = static_cast<int>(std::min<int64_t>(kAttendRows, queries - first_query));
      const auto token = [&](int r) { return (first_query + r) / group; };
      const auto head = [&](int r) { return h * group + (first_query + r) % group; };
      Seen seen[kAttendRows] = {};
      for (int r = 0; r < rows; r++) {
        seen[r] = seen_from(*input.position + token(r), shape);
        std::copy_n(qkv.data + token(r) * qkv.cols + head(r) * dim, dim, q + r * dim);
        begin(states + r * stride, dim);
      }
      const Seen blocks = blocks_of({seen[0].first, seen[rows - 1].last});
      // Calls use(block, row, of the rows from there on that see some of the block, their number).
      const auto each_block = [&](const auto& use) {
        for (int64_t block = blocks.first; block < blocks.last; block++) {
          Seen inside[kAttendRows];
          int row = 0, count = 0;
          for (int r = 0; r < rows; r++) {
            inside[count] = within(seen[r], block);
            if (inside[count].first >= inside[count].last) continue;
            if (count++ == 0) row = r;
          }
          use(block, row, inside, count);
        }
      };
      each_block([&](int64_t block, int row, const Seen* inside, int count) {
        kernels->block(partials, q + row * dim, cache->keys(layer, h, block * kAttendBlock),
                       cache->values(layer, h, block * kAttendBlock), inside, count, dim, shape.scale);
        kernels->combine(states + row * stride, stride, partials, stride, count, dim);
      });
      for (int r = 0; r < rows; r++)
        finish(context.data + token(r) * context.cols + head(r) * dim, states + r * stride, dim);
      if (!weights.data) return;
      const auto row_of = [&](int r) {
        return weights.data + head(r) * weights.head_stride + token(r) * weights.row_stride;
      };
      for (int r = 0; r < rows; r++) std::fill_n(row_of(r), weights.row_stride, 0.0f);
      each_block([&](int64_t block, int row, const Seen* inside, int count) {
        float p[kAttendRows * kAttendBlock];
        kernels->weigh(p, states + row * stride, q + row * dim, cache->keys(layer, h, block * kAttendBlock), inside,
                       count, dim, shape.scale);
        for (int r = 0; r < count; r++)
          std::copy(p + r * kAttendBlock + inside[r].first, p + r * kAttendBlock + inside[r].last,
                    row_of(row + r) + block * kAttendBlock + inside[r].first);
      });
    };
    // What is dealt out is each tile's heads in turn. A head's tiles then follow each other: its keys are near.
    own_runs(tiles * shape.kv_heads, w.thread, w.threads, [&](int64_t first, int64_t last) {
      for (int64_t h = 0; h < shape.kv_heads; h++)
        for (int64_t tile = (first - h + shape.kv_heads - 1) / shape.kv_heads; tile * shape.kv_heads + h < last; tile++)
          attend_tile(h, tile);
    });
  });
}

// Query by query: what each sees of a block falls into the runs of positions between those that are cut off.
void CpuBackend::attend_blocked(Tensor context, AttentionWeights weights, Tensor qkv, Cache& cache,
                                const PassInput& input, const BlockedEdges* blocked, int64_t count, int64_t layer,
                                const AttentionShape& shape) {
  qkv.expect_float32("attend_blocked");
  const CpuCache* source = static_cast<const CpuCache*>(&cache);
  const Attend* kernels = &attend_;
  float* scratch = static_cast<float*>(scratch_->data);
  const int64_t own = scratch_floats_;
  stage([=](const Worker& w) {
    const int64_t dim = shape.head_dim, group = shape.heads / shape.kv_heads;
    float* state = scratch + w.thread * own;       // (stride,)
    float* partial = state + partial_stride(dim);  // (stride,)
    const auto attend_query = [&](int64_t head, int64_t t) {
      const int64_t position = *input.position + t, h = head / group;
      const Seen seen = seen_from(position, shape), blocks = blocks_of(seen);
      const auto cut = [&](int64_t key) {
        for (int64_t e = 0; e < count; e++)
          if (blocked[e].has(head, position) && blocked[e].to.index_of(key) >= 0) return true;
        return false;
      };
      const auto each_run = [&](const auto& use) {
        for (int64_t block = blocks.first; block < blocks.last; block++) {
          const Seen inside = within(seen, block);
          for (int64_t from = inside.first, to; from < inside.last; from = to + 1) {
            for (to = from; to < inside.last && !cut(block * kAttendBlock + to);) to++;
            if (to > from) use(block * kAttendBlock, Seen{from, to});
          }
        }
      };
      const float* query = qkv.data + t * qkv.cols + head * dim;
      float* out = context.data + t * context.cols + head * dim;
      begin(state, dim);
      each_run([&](int64_t start, Seen run) {
        kernels->block(partial, query, source->keys(layer, h, start), source->values(layer, h, start), &run, 1, dim,
                       shape.scale);
        kernels->combine(state, 0, partial, 0, 1, dim);
      });
      if (state[padded_dim(dim) + 1] == 0)
        std::fill_n(out, dim, 0.0f);
      else
        finish(out, state, dim);
      if (!weights.data) return;
      float* row = weights.data + head * weights.head_stride + t * weights.row_stride;
      std::fill_n(row, weights.row_stride, 0.0f);
      each_run([&](int64_t start, Seen run) {
        float p[kAttendRows * kAttendBlock];
        kernels->weigh(p, state, query, source->keys(layer, h, start), &run, 1, dim, shape.scale);
        std::copy(p + run.first, p + run.last, row + start + run.first);
      });
    };
    own_runs(context.rows * shape.heads, w.thread, w.threads, [&](int64_t first, int64_t last) {
      for (int64_t i = first; i < last; i++) attend_query(i % shape.heads, i / shape.heads);
    });
  });
}

// A token each of several sequences: what is dealt out is a token's queries of a key-value head, by the blocks that
// they look at. The same blocks in the same order as above: a token's numbers do not tell which sequences went beside
// it.
void CpuBackend::attend_sequences(Tensor context, Tensor qkv, const TokenPlaces& places, int64_t layer,
                                  const AttentionShape& shape) {
  const Attend* kernels = &attend_;
  float* scratch = static_cast<float*>(scratch_->data);
  const int64_t own = scratch_floats_;
  stage([=](const Worker& w) {
    const int64_t dim = shape.head_dim, stride = partial_stride(dim), group = shape.heads / shape.kv_heads;
    float* states = scratch + w.thread * own;  // (kAttendRows, stride)
    float* partials = states + kAttendRows * stride;
    const auto attend_head = [&](int64_t t, int64_t h, Seen seen, Seen blocks) {
      const CpuCache& cache = places.cache(t);
      for (int64_t r = 0; r < group; r += kAttendRows) {
        const int rows = static_cast<int>(std::min<int64_t>(kAttendRows, group - r));
        const int64_t head = h * group + r;
        for (int i = 0; i < rows; i++) begin(states + i * stride, dim);
        for (int64_t block = blocks.first; block < blocks.last; block++) {
          Seen inside[kAttendRows];
          std::fill_n(inside, kAttendRows, within(seen, block));
          kernels->block(partials, qkv.data + t * qkv.cols + head * dim, cache.keys(layer, h, block * kAttendBlock),
                         cache.values(layer, h, block * kAttendBlock), inside, rows, dim, shape.scale);
          kernels->combine(states, stride, partials, stride, rows, dim);
        }
        for (int i = 0; i < rows; i++)
          finish(context.data + t * context.cols + (head + i) * dim, states + i * stride, dim);
      }
    };
    int64_t total = 0, done = 0, first, last;
    const auto blocks_at = [&](int64_t t) { return blocks_of(seen_from(places.position(t), shape)); };
    for (int64_t t = 0; t < qkv.rows; t++) total += blocks_at(t).last - blocks_at(t).first;
    split(total * shape.kv_heads, 1, w.thread, w.threads, &first, &last);
    for (int64_t t = 0; t < qkv.rows; t++) {
      const Seen blocks = blocks_at(t);
      const int64_t count = blocks.last - blocks.first;
      for (int64_t h = 0; h < shape.kv_heads; h++, done += count)  // whoever has its middle takes it
        if (done + count / 2 >= first && done + count / 2 < last)
          attend_head(t, h, seen_from(places.position(t), shape), blocks);
    }
  });
}

const Attend& attend_of(const Isa& isa, KvType type) {
#ifdef PHI3LAB_X64_PATHS
  if (isa.path == Path::avx512) return kAttendAvx512[isa.fetches][static_cast<int>(type)];
  if (isa.path == Path::avx2) return kAttendAvx2[static_cast<int>(type)];
#endif
  (void)isa;
  return kAttendPortable[static_cast<int>(type)];
}

}  // namespace phi3lab::cpu
