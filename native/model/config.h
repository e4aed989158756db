// What the forward pass knows of a model; the names are transformers' Phi3Config.
#pragma once

#include "../backend.h"

namespace phi3lab {

struct Config {
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_hidden_layers = 0;
  int64_t num_attention_heads = 0;
  int64_t num_key_value_heads = 0;
  int64_t head_dim = 0;
  int64_t vocab_size = 0;
  int64_t max_position_embeddings = 0;
  int64_t sliding_window = 0;  // 0: none
  float rms_norm_eps = 0;
  double rope_theta = 0;
  bool tie_word_embeddings = false;

  // Throws when a number is out of its range or two contradict each other.
  void validate() const;
  AttentionShape attention() const {
    const int64_t window = sliding_window > 0 ? sliding_window : max_position_embeddings;
    return {num_attention_heads, num_key_value_heads, head_dim, window};
  }
};

}  // namespace phi3lab
