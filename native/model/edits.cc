#include "edits.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <stdexcept>

namespace phi3lab {
namespace {

// What lies at a name.
struct Place {
  int64_t layer = -1;
  std::string part;
  int64_t cols = 0;
};

Place place_of(const std::string& name, const Config& config) {
  const int64_t hidden = config.hidden_size, ffn = config.intermediate_size;
  if (name == "model.embed_tokens") return {-1, name, hidden};
  if (name == "model.norm") return {-1, name, hidden};
  const std::string prefix = "model.layers.";
  if (name.compare(0, prefix.size(), prefix) == 0) {
    const size_t dot = name.find('.', prefix.size());
    const std::string number = name.substr(prefix.size(), dot - prefix.size());
    const std::string part = dot == std::string::npos ? "" : name.substr(dot + 1);
    const bool digits = !number.empty() && number.size() < 10 &&
                        std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
    const int64_t layer = digits ? std::stoll(number) : -1;
    if (layer >= 0 && layer < config.num_hidden_layers) {
      const AttentionShape shape = config.attention(layer);
      const Place places[] = {{layer, "", hidden},
                              {layer, "input_layernorm", hidden},
                              {layer, "self_attn.qkv_proj", shape.qkv_cols()},
                              {layer, "self_attn.rotary", shape.qkv_cols()},
                              {layer, "self_attn.context", shape.context_cols()},
                              {layer, "self_attn.o_proj", hidden},
                              {layer, "post_attention_layernorm", hidden},
                              {layer, "mlp.gate_up_proj", 2 * ffn},
                              {layer, "mlp.activation_fn", ffn},
                              {layer, "mlp.down_proj", hidden}};
      for (const Place& place : places)
        if (place.part == part) return place;
    }
  }
  throw std::runtime_error("[edit_rows] Expected a place that can be edited but received " + name);
}

void check(const EditRequest& request, int64_t cols) {
  if (request.first < 0 || request.last > cols || request.first >= request.last)
    throw std::runtime_error("[edit_rows] Expected columns from 0 to " + std::to_string(cols) + " of " + request.at +
                             " but received from " + std::to_string(request.first) + " to " +
                             std::to_string(request.last));
  const int64_t width = request.last - request.first;
  const int64_t rows = request.value ? static_cast<int64_t>(request.value->bytes / sizeof(float)) / width : 0;
  if (request.value ? request.value_rows < 1 || request.value_rows > rows : request.op != EditOp::multiply)
    throw std::runtime_error("[edit_rows] Expected a value of " + std::to_string(width) + " numbers for " + request.at);
  const PositionChoice& positions = request.positions;
  const int64_t places = positions.list ? static_cast<int64_t>(positions.list->size()) : positions.to - positions.from;
  if (request.value_rows > 1 && places > request.value_rows)
    throw std::runtime_error("[edit_rows] Expected a value for each of the positions of " + request.at +
                             " but received " + std::to_string(request.value_rows));
}

void check_rising(const PositionChoice& choice) {
  const bool right = choice.list ? std::adjacent_find(choice.list->begin(), choice.list->end(),
                                                      std::greater_equal<int32_t>()) == choice.list->end()
                                 : choice.from >= 0 && choice.from <= choice.to;
  if (!right) throw std::runtime_error("[edit_rows] Expected rising positions");
}

// Numbers on their way to one piece of the device's memory, each kind where it may be read.
class Image {
 public:
  // The offset at which `bytes` of `data` will lie.
  size_t add(const void* data, size_t bytes) {
    const size_t at = (image_.size() + 15) / 16 * 16;
    image_.resize(at + bytes);
    if (bytes > 0) std::memcpy(image_.data() + at, data, bytes);
    return at;
  }
  std::vector<uint8_t>& bytes() { return image_; }

 private:
  std::vector<uint8_t> image_;
};

template <typename T>
const T* at(const Buffer& memory, size_t offset) {
  return reinterpret_cast<const T*>(static_cast<const uint8_t*>(memory.data) + offset);
}

std::atomic<int64_t> lists{0};

}  // namespace

bool is_made_within(const std::string& part, Half half) {
  if (half == Half::head) return part == "model.norm";
  const bool feed_forward = part.compare(0, 4, "mlp.") == 0 || part == "post_attention_layernorm";
  return !part.empty() && feed_forward == (half == Half::feed_forward);
}

bool EditRequests::hooked() const {
  return std::any_of(edits.begin(), edits.end(), [](const EditRequest& edit) { return static_cast<bool>(edit.hook); });
}

EditList::EditList(Backend& backend, const Config& config, EditRequests requests)
    : requests_(std::move(requests)),
      entries_(static_cast<size_t>(config.num_hidden_layers + 1)),
      blocked_(static_cast<size_t>(config.num_hidden_layers)),
      id_(++lists) {
  Image image;
  // Lists of positions, then heads, then edges, which point to the former: so the memory comes before the edges.
  std::vector<size_t> offsets;
  const auto keep = [&](const PositionChoice& choice) {
    check_rising(choice);
    offsets.push_back(choice.list ? image.add(choice.list->data(), choice.list->size() * sizeof(int32_t)) : 0);
  };
  for (const EditRequest& request : requests_.edits) keep(request.positions);
  for (const KnockOut& cut : requests_.knock_outs) {
    if (cut.layer < 0 || cut.layer >= config.num_hidden_layers)
      throw std::runtime_error("[attend_blocked] Expected layers from 0 to " +
                               std::to_string(config.num_hidden_layers - 1) + " but received " +
                               std::to_string(cut.layer));
    std::vector<uint8_t> heads(static_cast<size_t>(config.num_attention_heads));
    for (const int64_t head : cut.heads) {
      if (head < 0 || head >= config.num_attention_heads)
        throw std::runtime_error("[attend_blocked] Expected heads from 0 to " +
                                 std::to_string(config.num_attention_heads - 1) + " but received " +
                                 std::to_string(head));
      heads[static_cast<size_t>(head)] = 1;
    }
    keep(cut.from);
    keep(cut.to);
    offsets.push_back(image.add(heads.data(), heads.size()));
  }
  std::vector<BlockedEdges> edges(requests_.knock_outs.size());
  const size_t edges_at = image.add(edges.data(), edges.size() * sizeof(BlockedEdges));
  memory_ = backend.allocate(std::max<size_t>(16, image.bytes().size()));

  auto offset = offsets.begin();
  const auto set_of = [&](const PositionChoice& choice) {
    const size_t where = *offset++;
    if (!choice.list) return PositionSet{nullptr, 0, choice.from, choice.to};
    return PositionSet{at<int32_t>(*memory_, where), static_cast<int64_t>(choice.list->size()), 0, 0};
  };
  for (const EditRequest& request : requests_.edits) {
    const Place place = place_of(request.at, config);
    const PositionSet positions = set_of(request.positions);
    if (!request.hook) check(request, place.cols);
    const auto* value = request.value ? static_cast<const float*>(request.value->data) : nullptr;
    entries_[static_cast<size_t>(place.layer + 1)].push_back(
        {place.part,
         {request.op, value, request.value_rows, request.scale, request.first, request.last, positions},
         request.hook ? &request.hook : nullptr});
  }
  // A layer's edges lie side by side.
  std::vector<std::pair<int64_t, BlockedEdges>> cuts;
  for (const KnockOut& cut : requests_.knock_outs) {
    const PositionSet from = set_of(cut.from), to = set_of(cut.to);
    cuts.push_back({cut.layer, {at<uint8_t>(*memory_, *offset++), from, to}});
  }
  std::stable_sort(cuts.begin(), cuts.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (size_t i = 0; i < cuts.size(); i++) {
    edges[i] = cuts[i].second;
    Blocked& of_layer = blocked_[static_cast<size_t>(cuts[i].first)];
    if (of_layer.count++ == 0) of_layer.edges = at<BlockedEdges>(*memory_, edges_at) + i;
  }
  if (!edges.empty()) std::memcpy(image.bytes().data() + edges_at, edges.data(), edges.size() * sizeof(BlockedEdges));
  if (!image.bytes().empty()) backend.write(memory_->data, image.bytes().data(), image.bytes().size());
}

bool EditList::same(const EditRequests& other) const {
  if (hooked() || other.hooked()) return false;
  const auto equal = [](const EditRequest& a, const EditRequest& b) {
    return a.at == b.at && a.op == b.op && a.value == b.value && a.value_rows == b.value_rows && a.scale == b.scale &&
           a.first == b.first && a.last == b.last && a.positions == b.positions;
  };
  return std::equal(requests_.edits.begin(), requests_.edits.end(), other.edits.begin(), other.edits.end(), equal) &&
         requests_.knock_outs == other.knock_outs;
}

bool EditList::within(Half half, int64_t layer) const {
  if (half == Half::attention && blocked(layer).count > 0) return true;
  return std::any_of(entries(layer).begin(), entries(layer).end(),
                     [&](const Entry& entry) { return is_made_within(entry.part, half); });
}

void EditList::apply(Backend& backend, const char* name, int64_t layer, Tensor x, const PassInput& input,
                     int64_t first) const {
  for (const Entry& entry : entries(layer)) {
    if (entry.part != name) continue;
    if (entry.hook)
      call(backend, *entry.hook, x, input, first);
    else
      backend.edit_rows(x, entry.edit, input, first);
  }
}

void EditList::call(Backend& backend, const Hook& hook, Tensor x, const PassInput& input, int64_t first) const {
  std::vector<float> numbers(static_cast<size_t>(x.rows * x.cols));
  int32_t position = 0;
  backend.synchronize();
  backend.read(numbers.data(), x.data, numbers.size() * sizeof(float));
  backend.read(&position, input.position, sizeof(position));
  hook(numbers, x.rows, position + first);
  backend.write(x.data, numbers.data(), numbers.size() * sizeof(float));
}

EditList::Blocked EditList::blocked(int64_t layer) const {
  return layer < 0 ? Blocked() : blocked_[static_cast<size_t>(layer)];
}

}  // namespace phi3lab
