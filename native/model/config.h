// What the forward pass knows of a model; the names are transformers' Phi3Config.
#pragma once

#include <cmath>

#include "native/seam/tensor.h"

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
    const float scale = 1.0f / std::sqrt(static_cast<float>(head_dim));
    return {num_attention_heads, num_key_value_heads, head_dim, sliding_window, scale};
  }
};

}  // namespace phi3lab
