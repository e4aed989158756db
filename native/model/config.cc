#include "config.h"

#include <algorithm>
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
  if (rotary.dims < 2 || rotary.dims > head_dim || rotary.dims % 2 != 0)
    throw std::runtime_error("[config] Expected an even number from 2 to head_dim, " + std::to_string(head_dim) +
                             ", for rotary.dims but received " + std::to_string(rotary.dims));
  const auto half = static_cast<size_t>(rotary.dims / 2);
  if (rotary.frequencies.size() != half)
    throw std::runtime_error("[config] Expected " + std::to_string(half) + " rotary.frequencies but received " +
                             std::to_string(rotary.frequencies.size()));
  if (!rotary.long_frequencies.empty() && (rotary.long_frequencies.size() != half || rotary.long_from < 1))
    throw std::runtime_error("[config] Expected " + std::to_string(half) +
                             " rotary.long_frequencies, from a length on, but received " +
                             std::to_string(rotary.long_frequencies.size()));
  if (windows.size() != static_cast<size_t>(num_hidden_layers))
    throw std::runtime_error("[config] Expected a window for each of num_hidden_layers, " +
                             std::to_string(num_hidden_layers) + ", but received " + std::to_string(windows.size()));
  for (const auto* frequencies : {&rotary.frequencies, &rotary.long_frequencies})
    for (float frequency : *frequencies)
      if (!(frequency >= 0) || !std::isfinite(frequency))
        throw std::runtime_error("[config] Expected rotary.frequencies >= 0");
  if (!(rotary.factor > 0) || !std::isfinite(rotary.factor))
    throw std::runtime_error("[config] Expected rotary.factor > 0");
  for (int64_t window : windows)
    if (window < 0 || window > INT32_MAX)
      throw std::runtime_error("[config] Expected windows from 0 to 2147483647 but received " + std::to_string(window));
}

AttentionShape Config::farthest_attention() const {
  int64_t most = 0;
  for (int64_t window : windows) {
    if (window == 0) return attention_with(0);
    most = std::max(most, window);
  }
  return attention_with(most);
}

}  // namespace phi3lab
