#include "weights.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <stdexcept>
#include <utility>

namespace phi3lab {
namespace {

std::string text_of(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); i++) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

// Where rows of heads whose rotated pairs are neighbours belong: row (head, pair, half) of the file is row (head, half,
// pair) of the model.
std::vector<int32_t> rotary_rows(int64_t rows, int64_t heads) {
  std::vector<int32_t> order(static_cast<size_t>(rows));
  const int64_t head_dim = rows / heads, half = head_dim / 2;
  for (int64_t row = 0; row < rows; row++) {
    const int64_t in_head = row % head_dim;
    order[static_cast<size_t>(row)] = static_cast<int32_t>(row - in_head + in_head % 2 * half + in_head / 2);
  }
  return order;
}

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error("[weights] " + what); }

class Loader {
 public:
  Loader(Backend& backend, const Config& config, const std::vector<std::string>& paths,
         const std::vector<WeightEntry>& entries, const Progress& progress)
      : backend_(backend), config_(config), progress_(progress) {
    for (const std::string& path : paths) files_.push_back(std::make_unique<MappedFile>(path));
    for (const WeightEntry& entry : entries) entries_[{entry.role, entry.layer}] = &entry;
  }

  Weights load() {
    const AttentionShape shape = config_.farthest_attention();
    const int64_t hidden = config_.hidden_size, ffn = config_.intermediate_size, vocab = config_.vocab_size;
    Weights weights;
    const auto place_all = [&] {
      weights.embed_tokens = matrix(Role::embed_tokens, -1, vocab, hidden, WeightKind::embedding);
      weights.layers.clear();
      for (int64_t i = 0; i < config_.num_hidden_layers; i++) {
        LayerWeights layer;
        layer.input_layernorm = vector(Role::input_layernorm, i);
        layer.qkv_proj = matrix(Role::qkv_proj, i, shape.qkv_cols(), hidden);
        if (find(Role::qkv_bias, i)) layer.qkv_bias = upload(Role::qkv_bias, i, shape.qkv_cols(), 1, WeightKind::bias);
        if (find(Role::q_norm, i) || find(Role::k_norm, i)) {
          layer.q_norm = upload(Role::q_norm, i, 1, shape.head_dim, WeightKind::norm);
          layer.k_norm = upload(Role::k_norm, i, 1, shape.head_dim, WeightKind::norm);
        }
        layer.o_proj = matrix(Role::o_proj, i, hidden, shape.context_cols());
        layer.post_attention_layernorm = vector(Role::post_attention_layernorm, i);
        layer.gate_up_proj = matrix(Role::gate_up_proj, i, 2 * ffn, hidden);
        layer.down_proj = matrix(Role::down_proj, i, hidden, ffn);
        weights.layers.push_back(std::move(layer));
      }
      weights.norm = vector(Role::norm, -1);
      if (find(Role::lm_head, -1)) weights.own_head = matrix(Role::lm_head, -1, vocab, hidden, WeightKind::head);
    };
    // Everything is checked before the first weight is uploaded, and counted for the progress.
    dry_ = true;
    place_all();
    dry_ = false;
    if (progress_) progress_(0, total_);
    place_all();
    for (const auto& file : files_) file->check();
    weights.lm_head = weights.own_head ? weights.own_head.get() : weights.embed_tokens.get();
    weights.files = std::move(files_);
    weights.max_cols = max_cols_;
    weights.bytes = bytes_;
    return weights;
  }

 private:
  const WeightEntry* find(Role role, int64_t layer) const {
    const auto found = entries_.find({role, layer});
    return found == entries_.end() ? nullptr : found->second;
  }

  static std::string name(Role role, int64_t layer) {
    return layer < 0 ? name_of(role) : std::string(name_of(role)) + " of layer " + std::to_string(layer);
  }

  std::unique_ptr<Weight> vector(Role role, int64_t layer) {
    return upload(role, layer, 1, config_.hidden_size, WeightKind::norm);
  }
  std::unique_ptr<Weight> matrix(Role role, int64_t layer, int64_t rows, int64_t cols,
                                 WeightKind kind = WeightKind::projection) {
    return upload(role, layer, rows, cols, kind);
  }

  std::unique_ptr<Weight> upload(Role role, int64_t layer, int64_t rows, int64_t cols, WeightKind kind) {
    const WeightEntry* entry = find(role, layer);
    WeightSource source;
    source.name = name(role, layer);
    source.cols = cols;
    if (!entry) fail("Expected the weight " + source.name + " but the files hold none");
    int64_t have = 0;
    for (const WeightPart& part : entry->parts) {
      source.groups.push_back(group(part, source.name, rows, cols, kind));
      have += source.groups.back().rows;
    }
    if (have != rows)
      fail("Expected " + std::to_string(rows) + " rows in " + source.name + " but received " + std::to_string(have));
    if (dry_) return nullptr;
    auto result = backend_.upload_weight(source, kind);
    max_cols_ = std::max(max_cols_, cols);
    bytes_ += result->bytes;
    if (progress_) progress_(placed_, total_);
    return result;
  }

  // A part's rows, checked: `most` of `cols` numbers; of a norm a vector that is a row, of a bias one that is a column.
  RowGroup group(const WeightPart& part, const std::string& name, int64_t most, int64_t cols, WeightKind kind) {
    const bool is_row = kind == WeightKind::norm, is_column = kind == WeightKind::bias;
    const std::vector<int64_t>& shape = part.shape;
    const std::vector<int64_t> whole = is_row      ? std::vector{cols}
                                       : is_column ? std::vector{most}
                                                   : std::vector{most, cols};
    const bool fits = shape.size() == whole.size() && (is_row || (shape[0] >= 1 && shape[0] <= most)) &&
                      (is_column || shape.back() == cols);
    if (!fits) fail("Expected " + name + " of shape " + text_of(whole) + " but received " + text_of(shape));
    const int64_t rows = is_row ? 1 : shape[0];
    const WeightFormat& format = format_of(part.type);
    if (part.conversion && cols % part.conversion->stored.block_size() != 0)
      fail("The rows of " + name + " have " + std::to_string(cols) + " numbers, no multiple of a block");
    if (cols % format.block_size != 0)
      fail("Expected the rows of " + name + " to be a multiple of " + std::to_string(format.block_size) + " long for " +
           format.name + " but received " + std::to_string(cols));
    if (part.file < 0 || part.file >= static_cast<int64_t>(files_.size()))
      fail(name + " lies in file " + std::to_string(part.file) + " of " + std::to_string(files_.size()));
    if (part.interleaved_heads < 0 || (part.interleaved_heads > 0 && rows % (2 * part.interleaved_heads) != 0))
      fail("Expected the rows of " + name + " to be those of " + std::to_string(part.interleaved_heads) + " heads");
    const MappedFile& file = *files_[static_cast<size_t>(part.file)];
    const size_t stride = part.conversion ? part.conversion->stored.row_bytes(cols) : row_bytes(part.type, cols);
    const int64_t bytes = static_cast<int64_t>(stride) * rows;
    if (part.offset < 0 || part.offset > file.size() || bytes > file.size() - part.offset)
      fail(file.path() + " is truncated: " + name + " needs " + std::to_string(bytes) + " bytes from byte " +
           std::to_string(part.offset) + " on, the file has " + std::to_string(file.size()));
    (dry_ ? total_ : placed_) += bytes;
    if (part.conversion) check_conversion(*part.conversion, files_, name, part.type, rows, cols);
    RowGroup group{part.type, file.data() + part.offset, rows, {}, true, nullptr};
    if (dry_) return group;
    if (part.interleaved_heads > 0) group.output_row = rotary_rows(rows, part.interleaved_heads);
    if (part.conversion) {
      auto converted =
          convert(*part.conversion, files_, name, file.data() + part.offset, part.type, rows, cols, group.output_row);
      group.data = converted.get();
      group.mapped = false;
      group.owner = std::move(converted);
    }
    return group;
  }

  Backend& backend_;
  const Config& config_;
  const Progress& progress_;
  std::vector<std::unique_ptr<MappedFile>> files_;
  std::map<std::pair<Role, int64_t>, const WeightEntry*> entries_;
  bool dry_ = true;
  int64_t total_ = 0, placed_ = 0, max_cols_ = 1;
  size_t bytes_ = 0;
};

}  // namespace

std::optional<Role> role_named(std::string_view name) {
  for (size_t i = 0; i < std::size(kRoleNames); i++)
    if (name == kRoleNames[i]) return static_cast<Role>(i);
  return std::nullopt;
}

Weights load_weights(Backend& backend, const Config& config, const std::vector<std::string>& paths,
                     const std::vector<WeightEntry>& entries, const Progress& progress) {
  return Loader(backend, config, paths, entries, progress).load();
}

}  // namespace phi3lab
