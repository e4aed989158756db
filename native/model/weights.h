// From the weights as JavaScript found them in the files (what each is, its rows' formats and places) to the model's
// weights where the backend keeps them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config.h"
#include "convert.h"
#include "file.h"
#include "native/seam/backend.h"

namespace phi3lab {

// What a weight is to the forward pass. src/weights/roles.ts says how files name it and what is stacked into it.
enum class Role : uint8_t {
  embed_tokens,
  input_layernorm,
  qkv_proj,
  qkv_bias,
  q_norm,
  k_norm,
  o_proj,
  post_attention_layernorm,
  gate_up_proj,
  down_proj,
  norm,
  lm_head
};
constexpr const char* kRoleNames[] = {"embed_tokens", "input_layernorm", "qkv_proj", "qkv_bias",
                                      "q_norm",       "k_norm",          "o_proj",   "post_attention_layernorm",
                                      "gate_up_proj", "down_proj",       "norm",     "lm_head"};
inline const char* name_of(Role role) { return kRoleNames[static_cast<size_t>(role)]; }
std::optional<Role> role_named(std::string_view name);

// Rows of a weight in a file. Nothing of it is believed until `load_weights` has checked it against the file and the
// configuration.
struct WeightPart {
  WeightType type;
  std::vector<int64_t> shape;
  int64_t file;
  int64_t offset;                 // bytes
  int64_t interleaved_heads = 0;  // heads in whose rows the numbers that rotate together are neighbours; 0: none are
  std::optional<Conversion> conversion;  // where the file has other numbers than the backend gets, which are of `type`
};

// A weight: its parts' rows, one part behind the other.
struct WeightEntry {
  Role role;
  int64_t layer;  // -1 outside the layers
  std::vector<WeightPart> parts;
};

struct LayerWeights {
  std::unique_ptr<Weight> input_layernorm;           // (hidden)
  std::unique_ptr<Weight> qkv_proj;                  // ((heads + 2 * kv_heads) * head_dim, hidden)
  std::unique_ptr<Weight> qkv_bias;                  // ((heads + 2 * kv_heads) * head_dim, 1); null: none
  std::unique_ptr<Weight> q_norm, k_norm;            // (head_dim); null: none
  std::unique_ptr<Weight> o_proj;                    // (hidden, heads * head_dim)
  std::unique_ptr<Weight> post_attention_layernorm;  // (hidden)
  std::unique_ptr<Weight> gate_up_proj;              // (2 * ffn, hidden)
  std::unique_ptr<Weight> down_proj;                 // (hidden, ffn)

  QkvProjection qkv() const {
    QkvProjection projection = *qkv_proj;
    projection.bias = qkv_bias.get(), projection.q_norm = q_norm.get(), projection.k_norm = k_norm.get();
    return projection;
  }
};

struct Weights {
  std::vector<std::unique_ptr<MappedFile>> files;  // first, so that it goes last: a weight may point into them
  std::unique_ptr<Weight> embed_tokens;            // (vocab, hidden)
  std::vector<LayerWeights> layers;
  std::unique_ptr<Weight> norm;  // (hidden)
  const Weight* lm_head;         // (vocab, hidden): its own, or embed_tokens where the files hold no other

  std::unique_ptr<Weight> own_head;
  int64_t max_cols = 0;  // of any matrix
  size_t bytes = 0;      // that the backend holds
};

// Called with the bytes uploaded so far, of all; throws to stop.
using Progress = std::function<void(int64_t uploaded, int64_t total)>;

// Throws a sentence that names the weight when one is missing, lies outside its file or has another shape than
// expected.
Weights load_weights(Backend& backend, const Config& config, const std::vector<std::string>& paths,
                     const std::vector<WeightEntry>& entries, const Progress& progress);

}  // namespace phi3lab
