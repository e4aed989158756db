#include "taps.h"

#include <cstring>
#include <stdexcept>

namespace phi3lab {
namespace {

// The name that JavaScript knows an intermediate by.
std::string full_name(const char* name, int64_t layer) {
  if (layer < 0) return name;
  return "model.layers." + std::to_string(layer) + (*name ? "." : "") + name;
}

}  // namespace

TapCollector::TapCollector(Backend& backend, const std::unordered_set<std::string>& wanted, int64_t tokens,
                           int64_t positions, int64_t heads, Make make)
    : backend_(backend),
      wanted_(wanted),
      tokens_(tokens),
      positions_(positions),
      heads_(heads),
      make_(std::move(make)) {}

TensorRef TapCollector::make(const std::string& name, const Tensor& view, bool attention) {
  TensorRef& tensor = taps_[name];
  if (tensor) return tensor;
  if (!attention) return tensor = make_({tokens_, view.cols});
  tensor = make_({heads_, tokens_, positions_});
  // A chunk sees no positions behind its own.
  const std::vector<float> zeros(static_cast<size_t>(tensor->size()));
  backend_.write(tensor->buffer->data, zeros.data(), zeros.size() * sizeof(float));
  return tensor;
}

void TapCollector::receive(const char* name, int64_t layer, Tensor view) {
  const std::string full = full_name(name, layer);
  if (!wanted_.count(full)) return;
  const bool attention = std::strcmp(name, "self_attn.attn_weights") == 0;
  const TensorRef tensor = make(full, view, attention);
  if (!attention) return backend_.copy({tensor->data() + first_ * view.cols, view.rows, view.cols}, view);
  const int64_t rows = view.rows / heads_;
  for (int64_t head = 0; head < heads_; head++)
    for (int64_t t = 0; t < rows; t++)
      backend_.copy({tensor->data() + (head * tokens_ + first_ + t) * positions_, 1, view.cols},
                    view.slice(head * rows + t, 1));
}

std::unordered_map<std::string, TensorRef> TapCollector::take() {
  for (const std::string& name : wanted_)
    if (!taps_.count(name))
      throw std::runtime_error("[forward] Expected the name of an intermediate but received " + name);
  return std::move(taps_);
}

}  // namespace phi3lab
