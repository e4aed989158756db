#include "weights.h"

#include <unordered_map>

namespace phi3lab {
namespace {

std::string text_of(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); i++) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

class Loader {
 public:
  Loader(Backend& backend, const Config& config, const std::vector<std::string>& paths,
         const std::vector<Entry>& entries, const Progress& progress)
      : backend_(backend), config_(config), progress_(progress) {
    for (const std::string& path : paths) files_.push_back(std::make_shared<MappedFile>(path));
    for (const Entry& entry : entries) {
      by_name_.emplace(entry.name, &entry);
      if (entry.name.rfind("blk.", 0) == 0) gguf_ = true;
    }
  }

  Weights load() {
    const AttentionShape shape = config_.attention();
    const int64_t hidden = config_.hidden_size, ffn = config_.intermediate_size;
    Weights weights;
    const bool tied = !find("lm_head.weight") && !find("output.weight");
    if (tied && !gguf_ && !config_.tie_word_embeddings) missing("lm_head.weight");
    plan([&] {
      weights.embed_tokens = place(name("model.embed_tokens", "token_embd"), config_.vocab_size, hidden,
                                   tied ? WeightKind::embedding_and_matrix : WeightKind::embedding);
      weights.layers.clear();
      for (int64_t i = 0; i < config_.num_hidden_layers; i++) {
        LayerWeights layer;
        layer.input_layernorm = vector(in_layer(i, "input_layernorm", "attn_norm"));
        layer.qkv_proj = stack(shape.qkv_size(), hidden, in_layer(i, "self_attn.qkv_proj", "attn_qkv"),
                               {{in_layer(i, "self_attn.q_proj", "attn_q"), shape.q_size(), rotary(shape.heads)},
                                {in_layer(i, "self_attn.k_proj", "attn_k"), shape.kv_size(), rotary(shape.kv_heads)},
                                {in_layer(i, "self_attn.v_proj", "attn_v"), shape.kv_size(), 0}});
        layer.o_proj = place(in_layer(i, "self_attn.o_proj", "attn_output"), hidden, shape.q_size(), WeightKind::matrix);
        layer.post_attention_layernorm = vector(in_layer(i, "post_attention_layernorm", "ffn_norm"));
        // GGUF calls Phi-3's stacked gate and up simply ffn_up.
        const std::string stacked = in_layer(i, "mlp.gate_up_proj", "ffn_up");
        const std::string gate = in_layer(i, "mlp.gate_proj", "ffn_gate"), up = in_layer(i, "mlp.up_proj", "ffn_up");
        layer.gate_up_proj = stack(2 * ffn, hidden, find(gate) ? gate + " (stacked)" : stacked, {{gate, ffn, 0}, {up, ffn, 0}});
        layer.down_proj = place(in_layer(i, "mlp.down_proj", "ffn_down"), hidden, ffn, WeightKind::matrix);
        weights.layers.push_back(std::move(layer));
      }
      weights.norm = vector(name("model.norm", "output_norm"));
      if (!tied) weights.own_head = place(name("lm_head", "output"), config_.vocab_size, hidden, WeightKind::matrix);
    });
    weights.lm_head = tied ? weights.embed_tokens.get() : weights.own_head.get();
    weights.files = files_;
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

  std::string name(const char* model, const char* gguf) const {
    return std::string(gguf_ ? gguf : model) + ".weight";
  }
  std::string in_layer(int64_t i, const char* model, const char* gguf) const {
    return (gguf_ ? "blk." : "model.layers.") + std::to_string(i) + "." + (gguf_ ? gguf : model) + ".weight";
  }
  int64_t rotary(int64_t heads) const { return gguf_ ? heads : 0; }

  const Entry* find(const std::string& wanted) const {
    const auto found = by_name_.find(wanted);
    return found == by_name_.end() ? nullptr : found->second;
  }
  [[noreturn]] static void missing(const std::string& wanted) {
    throw Error("[weights] Expected a tensor " + wanted + " but the files hold none");
  }

  RowGroup group(const Part& part, int64_t cols) {
    const Entry* entry = find(part.name);
    if (!entry) missing(part.name);
    const std::vector<int64_t> expected = cols == 0 ? std::vector<int64_t>{part.rows} : std::vector<int64_t>{part.rows, cols};
    if (entry->shape != expected)
      throw Error("[weights] Expected " + part.name + " of shape " + text_of(expected) + " but received " +
                  text_of(entry->shape));
    const WeightFormat& format = format_of(entry->type);
    const int64_t width = cols == 0 ? part.rows : cols, height = cols == 0 ? 1 : part.rows;
    if (width % format.block != 0)
      throw Error("[weights] Expected the rows of " + part.name + " to be a multiple of " +
                  std::to_string(format.block) + " long for " + format.name + " but received " + std::to_string(width));
    if (entry->file < 0 || entry->file >= static_cast<int64_t>(files_.size()))
      throw Error("[weights] " + part.name + " lies in file " + std::to_string(entry->file) + " of " +
                  std::to_string(files_.size()));
    const MappedFile& file = *files_[static_cast<size_t>(entry->file)];
    const int64_t bytes = row_bytes(entry->type, width) * height;
    if (entry->offset < 0 || entry->offset > file.size() || bytes > file.size() - entry->offset)
      throw Error("[weights] " + file.path() + " is truncated: " + part.name + " needs " + std::to_string(bytes) +
                  " bytes from byte " + std::to_string(entry->offset) + " on, the file has " +
                  std::to_string(file.size()));
    (dry_ ? total_ : placed_) += bytes;
    return {file.data() + entry->offset, entry->type, part.rows, part.rotary_heads};
  }

  std::unique_ptr<Weight> place(const std::string& weight, int64_t rows, int64_t cols, WeightKind kind) {
    return finish(weight, rows, cols, {{weight, rows, 0}}, kind);
  }
  std::unique_ptr<Weight> vector(const std::string& weight) {
    return finish(weight, config_.hidden_size, 0, {{weight, config_.hidden_size, 0}}, WeightKind::norm);
  }
  // One tensor when the file stacks them itself, else its parts.
  std::unique_ptr<Weight> stack(int64_t rows, int64_t cols, const std::string& whole, const std::vector<Part>& parts) {
    return find(whole) ? place(whole, rows, cols, WeightKind::matrix) : finish(whole, rows, cols, parts, WeightKind::matrix);
  }

  std::unique_ptr<Weight> finish(const std::string& weight, int64_t rows, int64_t cols, const std::vector<Part>& parts,
                                 WeightKind kind) {
    WeightSource source;
    source.name = weight;
    source.rows = kind == WeightKind::norm ? 1 : rows;
    source.cols = kind == WeightKind::norm ? rows : cols;
    for (const Part& part : parts) source.groups.push_back(group(part, cols));
    if (kind == WeightKind::norm) source.groups[0].rows = 1;
    if (dry_) return nullptr;
    source.release = [files = files_](const std::byte* data, int64_t bytes) {
      for (const auto& file : files)
        if (data >= file->data() && data < file->data() + file->size()) file->release(data, bytes);
    };
    auto result = backend_.place(source, kind);
    if (progress_) progress_(placed_, total_);
    return result;
  }

  Backend& backend_;
  const Config& config_;
  const Progress& progress_;
  std::vector<std::shared_ptr<MappedFile>> files_;
  std::unordered_map<std::string, const Entry*> by_name_;
  bool gguf_ = false, dry_ = true;
  int64_t total_ = 0, placed_ = 0;
};

}  // namespace

Weights load_weights(Backend& backend, const Config& config, const std::vector<std::string>& paths,
                     const std::vector<Entry>& entries, const Progress& progress) {
  return Loader(backend, config, paths, entries, progress).load();
}

}  // namespace phi3lab
