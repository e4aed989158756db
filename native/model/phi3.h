// Phi-3: the forward pass, in the verbs of a backend. It names no device and no weight format.
#pragma once

#include <functional>

#include "weights.h"

namespace phi3lab {

// Polled between layers; throws to stop the pass.
using Poll = std::function<void()>;

class Phi3 {
 public:
  // Loads the weights; see load_weights for what it throws.
  Phi3(std::unique_ptr<Backend> backend, const Config& config, const std::vector<std::string>& paths,
       const std::vector<Entry>& entries, const Progress& progress);

  const Config& config() const { return config_; }
  Backend& backend() { return *backend_; }
  std::unique_ptr<Cache> make_cache();

  // Runs `count` tokens behind those that `cache` holds, in chunks of at most `chunk` tokens (0: the model's own choice),
  // and calls `visit` with each chunk's hidden states after the final norm, (T, hidden), valid until the next one.
  void forward(Cache& cache, const int32_t* ids, int64_t count, int64_t chunk, const Poll& poll,
               const std::function<void(View hidden, int64_t first)>& visit);

  // Logits (rows, vocab) of hidden states (rows, hidden), both in device memory.
  void lm_head(View logits, View hidden);

  // Rows of workspace that a chunk may have, and that `lm_head` is called with at most.
  int64_t max_chunk() const { return max_chunk_; }
  // Whether the attention weights are kept for the listener.
  void keep_attention_weights(bool keep) { keep_attention_weights_ = keep; }
  int64_t workspace_bytes() const;

 private:
  void layers(Cache& cache, const Pass& pass, const Workspace& ws, const Poll& poll);
  Workspace workspace(int64_t tokens, int64_t positions);

  std::unique_ptr<Backend> backend_;
  Config config_;
  Weights weights_;
  int64_t max_chunk_;
  bool keep_attention_weights_ = false;
  std::shared_ptr<Buffer> angles_;      // (context, head_dim / 2, {cos, sin})
  std::shared_ptr<Buffer> step_;        // ids (max_chunk), position
  std::shared_ptr<Buffer> scratch_;     // the workspace of the greatest chunk so far
  std::shared_ptr<Buffer> attention_;   // attention weights, while they are kept
  int64_t scratch_tokens_ = 0;
};

}  // namespace phi3lab
