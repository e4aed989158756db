// What an architecture computes, as data: all that the forward pass knows of a model besides its weights.
// src/native/config.ts, `Architecture`, has the same names.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "native/seam/tensor.h"

namespace phi3lab {

/** How positions are turned into angles. */
struct Rotary {
  int64_t dims = 0;                // of each head's numbers, the first ones, that are rotated
  std::vector<float> frequencies;  // (dims / 2,): radians a position of pair (i, i + dims / 2)
  float factor = 1;                // multiplies cosines and sines
  // In texts of more than `long_from` positions, in their place at every position; empty: none are.
  std::vector<float> long_frequencies;
  int64_t long_from = 0;
};

struct Config {
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t num_attention_heads = 0;
  int64_t num_key_value_heads = 0;
  int64_t head_dim = 0;
  int64_t vocab_size = 0;
  int64_t max_position_embeddings = 0;
  float rms_norm_eps = 0;
  Rotary rotary;
  std::vector<int64_t> windows;    // (layers,): keys that a query sees, counting its own; 0: all before it
  std::vector<int64_t> unrotated;  // layers whose queries and keys know no positions

  // Throws when a number is out of its range or two contradict each other.
  void validate() const;
  /** Of a layer. */
  AttentionShape attention(int64_t layer) const { return attention_with(windows[static_cast<size_t>(layer)]); }
  /** Of whichever layer looks back farthest: what a cache is made for. */
  AttentionShape farthest_attention() const;
  bool rotates(int64_t layer) const { return std::find(unrotated.begin(), unrotated.end(), layer) == unrotated.end(); }

 private:
  AttentionShape attention_with(int64_t window) const {
    const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
    return {num_attention_heads, num_key_value_heads, head_dim, window, scale};
  }
};

}  // namespace phi3lab
