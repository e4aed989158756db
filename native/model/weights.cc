#include "weights.h"

#include <algorithm>
#include <stdexcept>
#include <unordered_map>

namespace phi3lab {
namespace {

std::string text_of(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); i++) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

// Where the rows of GGUF's order of llama's q and k belong: row (head, pair, half) of the file, in which the two
// numbers that rotate together are neighbours, is row (head, half, pair) of the model.
std::vector<int32_t> rotary_rows(int64_t rows, int64_t heads) {
  std::vector<int32_t> order(static_cast<size_t>(rows));
  const int64_t head_dim = rows / heads, half = head_dim / 2;
  for (int64_t row = 0; row < rows; row++) {
    const int64_t in_head = row % head_dim;
    order[static_cast<size_t>(row)] = static_cast<int32_t>(row - in_head + in_head % 2 * half + in_head / 2);
  }
  return order;
}

class Loader {
 public:
  Loader(Backend& backend, const Config& config, const std::vector<std::string>& paths,
         const std::vector<Entry>& entries, const Progress& progress)
      : backend_(backend), config_(config), progress_(progress) {
    for (const std::string& path : paths) files_.push_back(std::make_unique<MappedFile>(path));
    for (const Entry& entry : entries) {
      by_name_.emplace(entry.name, &entry);
      if (entry.name.rfind("blk.", 0) == 0) gguf_ = true;
    }
  }

  Weights load() {
    const AttentionShape shape = config_.attention();
    const int64_t hidden = config_.hidden_size, ffn = config_.intermediate_size;
    const int64_t kv_cols = shape.kv_heads * shape.head_dim;
    Weights weights;
    const bool tied = !find("lm_head.weight") && !find("output.weight");
    if (tied && !gguf_ && !config_.tie_word_embeddings) missing("lm_head.weight");
    plan([&] {
      weights.embed_tokens =
          place(name("model.embed_tokens", "token_embd"), config_.vocab_size, hidden, WeightKind::embedding);
      weights.layers.clear();
      for (int64_t i = 0; i < config_.num_hidden_layers; i++) {
        LayerWeights layer;
        layer.input_layernorm = vector(in_layer(i, "input_layernorm", "attn_norm"));
        layer.qkv_proj = stack(shape.qkv_cols(), hidden, in_layer(i, "self_attn.qkv_proj", "attn_qkv"),
                               {{in_layer(i, "self_attn.q_proj", "attn_q"), shape.context_cols(), rotary(shape.heads)},
                                {in_layer(i, "self_attn.k_proj", "attn_k"), kv_cols, rotary(shape.kv_heads)},
                                {in_layer(i, "self_attn.v_proj", "attn_v"), kv_cols, 0}});
        layer.o_proj =
            place(in_layer(i, "self_attn.o_proj", "attn_output"), hidden, shape.context_cols(), WeightKind::projection);
        layer.post_attention_layernorm = vector(in_layer(i, "post_attention_layernorm", "ffn_norm"));
        // GGUF calls Phi-3's stacked gate and up simply ffn_up.
        const std::string stacked = in_layer(i, "mlp.gate_up_proj", "ffn_up");
        const std::string gate = in_layer(i, "mlp.gate_proj", "ffn_gate"), up = in_layer(i, "mlp.up_proj", "ffn_up");
        layer.gate_up_proj =
            stack(2 * ffn, hidden, find(gate) ? gate + " (stacked)" : stacked, {{gate, ffn, 0}, {up, ffn, 0}});
        layer.down_proj = place(in_layer(i, "mlp.down_proj", "ffn_down"), hidden, ffn, WeightKind::projection);
        weights.layers.push_back(std::move(layer));
      }
      weights.norm = vector(name("model.norm", "output_norm"));
      if (!tied) weights.own_head = place(name("lm_head", "output"), config_.vocab_size, hidden, WeightKind::head);
    });
    weights.lm_head = tied ? weights.embed_tokens.get() : weights.own_head.get();
    weights.files = std::move(files_);
    weights.max_cols = max_cols_;
    weights.bytes = bytes_;
    return weights;
  }

 private:
  struct Part {
    std::string name;
    int64_t rows;
    int64_t rotary_heads;
  };

  // Everything is checked before the first weight is placed, and counted for the progress.
  template <typename Visit>
  void plan(const Visit& visit) {
    dry_ = true;
    visit();
    dry_ = false;
    if (progress_) progress_(0, total_);
    visit();
  }

  std::string name(const char* model, const char* gguf) const { return std::string(gguf_ ? gguf : model) + ".weight"; }
  std::string in_layer(int64_t i, const char* model, const char* gguf) const {
    return (gguf_ ? "blk." : "model.layers.") + std::to_string(i) + "." + (gguf_ ? gguf : model) + ".weight";
  }
  int64_t rotary(int64_t heads) const { return gguf_ ? heads : 0; }

  const Entry* find(const std::string& wanted) const {
    const auto found = by_name_.find(wanted);
    return found == by_name_.end() ? nullptr : found->second;
  }
  [[noreturn]] static void missing(const std::string& wanted) {
    throw std::runtime_error("[weights] Expected a tensor " + wanted + " but the files hold none");
  }

  RowGroup group(const Part& part, int64_t cols) {
    const Entry* entry = find(part.name);
    if (!entry) missing(part.name);
    const std::vector<int64_t> expected =
        cols == 0 ? std::vector<int64_t>{part.rows} : std::vector<int64_t>{part.rows, cols};
    if (entry->shape != expected)
      throw std::runtime_error("[weights] Expected " + part.name + " of shape " + text_of(expected) + " but received " +
                               text_of(entry->shape));
    const WeightFormat& format = format_of(entry->type);
    const int64_t width = cols == 0 ? part.rows : cols, height = cols == 0 ? 1 : part.rows;
    if (width % format.block_size != 0)
      throw std::runtime_error("[weights] Expected the rows of " + part.name + " to be a multiple of " +
                               std::to_string(format.block_size) + " long for " + format.name + " but received " +
                               std::to_string(width));
    if (entry->file < 0 || entry->file >= static_cast<int64_t>(files_.size()))
      throw std::runtime_error("[weights] " + part.name + " lies in file " + std::to_string(entry->file) + " of " +
                               std::to_string(files_.size()));
    const MappedFile& file = *files_[static_cast<size_t>(entry->file)];
    const int64_t bytes = width / format.block_size * format.block_bytes * height;
    if (entry->offset < 0 || entry->offset > file.size() || bytes > file.size() - entry->offset)
      throw std::runtime_error("[weights] " + file.path() + " is truncated: " + part.name + " needs " +
                               std::to_string(bytes) + " bytes from byte " + std::to_string(entry->offset) +
                               " on, the file has " + std::to_string(file.size()));
    (dry_ ? total_ : placed_) += bytes;
    RowGroup group{entry->type, file.data() + entry->offset, height, {}, true};
    if (!dry_ && part.rotary_heads > 0) group.output_row = rotary_rows(part.rows, part.rotary_heads);
    return group;
  }

  std::unique_ptr<Weight> place(const std::string& weight, int64_t rows, int64_t cols, WeightKind kind) {
    return finish(weight, rows, cols, {{weight, rows, 0}}, kind);
  }
  std::unique_ptr<Weight> vector(const std::string& weight) {
    return finish(weight, config_.hidden_size, 0, {{weight, config_.hidden_size, 0}}, WeightKind::norm);
  }
  // One tensor when the file stacks them itself, else its parts.
  std::unique_ptr<Weight> stack(int64_t rows, int64_t cols, const std::string& whole, const std::vector<Part>& parts) {
    return find(whole) ? place(whole, rows, cols, WeightKind::projection)
                       : finish(whole, rows, cols, parts, WeightKind::projection);
  }

  std::unique_ptr<Weight> finish(const std::string& weight, int64_t rows, int64_t cols, const std::vector<Part>& parts,
                                 WeightKind kind) {
    WeightSource source;
    source.name = weight;
    source.cols = kind == WeightKind::norm ? rows : cols;
    for (const Part& part : parts) source.groups.push_back(group(part, cols));
    if (dry_) return nullptr;
    auto result = backend_.place(source, kind);
    max_cols_ = std::max(max_cols_, source.cols);
    bytes_ += result->bytes;
    if (progress_) progress_(placed_, total_);
    return result;
  }

  Backend& backend_;
  const Config& config_;
  const Progress& progress_;
  std::vector<std::unique_ptr<MappedFile>> files_;
  std::unordered_map<std::string, const Entry*> by_name_;
  bool gguf_ = false, dry_ = true;
  int64_t total_ = 0, placed_ = 0, max_cols_ = 1;
  size_t bytes_ = 0;
};

}  // namespace

Weights load_weights(Backend& backend, const Config& config, const std::vector<std::string>& paths,
                     const std::vector<Entry>& entries, const Progress& progress) {
  return Loader(backend, config, paths, entries, progress).load();
}

}  // namespace phi3lab
