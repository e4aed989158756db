// Phi-3: the forward pass, in the verbs of a backend. It names no device and no weight format.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "edits.h"
#include "rotary.h"
#include "weights.h"

namespace phi3lab {

// Keys and values of one sequence, and how many positions they hold.
struct SequenceCache {
  std::unique_ptr<Cache> cache;  // null until a pass needs it, and once it was disposed
  bool disposed = false;
  std::atomic<int64_t> length{0};  // other threads read it
  Angles angles = Angles::usual;   // that its keys were turned by
  std::vector<int32_t> ids;        // (length,) or more, of passes by `forward`, where angles vary
};

// How a prompt is run.
struct Pieces {
  // Positions of the text after the call, or of the longest of those beside which it is run, where that is more: it
  // says which angles are taken.
  int64_t length = 0;
  int64_t tokens = 0;  // of a piece at most; 0: the backend's choice
  // (count, hidden), in place of the ids' embeddings; the ids are then -1.
  const float* embeds = nullptr;
  int64_t layers = 0;  // that are run; 0: all
};

// Where the attention weights of a layer in a chunk of `tokens` that sees `positions` are to be put; null: nowhere.
using WeightsFor = std::function<AttentionWeights(int64_t layer, int64_t tokens, int64_t positions)>;

class Phi3 {
 public:
  static constexpr int64_t kExcluded = 64;

  // Loads the weights; see load_weights for what it throws.
  Phi3(std::unique_ptr<Backend> backend, const Config& config, const std::vector<std::string>& paths,
       const std::vector<WeightEntry>& entries, const Progress& progress);

  const Config& config() const { return config_; }
  Backend& backend() { return *backend_; }
  std::unique_ptr<Cache> make_cache();

  // Whether a text of `length` positions has other angles than the keys that `sequence` holds.
  bool turns(const SequenceCache& sequence, int64_t length) const {
    return sequence.length > 0 && sequence.angles != rotary_->angles_of(length);
  }
  // Computes anew what `sequence` holds, where a text of `length` positions has other angles.
  void align(SequenceCache& sequence, int64_t length);
  // Runs `count` tokens behind those that `sequence` holds, which is aligned, in pieces, and calls `visit` after each
  // with its hidden states (T, hidden), before the final norm, valid until the next.
  void forward(SequenceCache& sequence, const int32_t* ids, int64_t count, const Pieces& pieces,
               const std::function<void(Tensor hidden, int64_t first)>& visit);

  // out (T, hidden) = the final norm of hidden (T, hidden).
  void final_norm(Tensor out, Tensor hidden);
  // logits (T, vocab) of normed hidden states (T, hidden).
  void lm_head(Tensor logits, Tensor normed);

  // Modules by themselves, T at most `max_chunk`.

  // The widths of a module's input and output.
  struct Widths {
    int64_t in = 0, out = 0;
  };
  // Throws a sentence where the model has no such module. Of swiglu: `role` none.
  Widths widths(std::optional<Role> role, int64_t layer) const;
  // out (T, widths.out) of in (T, widths.in): the norm, or the product with its bias; of no role: swiglu.
  void apply(Tensor out, Tensor in, std::optional<Role> role, int64_t layer);
  // out (T, hidden) = the embeddings of `count` ids; waits.
  void embed(Tensor out, const int32_t* ids, int64_t count);

  // Greedy decoding: `next_token` within the visit of a prompt's last chunk, then `step`s; each sends one id, which
  // `backend().next_token()` gives in their order, -1 where a score is NaN. `excluded`: ids that are not chosen.

  // Ids that are passed over from now on, when a call asks for it: kExcluded at most.
  void exclude(const std::vector<int32_t>& ids);
  // Chooses the token behind the last row of a chunk's hidden states.
  void choose_token(Tensor hidden, bool excluding);
  // Runs the token that was chosen last, and chooses the next.
  void step(SequenceCache& sequence, bool excluding);

  // Several sequences at once: a token of each in one pass, which reads the weights once for all.

  // From now on a pass continues these, CacheBatch::kMost at most, each by its token of `ids`; they are aligned for
  // texts of `length` positions. Nothing is under way.
  void gather(const std::vector<SequenceCache*>& sequences, const std::vector<int32_t>& ids, int64_t length);
  // `step` for all of them: sends an id of each, in their order, from which the next pass goes on.
  void step_gathered(bool excluding);
  // Runs their tokens; logits (sequences, vocab), valid until the next pass.
  Tensor score_gathered();
  // out's positions from `first` to `end` become in's, which holds so many.
  void copy_positions(SequenceCache& out, const SequenceCache& in, int64_t first, int64_t end);

  // Passes of `step` since `count_steps` said 0, and the positions that they saw, in all.
  struct Steps {
    int64_t passes = 0, positions = 0;
  };
  const Steps& steps() const { return steps_; }
  void count_steps() { steps_ = {}; }
  // Seconds that `step` takes over about `positions` positions as decoding runs it, one pass behind the other; 0 where
  // the model cannot be run so.
  double time_step(int64_t positions);

  // What cuts edges of attention from now on, and names the passes that are recorded meanwhile; null: nothing.
  void set_edits(const EditList* edits) { edits_ = edits; }
  // What a pass of `tokens` reads, for verbs between those of the pass.
  PassInput input(int64_t tokens) const {
    auto* ids = static_cast<int32_t*>(step_->data);
    return {ids, ids + max_chunk_, tokens};
  }

  // Rows that a chunk has at most.
  int64_t max_chunk() const { return max_chunk_; }
  // Which attention weights are kept for the tap, and where; empty: none.
  void keep_attention_weights(WeightsFor where) { weights_for_ = std::move(where); }
  size_t weight_bytes() const { return weights_.bytes; }
  // Throws where a weight file is not what it was when it was mapped.
  void check_files() const {
    for (const auto& file : weights_.files) file->check();
  }
  // From any thread.
  size_t workspace_bytes() const;

 private:
  // The intermediates of one chunk: one behind the other in `scratch_`.
  struct Chunk {
    Tensor hidden, normed, qkv, context, gate_up, activation, projected;
    int64_t positions;
    size_t bytes;  // that they take
  };
  // Tensors of one chunk in memory of chunk_bytes(tokens); null: where they would lie.
  Chunk lay_out(float* memory, int64_t tokens, int64_t positions) const;
  size_t chunk_bytes(int64_t tokens) const;
  // The head's rows: what the final norm gives (T, hidden), and logits (T, vocab), in memory of head_bytes(T).
  struct Head {
    Tensor normed, logits;
  };
  Head head_in(const Buffer& memory, int64_t rows) const;
  size_t head_bytes(int64_t rows) const;
  Chunk chunk_of(int64_t tokens, int64_t positions);
  // Puts other memory in a buffer's place: never both at once.
  void grow(std::shared_ptr<Buffer>& buffer, size_t bytes);
  // `embeds`: (T, hidden), in place of the ids' embeddings.
  // `count`: of the layers that are run, from the first on; 0: all.
  void layers(Cache& cache, Angles angles, const PassInput& input, const Chunk& c, const float* embeds = nullptr,
              int64_t count = 0);
  // Positions whose keys and values a pass looks at: each is read once, however many queries see it.
  size_t seen(const AttentionShape& shape, const PassInput& input, const Chunk& c) const;
  // A pass of the gathered sequences, whose `end` takes their hidden states; `key`: which it is.
  void pass_gathered(int64_t key, const std::function<void(const PassInput& input, Tensor hidden)>& end);
  // The weight of a role; null where the model has none.
  const Weight* weight_of(Role role, int64_t layer) const;
  // ids (T,) of hidden (T, hidden).
  void choose(int32_t* ids, const Head& head, const PassInput& input, Tensor hidden, bool excluding);

  std::unique_ptr<Backend> backend_;
  Config config_;
  Weights weights_;
  int64_t max_chunk_;
  WeightsFor weights_for_;
  const EditList* edits_ = nullptr;
  std::unique_ptr<RotaryTables> rotary_;
  std::shared_ptr<Buffer> step_;     // ids (max_chunk), position, the chosen id, excluded ids
  std::shared_ptr<Buffer> token_;    // the intermediates of one token: recorded passes hold its address
  std::shared_ptr<Buffer> scratch_;  // the intermediates of the longest chunk so far
  std::shared_ptr<Buffer> head_;     // of one token
  int64_t scratch_tokens_ = 0;
  std::atomic<size_t> grown_bytes_{0};  // of scratch_, and of gathered_
  int64_t excluded_ = 0;                // ids that `exclude` named
  // What `gather` was given, and what its passes need, which stays where it is: recorded passes hold its address.
  struct Gathered {
    std::vector<SequenceCache*> sequences;
    std::unique_ptr<CacheBatch> caches;
    std::shared_ptr<Buffer> input;    // ids (kMost,), positions (kMost,)
    std::shared_ptr<Buffer> scratch;  // the intermediates of kMost tokens
    std::shared_ptr<Buffer> head;     // of as many
  } gathered_;
  Steps steps_;
};

}  // namespace phi3lab
