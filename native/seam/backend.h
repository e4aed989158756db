// The seam between the model and the devices: every verb of a forward pass.
//
// - A primitive verb is pure virtual. A fused verb's body here is its definition in primitives; a backend overrides it
//   where fusing pays, begins with `if (tapped(…)) return Backend::the_verb(...)`, and is tested against the
//   definition.
// - Verbs are asynchronous, run in the order they were enqueued, and allocate nothing: every tensor is the caller's.
//   What they compute is there after `synchronize`. Token ids and position lie in device memory.
// - qkv, context and activation pass between fused verbs: while nothing is tapped their writer may leave them in a
// layout
//   of the backend's own, and says so in the tensor (a Tensor&, float32 when it comes in; `data` may change too). All
//   else is float32 always. No backend keeps anything of one verb for the next but in tensors.
// - Arguments: outputs, inputs, shapes, scalars. T is the number of tokens of the pass.
// - A backend is used by one thread at a time, except `read`, `write` and `allocate`, which any thread may call.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>

#include "profile.h"
#include "tensor.h"

namespace phi3lab {

/** Thrown by `checkpoint` and `next_token` when the work was aborted. */
struct Aborted : std::runtime_error {
  Aborted() : std::runtime_error("The work was aborted") {}
};

/** Thrown where the device has not so much memory as is asked for: freeing some and asking again may help. */
struct OutOfMemory : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/** What lies between two values of the residual stream: the fused verbs of one run their definitions together. */
enum class Half : uint8_t { attention, feed_forward, head };

class Backend {
 public:
  virtual ~Backend() = default;

  // Memory.

  /** Keeps, converts, repacks or moves a weight. The source's mapping outlives the backend; names and shapes stay. */
  virtual std::unique_ptr<Weight> upload_weight(const WeightSource& source, WeightKind kind) = 0;
  /** Device memory; zero or undefined. Throws a sentence when there is not enough. */
  virtual std::shared_ptr<Buffer> allocate(size_t bytes) = 0;
  /** Address space for `capacity` positions. */
  virtual std::unique_ptr<Cache> reserve_cache(const AttentionShape& shape, int64_t layers, int64_t capacity) = 0;
  /** Room for caches of this shape, none so far. */
  virtual std::unique_ptr<CacheBatch> make_batch(const AttentionShape& shape) = 0;
  /** Sizes the backend's own scratch memory for passes of up to `tokens` tokens; called once, before the first pass. */
  virtual void prepare(int64_t tokens, int64_t max_cols) = 0;
  /** Bytes of scratch memory that the backend holds for itself. */
  virtual size_t workspace_bytes() const = 0;
  /** Copies to host memory what was computed before the last `synchronize`. */
  virtual void read(void* host, const void* device, size_t bytes) = 0;
  /** Copies from host memory; the host memory may be reused at once. Not while a pass that reads it is under way. */
  virtual void write(void* device, const void* host, size_t bytes) = 0;

  // The course of a pass.

  /** "float32", "bfloat16" or "float16": whose numbers the weights are; keys and values are at least as fine. */
  virtual const char* dtype() const { return "float32"; }
  /** Tokens of a prompt that one pass takes best. */
  virtual int64_t preferred_chunk() const = 0;
  /** Passes of one token that are enqueued before the first one's token is taken: more than one hides the host. */
  virtual int64_t steps_ahead() const { return 1; }
  /** Runs a pass over `cache`. A backend may record it under `key` and run the record next time: the same key and cache
   * are the same verbs and pointers. */
  virtual void replay(int64_t key, const Cache& cache, const std::function<void()>& pass) {
    (void)key, (void)cache, pass();
  }
  /** Waits until everything enqueued so far is computed. Throws what went wrong meanwhile. */
  virtual void synchronize() = 0;
  /** Takes the oldest emitted id; waits for it. Throws Aborted when the abort flag is set. */
  virtual int32_t next_token() = 0;
  /** Waits until everything enqueued so far is computed, and drops the ids that were emitted. Throws nothing. */
  virtual void discard() noexcept = 0;
  /** After each layer of a pass of T tokens a sequence: work may be handed to the device; throws Aborted when the abort
   * flag is set. */
  virtual void checkpoint(int64_t tokens) = 0;
  /** What `checkpoint` and `next_token` look at until set anew; null: nothing aborts the work. */
  void set_abort_flag(const std::atomic<bool>* flag) { abort_flag_ = flag; }

  /** Is given every named intermediate. `tensor` holds it in the order of the verbs: take it by `copy`. */
  using Tap = std::function<void(const char* name, int64_t layer, Tensor tensor, int64_t first)>;
  /** Which halves of which layers a tap looks into. */
  using Within = std::function<bool(Half half, int64_t layer)>;
  /** Null: nobody listens. With `within` the tap does nothing but say verbs, the same ones in every pass, and is given
   * what is named in other halves where it happens to be there: a pass may be recorded with it. */
  void set_tap(Tap tap, Within within = {}) { tap_ = std::move(tap), within_ = std::move(within); }
  /** Whether someone listens to everything, of which no two passes need be alike. */
  bool tapped() const { return tap_ && !within_; }
  /** Whether someone looks into this half of a layer; of the head, layer -1. */
  bool tapped(Half half, int64_t layer) const { return tap_ && (!within_ || within_(half, layer)); }
  /** Does nothing unless a tap is set. `layer` is -1 outside the layers; row 0 of `tensor` is row `first` of the pass.
   */
  void tap(const char* name, int64_t layer, Tensor tensor, int64_t first = 0) {
    if (!tap_ || (within_ && tensor.layout != Layout::float32)) return;
    tensor.expect_float32("tap");
    tap_(name, layer, tensor, first);
  }

  /** Names the verb that comes next, for a profile: `b.at(Part::down, i, bytes).down_residual(…)`. */
  Backend& at(Part part, int64_t layer, size_t bytes) {
    mark_ = {part, true, layer, bytes};
    begin_stage(mark_);
    return *this;
  }
  /** Times every verb from now on into `profile`, which lives until it is set anew; null: stops, when all is there. */
  virtual void profile(Profile* profile) = 0;
  /** Bytes a second of reading the device's memory from end to end, measured now. Throws OutOfMemory. */
  virtual double measure_stream() = 0;

  // Primitive verbs.

  /** out (T, hidden) = rows `ids` of table (vocab, hidden). */
  virtual void embed(Tensor out, const PassInput& input, const Weight& table) = 0;
  /** out (T, cols) = in / sqrt(mean(in²) + eps) * weight (1, cols), in float32. */
  virtual void rms_norm(Tensor out, Tensor in, const Weight& weight, float eps) = 0;
  /** out (T, rows) = in (T, cols) · weight (rows, cols)ᵀ. */
  virtual void matmul(Tensor out, Tensor in, const Weight& weight) = 0;
  /** out (T, cols) += bias (cols, 1), each row. */
  virtual void add_bias(Tensor out, const Weight& bias) = 0;
  /** rms_norm in place of each head of q and k in qkv (T, qkv_cols), by weights (1, head_dim). */
  virtual void norm_heads(Tensor qkv, const Weight& q_norm, const Weight& k_norm, const AttentionShape& shape,
                          float eps) = 0;
  // From here to `attend`, of a pass of several sequences: row t stands at position[t], and `cache` is a CacheBatch,
  // whose t-th cache is row t's.

  /** Rotates q and k in qkv (T, qkv_cols) by their positions; table (positions, dims): cosines, then sines. Of each
   * head the first `dims` numbers turn, i with i + dims / 2. */
  virtual void rope(Tensor qkv, const PassInput& input, Tensor table, const AttentionShape& shape) = 0;
  /** Puts k and v of qkv (T, qkv_cols) into the layer's cache from `position` on. */
  virtual void append(Cache& cache, Tensor qkv, const PassInput& input, int64_t layer, const AttentionShape& shape) = 0;
  /** context (T, heads * head_dim) = softmax(scale · q kᵀ, causal, windowed) v over the cache; `weights` when asked, of
   * one sequence alone. Where qkv is unrotated, rotates it by `table` and appends it first. */
  virtual void attend(Tensor& context, AttentionWeights weights, Tensor qkv, Cache& cache, const PassInput& input,
                      Tensor table, int64_t layer, const AttentionShape& shape) = 0;
  /** attend without the edges in `blocked` (count,), which lies in the device's memory: their scores count as −∞. A
   * query that sees nothing then finds nothing: 0. qkv is rotated and appended. */
  virtual void attend_blocked(Tensor context, AttentionWeights weights, Tensor qkv, Cache& cache,
                              const PassInput& input, const BlockedEdges* blocked, int64_t count, int64_t layer,
                              const AttentionShape& shape) = 0;
  /** out (T, ffn) = up * silu(gate), with gate_up (T, 2 * ffn): gate, then up. */
  virtual void swiglu(Tensor out, Tensor gate_up) = 0;
  /** out = a + b, elementwise; out may be a. */
  virtual void add(Tensor out, Tensor a, Tensor b) = 0;
  /** ids (T,) = of each row of logits (T, vocab) the smallest index of the largest not in `excluded` (excluded_count,);
   * -1 if any of the row is NaN. */
  virtual void argmax(int32_t* ids, Tensor logits, const int32_t* excluded, int64_t excluded_count) = 0;
  /** Tells of each row of logits (T, vocab) what `out` has room for. `tokens` (T, out.tokens): ids, per row. Where
   * out.divergence is asked for, each `group` rows are one group, whose last row is left as its probabilities. */
  virtual void summarise(Summary out, Tensor logits, const int32_t* tokens, int64_t group) = 0;
  /** Changes rows of x (T, cols), the first of which is row `first` of the pass, that stand at the edit's positions. */
  virtual void edit_rows(Tensor x, const RowEdit& edit, const PassInput& input, int64_t first) = 0;
  /** out = in. */
  virtual void copy(Tensor out, Tensor in) = 0;
  /** out's positions from `first` to `end` = in's, in all layers; those behind them are then nobody's. Both caches are
   * of one shape, and committed so far. */
  virtual void copy_positions(Cache& out, const Cache& in, int64_t first, int64_t end) = 0;
  /** position (sequences,) += count, in device memory. */
  virtual void advance(int32_t* position, int64_t sequences, int64_t count) = 0;
  /** Sends ids (count,) to the host, which takes them one by one by `next_token` while the device goes on. */
  virtual void emit(const int32_t* ids, int64_t count) = 0;

  // Fused verbs; `normed`, `projected`, `gate_up` are scratch that an override may leave undefined.

  /** qkv = norm(hidden) · weightᵀ, with its bias and norms, rotated, its keys and values appended. */
  virtual void norm_qkv_rope_append(Tensor& qkv, Cache& cache, Tensor normed, Tensor hidden, const Weight& norm,
                                    const QkvProjection& projection, const PassInput& input, Tensor table,
                                    int64_t layer, const AttentionShape& shape, float eps) {
    rms_norm(normed, hidden, norm, eps);
    tap("input_layernorm", layer, normed);
    matmul(qkv, normed, projection.weight);
    if (projection.bias) add_bias(qkv, *projection.bias);
    tap("self_attn.qkv_proj", layer, qkv);
    if (projection.q_norm) norm_heads(qkv, *projection.q_norm, *projection.k_norm, shape, eps);
    rope(qkv, input, table, shape);
    tap("self_attn.rotary", layer, qkv);
    append(cache, qkv, input, layer, shape);
  }

  /** hidden += context · weightᵀ. */
  virtual void project_residual(Tensor hidden, Tensor projected, Tensor context, const Weight& weight, int64_t layer) {
    context.expect_float32("project_residual");
    matmul(projected, context, weight);
    tap("self_attn.o_proj", layer, projected);
    add(hidden, hidden, projected);
  }

  /** activation = swiglu(norm(hidden) · weightᵀ). */
  virtual void norm_gate_up_swiglu(Tensor& activation, Tensor normed, Tensor gate_up, Tensor hidden, const Weight& norm,
                                   const Weight& weight, int64_t layer, float eps) {
    rms_norm(normed, hidden, norm, eps);
    tap("post_attention_layernorm", layer, normed);
    matmul(gate_up, normed, weight);
    tap("mlp.gate_up_proj", layer, gate_up);
    swiglu(activation, gate_up);
    tap("mlp.activation_fn", layer, activation);
  }

  /** hidden += activation · weightᵀ. */
  virtual void down_residual(Tensor hidden, Tensor projected, Tensor activation, const Weight& weight, int64_t layer) {
    activation.expect_float32("down_residual");
    matmul(projected, activation, weight);
    tap("mlp.down_proj", layer, projected);
    add(hidden, hidden, projected);
  }

  /** logits (T, vocab) = norm(hidden (T, hidden)) · weightᵀ. */
  virtual void norm_lm_head(Tensor logits, Tensor normed, Tensor hidden, const Weight& norm, const Weight& weight,
                            float eps) {
    rms_norm(normed, hidden, norm, eps);
    matmul(logits, normed, weight);
  }

  /** ids (T,) = argmax of norm_lm_head, emitted, and each position advanced by the sequence's tokens: the next pass may
   * begin. */
  virtual void norm_lm_head_argmax(int32_t* ids, Tensor logits, Tensor normed, const PassInput& input, Tensor hidden,
                                   const Weight& norm, const Weight& weight, const int32_t* excluded,
                                   int64_t excluded_count, float eps) {
    if (tapped(Half::head, -1)) {
      rms_norm(normed, hidden, norm, eps);
      tap("model.norm", -1, normed, input.tokens - hidden.rows);
      matmul(logits, normed, weight);
    } else {
      norm_lm_head(logits, normed, hidden, norm, weight, eps);
    }
    at(Part::argmax, -1, 0);
    argmax(ids, logits, excluded, excluded_count);
    emit(ids, logits.rows);
    advance(input.position, input.sequences, input.tokens / input.sequences);
  }

 protected:
  /** Is told of every verb that `at` names, before it comes. */
  virtual void begin_stage(const Mark& mark) { (void)mark; }
  bool aborted() const { return abort_flag_ && abort_flag_->load(std::memory_order_relaxed); }
  /** Of the next piece of work that is queued; the verb's later pieces are no calls of their own. */
  Mark take_mark() {
    const Mark mark = mark_;
    mark_.first = false;
    return mark;
  }

 private:
  Tap tap_;
  Within within_;
  Mark mark_;
  const std::atomic<bool>* abort_flag_ = nullptr;
};

/** Waits, at the end of its scope, for what the device still does for a generation, before its cache goes. */
class DrainGuard {
 public:
  explicit DrainGuard(Backend& backend) : backend_(backend) {}
  ~DrainGuard() { backend_.discard(); }
  DrainGuard(const DrainGuard&) = delete;
  DrainGuard& operator=(const DrainGuard&) = delete;

 private:
  Backend& backend_;
};

}  // namespace phi3lab
