// From the directory of a weight file (names, types, shapes, offsets: read by JavaScript from the file's header) to the
// model's weights where the backend keeps them.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "config.h"
#include "file.h"
#include "native/seam/backend.h"

namespace phi3lab {

// One tensor of a file. Nothing of it is believed until `Weights` has checked it against the file and the
// configuration.
struct Entry {
  std::string name;
  WeightType type;
  std::vector<int64_t> shape;
  int64_t file;
  int64_t offset;
};

struct LayerWeights {
  std::unique_ptr<Weight> input_layernorm;           // (hidden)
  std::unique_ptr<Weight> qkv_proj;                  // ((heads + 2 * kv_heads) * head_dim, hidden)
  std::unique_ptr<Weight> o_proj;                    // (hidden, heads * head_dim)
  std::unique_ptr<Weight> post_attention_layernorm;  // (hidden)
  std::unique_ptr<Weight> gate_up_proj;              // (2 * ffn, hidden)
  std::unique_ptr<Weight> down_proj;                 // (hidden, ffn)
};

struct Weights {
  std::vector<std::unique_ptr<MappedFile>> files;  // first, so that it goes last: a weight may point into them
  std::unique_ptr<Weight> embed_tokens;            // (vocab, hidden)
  std::vector<LayerWeights> layers;
  std::unique_ptr<Weight> norm;  // (hidden)
  const Weight* lm_head;         // (vocab, hidden): its own, or embed_tokens when the model ties them

  std::unique_ptr<Weight> own_head;
  int64_t max_cols = 0;  // of any matrix
  size_t bytes = 0;      // that the backend holds
};

// Called with the bytes placed so far, of all; throws to stop.
using Progress = std::function<void(int64_t placed, int64_t total)>;

// Throws a sentence that names the tensor when one is missing, lies outside its file or has another shape than
// expected.
Weights load_weights(Backend& backend, const Config& config, const std::vector<std::string>& paths,
                     const std::vector<Entry>& entries, const Progress& progress);

}  // namespace phi3lab
