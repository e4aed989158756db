// The intermediates of a pass that comes in chunks, each gathered into one tensor of all its rows.
#pragma once

#include <cstring>
#include <functional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "session.h"

namespace phi3lab {

// The name that JavaScript knows an intermediate by.
inline std::string tap_name(const char* name, int layer) {
  if (layer < 0) return name;
  return "model.layers." + std::to_string(layer) + (*name ? "." : "") + name;
}

class TapCollector {
 public:
  using Make = std::function<TensorRef(std::vector<int64_t>)>;
  TapCollector(Backend& backend, const std::unordered_set<std::string>& wanted, int64_t tokens, int64_t positions,
               int64_t heads, Make make)
      : backend_(backend),
        wanted_(wanted),
        tokens_(tokens),
        positions_(positions),
        heads_(heads),
        make_(std::move(make)) {}

  int64_t first = 0;  // row of the chunk under way
  std::unordered_map<std::string, TensorRef> taps;

  void receive(const char* name, int64_t layer, Tensor view) {
    const std::string full = tap_name(name, layer);
    if (!wanted_.count(full)) return;
    const bool attention = std::strcmp(name, "self_attn.attn_weights") == 0;
    TensorRef& tensor = taps[full];
    if (!tensor && attention) {
      tensor = make_({heads_, tokens_, positions_});
      // A chunk sees no positions behind its own.
      const std::vector<float> zeros(static_cast<size_t>(tensor->size()));
      backend_.write(tensor->buffer->data, zeros.data(), zeros.size() * sizeof(float));
    } else if (!tensor) {
      tensor = make_({tokens_, view.cols});
    }
    if (!attention) {
      backend_.copy({tensor->data() + first * view.cols, view.rows, view.cols}, view);
      return;
    }
    const int64_t rows = view.rows / heads_;
    for (int64_t head = 0; head < heads_; head++)
      for (int64_t t = 0; t < rows; t++)
        backend_.copy({tensor->data() + (head * tokens_ + first + t) * positions_, 1, view.cols},
                      view.slice(head * rows + t, 1));
  }

 private:
  Backend& backend_;
  const std::unordered_set<std::string>& wanted_;
  int64_t tokens_, positions_, heads_;
  Make make_;
};

}  // namespace phi3lab
