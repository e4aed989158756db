// Where a key or a value lies: blocks of 64 positions behind each other, so that memory can be committed block by
// block; in a block [layer][keys, values][kv_head][position % 64][head_dim].
#pragma once

#include "cuda/device/types.h"

#ifdef __CUDACC__
#define PHI3LAB_HD __host__ __device__ __forceinline__
#else
#define PHI3LAB_HD inline
#endif

namespace phi3lab::cuda {

struct CacheView {
  static constexpr int kBlock = 64;  // positions
  void* data = nullptr;
  int64_t block_stride = 0;  // elements from a block to the next
  int32_t kv_heads = 0, head_dim = 0;

  /** Element offset of the first number of (layer, keys or values, kv_head, position): head_dim numbers lie there. */
  PHI3LAB_HD int64_t offset(int64_t layer, bool values, int64_t kv_head, int64_t position) const {
    return position / kBlock * block_stride +
           (((2 * layer + (values ? 1 : 0)) * kv_heads + kv_head) * kBlock + position % kBlock) * head_dim;
  }
};

/** Of each token of a pass its cache and its position. */
struct TokenPlaces {
  CacheView cache;                     // of one sequence; of several, all but `data`
  void* const* memories = nullptr;     // (tokens,): of several sequences, the data of each one's cache; null: of one
  const int32_t* positions = nullptr;  // (tokens,): of several, each token's; (1,): of one, the first token's

#ifdef __CUDACC__
  __device__ __forceinline__ CacheView cache_of(int64_t token) const {
    CacheView its = cache;
    if (memories) its.data = memories[token];
    return its;
  }
  __device__ __forceinline__ int64_t position_of(int64_t token) const {
    // Past the first-level cache: a kernel that overlaps this one has written it.
    return memories ? __ldcg(positions + token) : __ldcg(positions) + token;
  }
#endif
};

}  // namespace phi3lab::cuda
