#include "config.h"

#include <cmath>
#include <stdexcept>
#include <string>

namespace phi3lab {

void Config::validate() const {
  struct Range {
    const char* name;
    int64_t value, least, most;
  };
  const Range ranges[] = {
      {"hidden_size", hidden_size, 1, 1 << 20},
      {"intermediate_size", intermediate_size, 1, 1 << 22},
      {"num_hidden_layers", num_hidden_layers, 1, 4096},
      {"num_attention_heads", num_attention_heads, 1, 4096},
      {"num_key_value_heads", num_key_value_heads, 1, num_attention_heads},
      {"head_dim", head_dim, 2, 1024},
      {"vocab_size", vocab_size, 1, 1 << 24},
      {"max_position_embeddings", max_position_embeddings, 1, 1 << 24},
      {"sliding_window", sliding_window, 0, INT32_MAX},
  };
  for (const Range& range : ranges)
    if (range.value < range.least || range.value > range.most)
      throw std::runtime_error(std::string("[config] Expected ") + range.name + " from " + std::to_string(range.least) +
                               " to " + std::to_string(range.most) + " but received " + std::to_string(range.value));
  if (num_attention_heads % num_key_value_heads != 0)
    throw std::runtime_error(
        "[config] Expected num_attention_heads to be a multiple of num_key_value_heads but received " +
        std::to_string(num_attention_heads) + " and " + std::to_string(num_key_value_heads));
  if (head_dim % 2 != 0)
    throw std::runtime_error("[config] Expected an even head_dim but received " + std::to_string(head_dim));
  if (!(rms_norm_eps > 0) || !std::isfinite(rms_norm_eps))
    throw std::runtime_error("[config] Expected rms_norm_eps > 0");
  if (!(rope_theta > 0) || !std::isfinite(rope_theta)) throw std::runtime_error("[config] Expected rope_theta > 0");
}

}  // namespace phi3lab
