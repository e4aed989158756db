// A model with its worker thread, and what a caller may ask of it; knows nothing of JavaScript.
// `forward`, `step`, `lm_head`, `apply`, `embed`, `summarise`, the generations, `copy_cache` and the profile's three
// run on the worker; the rest may be called from any thread.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "phi3.h"
#include "worker.h"

namespace phi3lab {

// Set once, read between layers.
struct AbortState {
  std::atomic<bool> aborted{false};
};

using AbortRef = std::shared_ptr<AbortState>;

// A float32 array on the device; `buffer` is empty once it was disposed.
struct DeviceTensor {
  std::shared_ptr<Buffer> buffer;
  std::vector<int64_t> dims;
  float* data() const { return static_cast<float*>(buffer->data); }
  int64_t size() const {
    int64_t n = 1;
    for (int64_t dim : dims) n *= dim;
    return n;
  }
};
using TensorRef = std::shared_ptr<DeviceTensor>;

using CacheRef = std::shared_ptr<SequenceCache>;

struct OpenRequest {
  std::string device;
  std::string dtype = "auto";  // of a GPU's weights, keys and values
  Config config;
  std::vector<std::string> files;
  std::vector<WeightEntry> entries;
  int threads = 0;
  std::string compute = "float32";   // of prompts' products on the CPU
  std::string kv_dtype = "float32";  // of the CPU's keys and values
};

struct ForwardResult {
  TensorRef last_hidden_state;  // (T, hidden)
  std::unordered_map<std::string, TensorRef> taps;
};

// Where a text ends: what src/generation/stopping.ts decided.
struct Stopping {
  std::vector<int32_t> eos;
  int64_t max_new_tokens = 0;
  int64_t min_new_tokens = 0;  // so many come before any of eos may be chosen

  // Whether `tokens`, the new ones so far, are all.
  bool ended(const std::vector<int32_t>& tokens) const {
    return static_cast<int64_t>(tokens.size()) >= max_new_tokens ||
           (!tokens.empty() && std::find(eos.begin(), eos.end(), tokens.back()) != eos.end());
  }
};

struct GreedyRequest {
  std::vector<int32_t> ids;
  Stopping stopping;
  bool use_cache = true;
  int64_t chunk = 0;
  int64_t length = 0;  // of the longest prompt beside which it is continued
  CacheRef cache;      // of a beginning of the text, which grows by the rest; null: one of the call's own
  EditRequests edits;  // without functions
  std::function<void(int32_t id, int64_t index)> on_token;
};

struct GreedyResult {
  std::vector<int32_t> tokens;
  double prompt_ms = 0;
  std::vector<double> token_ms;
  bool aborted = false;
};

// Several texts that are continued at once, a token of each in a pass, each until it ends.
struct GreedyBatchRequest {
  struct Text {
    std::vector<int32_t> ids;
    int64_t max_new_tokens = 0;
    CacheRef cache;  // as GreedyRequest's
  };
  std::vector<Text> texts;
  Stopping stopping;   // but max_new_tokens
  int64_t length = 0;  // of the longest prompt beside which they are continued
};

// Tokens behind several sequences, one each.
struct StepRequest {
  std::vector<CacheRef> caches;
  std::vector<int32_t> ids;
  int64_t length = 0;  // see Pieces
};

// Of which rows of a pass (and, of attention weights, of which heads) an intermediate is kept.
struct TapRequest {
  std::optional<std::vector<int64_t>> rows, heads;  // rising; none: all
};
using TapRequests = std::unordered_map<std::string, TapRequest>;

// How much of the model a pass runs, and of what it is.
struct ForwardRequest {
  std::vector<int32_t> ids;
  CacheRef cache;      // null: one of its own
  TensorRef embeds;    // (T, hidden): in place of the embeddings of `ids`, which are then not looked at
  int64_t length = 0;  // see Pieces
  int64_t layers = 0;  // that are run, then without a last_hidden_state; 0: all
  TapRequests taps;
  EditRequests edits;
};

// Rows of hidden states (…, hidden) of which the head's scores are summarised.
struct SummaryRequest {
  static constexpr int64_t kMost = 256;  // of k
  TensorRef hidden;
  int64_t start = 0, rows = 0;
  bool norm = false;            // whether they go through the final norm first
  int64_t k = 0;                // the likeliest tokens of each
  std::vector<int32_t> tokens;  // (rows, n): named ones
  int64_t group = 0;            // rows of which the last is what the others' distributions are compared with; 0: none
};

// As seam/tensor.h's Summary says, on the host.
struct SummaryResult {
  std::vector<int32_t> ids, token_ranks;
  std::vector<float> logits, logsumexp, entropy, divergence, token_logits;
};

struct Memory {
  size_t weights, cache, workspace;
};

class TapCollector;

class Session {
 public:
  static constexpr const char* kDisposed = "The model was disposed; load it again with from_pretrained";

  Session() = default;
  ~Session() { shutdown(); }

  Worker& worker() { return worker_; }

  void open(const OpenRequest& request, const AbortRef& abort, const Progress& progress);
  // A cache whose memory comes with the first pass over it.
  CacheRef make_cache();
  struct CacheSize {
    int64_t capacity;  // positions
    size_t bytes;
  };
  // Throws when the cache was disposed, or the model that it belongs to.
  CacheSize size_of(const SequenceCache& cache);
  // Frees its memory; on the worker.
  void drop(SequenceCache& cache);
  ForwardResult forward(const ForwardRequest& request, const AbortRef& abort);
  TensorRef lm_head(const TensorRef& hidden, int64_t start, int64_t rows, const AbortRef& abort);
  // One module's output (rows, n) of `rows` vectors of `input` from row `start` on; no role: swiglu.
  TensorRef apply(std::optional<Role> role, int64_t layer, const TensorRef& input, int64_t start, int64_t rows,
                  const AbortRef& abort);
  TensorRef embed(const std::vector<int32_t>& ids, const AbortRef& abort);
  SummaryResult summarise(const SummaryRequest& request, const AbortRef& abort);
  GreedyResult generate_greedy(const GreedyRequest& request, const AbortRef& abort);
  // Of each text; where one is aborted, all are.
  std::vector<GreedyResult> generate_greedy(const GreedyBatchRequest& request, const AbortRef& abort);
  // Logits (sequences, vocab) behind a token more of each sequence; each cache grows by one.
  TensorRef step(const StepRequest& request, const AbortRef& abort);
  // `to` then holds the positions of `from` up to `length`, of which it has the first ones already.
  void copy_cache(const CacheRef& to, const CacheRef& from, int64_t length, const AbortRef& abort);

  // Times the work that follows, until `stop_profile` gives the times.
  void start_profile();
  Profile stop_profile();
  // Bytes a second that the device's memory is read with, measured at the first call.
  double stream();

  TensorRef upload(const float* data, std::vector<int64_t> dims);
  void read(float* out, const DeviceTensor& tensor, int64_t start, int64_t count);
  Memory memory();
  const Config& config() const { return config_; }
  const std::string& device() const { return device_; }
  // "float32", "bfloat16" or "float16": what weights, keys and values are kept in.
  const std::string& dtype() const { return dtype_; }

  // Frees the model, every cache and every tensor; on the worker.
  void dispose();
  // Stops the work under way and ends the thread; from any thread but that one.
  void shutdown();

 private:
  // While it lives, `abort` stops the backend's work, and `shutdown` sets it. Throws Aborted when it is set already.
  class AbortScope {
   public:
    AbortScope(Session& session, const AbortRef& abort);
    ~AbortScope();
    AbortScope(const AbortScope&) = delete;
    AbortScope& operator=(const AbortScope&) = delete;

   private:
    Session& session_;
  };
  // While it lives, the passes are edited, and a collector is given what they make.
  class Listening {
   public:
    Listening(Phi3& phi3, std::shared_ptr<const EditList> edits);
    ~Listening();
    Listening(const Listening&) = delete;
    Listening& operator=(const Listening&) = delete;
    void record(TapCollector& taps);

   private:
    void edit(const char* name, int64_t layer, Tensor view, int64_t first);

    Phi3& phi3_;
    const std::shared_ptr<const EditList> edits_;
  };
  // The list of a call's edits: the last one where it does the same; none: null.
  std::shared_ptr<const EditList> edits_of(const EditRequests& requests);
  TensorRef tensor(std::vector<int64_t> dims);
  // A part of `texts`, CacheBatch::kMost at most.
  void continue_texts(std::vector<GreedyResult>& results, const GreedyBatchRequest& request, size_t first, size_t count,
                      const AbortRef& abort);
  // The cache with its address space; on the worker.
  SequenceCache& reserved(const CacheRef& cache);
  // Throws where a file whose pages the device reads is not what it was; a GPU has its weights in its own memory.
  void check_files();
  void check_ids(const char* operation, const std::vector<int32_t>& ids) const;
  // Positions of a prompt that its cache holds already. Throws unless some of the prompt are left to compute.
  static int64_t held_of(const SequenceCache& sequence, const std::vector<int32_t>& prompt);
  void check_context(const char* operation, int64_t positions) const;
  // Throws for a length or a number of tokens that no text has.
  static void check_count(const char* name, int64_t count);
  // The rows of hidden states; throws where they are disposed, or of another width.
  int64_t rows_of(const char* operation, const DeviceTensor& hidden) const;
  Phi3& model();

  std::mutex mutex_;  // over the lists, which JavaScript's thread reads too
  std::vector<std::weak_ptr<DeviceTensor>> tensors_;
  size_t prune_at_ = 64;  // length of that list at which it is looked through
  std::vector<std::weak_ptr<SequenceCache>> caches_;
  Config config_;
  std::string device_, dtype_ = "float32";
  std::unique_ptr<Profile> profile_;  // before the model, whose backend writes into it
  double stream_ = 0;
  std::unique_ptr<Phi3> model_;
  std::shared_ptr<const EditList> last_edits_;
  std::atomic<bool> stopping_{false};
  std::shared_ptr<AbortState> current_;  // of the work under way
  Worker worker_;                        // last: its thread uses all of the above
};

}  // namespace phi3lab
