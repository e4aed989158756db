#include "taps.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace phi3lab {
namespace {

constexpr const char* kWeights = "self_attn.attn_weights";
constexpr const char* kLayers = "model.layers.";

// The name that JavaScript knows an intermediate by.
std::string full_name(const char* name, int64_t layer) {
  if (layer < 0) return name;
  return kLayers + std::to_string(layer) + (*name ? "." : "") + name;
}

// And back: a name's layer, -1 outside, and the part of it.
std::pair<int64_t, std::string> place_of(const std::string& name) {
  const size_t prefix = std::strlen(kLayers);
  if (name.compare(0, prefix, kLayers) != 0) return {-1, name};
  char* part = nullptr;
  const int64_t layer = std::strtoll(name.c_str() + prefix, &part, 10);
  return {layer, *part == '.' ? part + 1 : part};
}

void check_rising(const std::string& name, const char* what, const std::optional<std::vector<int64_t>>& list,
                  int64_t end) {
  if (!list) return;
  int64_t before = -1;
  for (const int64_t item : *list) {
    if (item <= before || item >= end)
      throw std::runtime_error("[forward] Expected rising " + std::string(what) + " from 0 to " +
                               std::to_string(end - 1) + " for " + name + " but received " + std::to_string(item));
    before = item;
  }
}

int64_t count_of(const std::optional<std::vector<int64_t>>& list, int64_t all) {
  return list ? static_cast<int64_t>(list->size()) : all;
}

}  // namespace

TapCollector::TapCollector(Backend& backend, const TapRequests& wanted, int64_t tokens, int64_t positions,
                           int64_t heads, Make make)
    : backend_(backend),
      wanted_(wanted),
      tokens_(tokens),
      positions_(positions),
      heads_(heads),
      make_(std::move(make)) {
  for (const auto& [name, request] : wanted) {
    check_rising(name, "rows", request.rows, tokens);
    check_rising(name, "heads", request.heads, heads);
    places_.push_back(place_of(name));
  }
}

bool TapCollector::within(Half half, int64_t layer) const {
  return std::any_of(places_.begin(), places_.end(),
                     [&](const auto& place) { return place.first == layer && is_made_within(place.second, half); });
}

const TensorRef& TapCollector::make(const std::string& name, const TapRequest& request, int64_t cols, bool attention) {
  TensorRef& tensor = taps_[name];
  const int64_t rows = count_of(request.rows, tokens_);
  if (!tensor)
    tensor = make_(attention ? std::vector<int64_t>{count_of(request.heads, heads_), rows, cols}
                             : std::vector<int64_t>{rows, cols});
  return tensor;
}

AttentionWeights TapCollector::weights(int64_t layer, int64_t count) {
  const std::string name = full_name(kWeights, layer);
  const auto found = wanted_.find(name);
  if (found == wanted_.end()) return {};
  const TapRequest& request = found->second;
  const TensorRef& kept = make(name, request, positions_, true);
  if (!request.rows && !request.heads) return {kept->data() + first_ * positions_, tokens_ * positions_, positions_};
  if (!scratch_ || scratch_->dims[1] < count) scratch_ = make_({heads_, count, positions_});
  return {scratch_->data(), count * positions_, positions_};
}

template <class Copy>
void TapCollector::each_run(const TapRequest& request, int64_t count, const Copy& copy) const {
  if (!request.rows) return copy(0, first_, count);
  const std::vector<int64_t>& rows = *request.rows;
  const auto from = std::lower_bound(rows.begin(), rows.end(), first_);
  const auto to = std::lower_bound(from, rows.end(), first_ + count);
  for (auto at = from; at < to;) {
    auto end = at + 1;
    while (end < to && *end == *(end - 1) + 1) end++;
    copy(*at - first_, at - rows.begin(), end - at);
    at = end;
  }
}

void TapCollector::receive_weights(const TapRequest& request, const Tensor& view, const DeviceTensor& kept) {
  const int64_t count = view.rows / heads_, rows = kept.dims[1];
  for (int64_t h = 0; h < kept.dims[0]; h++) {
    const int64_t head = request.heads ? (*request.heads)[static_cast<size_t>(h)] : h;
    each_run(request, count, [&](int64_t from, int64_t to, int64_t run) {
      backend_.copy({kept.data() + (h * rows + to) * positions_, run, positions_},
                    view.slice(head * count + from, run));
    });
  }
}

void TapCollector::receive(const char* name, int64_t layer, Tensor view) {
  const std::string full = full_name(name, layer);
  const auto found = wanted_.find(full);
  if (found == wanted_.end()) return;
  const TapRequest& request = found->second;
  const bool attention = std::strcmp(name, kWeights) == 0;
  const TensorRef& kept = make(full, request, view.cols, attention);
  if (attention) {
    if (request.rows || request.heads) receive_weights(request, view, *kept);
    return;
  }
  each_run(request, view.rows, [&](int64_t from, int64_t to, int64_t run) {
    backend_.copy({kept->data() + to * view.cols, run, view.cols}, view.slice(from, run));
  });
}

std::unordered_map<std::string, TensorRef> TapCollector::take() {
  for (const auto& [name, request] : wanted_)
    if (!taps_.count(name))
      throw std::runtime_error("[forward] Expected the name of an intermediate but received " + name);
  return std::move(taps_);
}

}  // namespace phi3lab
