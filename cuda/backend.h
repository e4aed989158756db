// The GPU behind the seam of native/seam/backend.h: the mirror of cpu/, a verb a file. Verbs are launched on one
// stream; a decoded token is recorded once as a graph and replayed. Where nothing is tapped, a token of decoding takes
// the fused kernels of gemv/ and attention/decode.cu, a prompt the tensor cores' GEMMs with 16-bit activations between
// them, before capability 8.0 in float16 alone and without the attention's.
#pragma once

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "cache.h"
#include "cuda/device/partials.h"
#include "cuda/device/stage_timer.h"
#include "cuda/gemm/gemm.h"
#include "cuda/gemv/gemv.h"
#include "cuda/memory/compact.h"
#include "cuda/memory/loader.h"
#include "cuda/memory/memory.h"
#include "native/seam/backend.h"
#include "native/seam/status.h"

namespace phi3lab::cuda {

/** What there is on this machine. */
CudaStatus status();
/** The backend on the first GPU. `dtype`: "float32", "bfloat16", "float16"; "auto" is float32. bfloat16 weights are
 * kept as float16 numbers where those hold them, which loses nothing and rounds everything else finer. Quantised
 * weights stay as compact as they are (compact.h): one token reads them exactly, a prompt in `dtype`, a part at a time.
 */
std::unique_ptr<Backend> make_backend(const std::string& dtype);

/** An uploaded weight: (rows, cols) `dtype`, dense; a norm's and a bias's numbers are float32. Or compact. */
class CudaWeight : public Weight {
 public:
  DeviceMemory memory;
  Dtype dtype = Dtype::float32;
  std::vector<CompactMatrix> compact;  // rows of one format, one matrix behind the other; none: it is dense
  std::shared_ptr<Buffer> planes;      // of the compact ones
  template <class T>
  const T* as() const {
    return memory.as<T>();
  }
};
inline const CudaWeight& uploaded(const Weight& weight) { return static_cast<const CudaWeight&>(weight); }

class Mailbox;

class CudaBackend : public Backend {
 public:
  CudaBackend(const DeviceProperties& device, const KernelSet& kernels, Dtype dtype);
  ~CudaBackend() override;

  std::unique_ptr<Weight> upload_weight(const WeightSource& source, WeightKind kind) override;
  std::shared_ptr<Buffer> allocate(size_t bytes) override { return memory_->buffer(bytes); }
  std::unique_ptr<Cache> reserve_cache(const AttentionShape& shape, int64_t layers, int64_t capacity) override;
  std::unique_ptr<CacheBatch> make_batch(const AttentionShape& shape) override {
    return ranges_->make_batch(shape, format_);
  }
  void prepare(int64_t tokens, int64_t max_cols) override;
  size_t workspace_bytes() const override;
  void read(void* host, const void* device, size_t bytes) override;
  void write(void* device, const void* host, size_t bytes) override;

  const char* dtype() const override;
  int64_t preferred_chunk() const override { return 2048; }
  int64_t steps_ahead() const override { return 2; }
  void replay(int64_t key, const Cache& cache, const std::function<void()>& pass) override;
  void synchronize() override;
  int32_t next_token() override;
  void discard() noexcept override;
  void checkpoint(int64_t tokens) override;
  void profile(Profile* profile) override { timer_.set(profile); }
  double measure_stream() override;

  void embed(Tensor out, const PassInput& input, const Weight& table) override;
  void rms_norm(Tensor out, Tensor in, const Weight& weight, float eps) override;
  void matmul(Tensor out, Tensor in, const Weight& weight) override;
  void add_bias(Tensor out, const Weight& bias) override;
  void norm_heads(Tensor qkv, const Weight& q_norm, const Weight& k_norm, const AttentionShape& shape,
                  float eps) override;
  void rope(Tensor qkv, const PassInput& input, Tensor table, const AttentionShape& shape) override;
  void append(Cache& cache, Tensor qkv, const PassInput& input, int64_t layer, const AttentionShape& shape) override;
  void attend(Tensor& context, AttentionWeights weights, Tensor qkv, Cache& cache, const PassInput& input, Tensor table,
              int64_t layer, const AttentionShape& shape) override;
  void attend_blocked(Tensor context, AttentionWeights weights, Tensor qkv, Cache& cache, const PassInput& input,
                      const BlockedEdges* blocked, int64_t count, int64_t layer, const AttentionShape& shape) override;
  void swiglu(Tensor out, Tensor gate_up) override;
  void add(Tensor out, Tensor a, Tensor b) override;
  void argmax(int32_t* ids, Tensor logits, const int32_t* excluded, int64_t excluded_count) override;
  void summarise(Summary out, Tensor logits, const int32_t* tokens, int64_t group) override;
  void edit_rows(Tensor x, const RowEdit& edit, const PassInput& input, int64_t first) override;
  void copy(Tensor out, Tensor in) override;
  void copy_positions(Cache& out, const Cache& in, int64_t first, int64_t end) override;
  void advance(int32_t* position, int64_t sequences, int64_t count) override;
  void emit(const int32_t* ids, int64_t count) override;

  void norm_qkv_rope_append(Tensor& qkv, Cache& cache, Tensor normed, Tensor hidden, const Weight& norm,
                            const QkvProjection& projection, const PassInput& input, Tensor table, int64_t layer,
                            const AttentionShape& shape, float eps) override;
  void project_residual(Tensor hidden, Tensor projected, Tensor context, const Weight& weight, int64_t layer) override;
  void norm_gate_up_swiglu(Tensor& activation, Tensor normed, Tensor gate_up, Tensor hidden, const Weight& norm,
                           const Weight& weight, int64_t layer, float eps) override;
  void down_residual(Tensor hidden, Tensor projected, Tensor activation, const Weight& weight, int64_t layer) override;
  void norm_lm_head(Tensor logits, Tensor normed, Tensor hidden, const Weight& norm, const Weight& weight,
                    float eps) override;
  void norm_lm_head_argmax(int32_t* ids, Tensor logits, Tensor normed, const PassInput& input, Tensor hidden,
                           const Weight& norm, const Weight& weight, const int32_t* excluded, int64_t excluded_count,
                           float eps) override;

 private:
  struct Graph {
    int64_t key, cache;
    cudaGraphExec_t exec;
  };
  bool token_fits(const CudaWeight& weight, int64_t tokens, GemvEnd end = GemvEnd::store) const;
  /** One token's GEMV; `norm` null: of `in` as it is. Gives the number of candidates that GemvEnd::logits makes. */
  int gemv(Tensor out, Tensor in, const Weight& weight, GemvEnd end, const Weight* norm = nullptr, float eps = 0);
  /** Of a prompt's numbers; before 8.0 they multiply float16 ones alone. */
  bool has_tensor_cores() const {
    return format_ == Dtype::float16 || (format_ == Dtype::bfloat16 && kernels_.mma_bf16);
  }
  bool prompt_fits(int64_t tokens, int64_t cols) const;
  void gemm(void* out, const void* in, const CudaWeight& weight, int64_t tokens, bool out_float32, bool accumulate);
  /** The norm of a prompt's rows, as 16-bit numbers. */
  void prompt_norm(Tensor normed, Tensor hidden, const Weight& norm, float eps);
  /** And their product with a weight. */
  void norm_gemm(void* out, Tensor normed, Tensor hidden, const Weight& norm, const CudaWeight& weight, float eps,
                 bool out_float32);
  /** Calls visit(numbers, first, rows) with all rows of a weight as dense `dtype` numbers: at once, or of a compact one
   * part by part, each unpacked into `unpacked_`. */
  void each_dense(const CudaWeight& weight, Dtype dtype,
                  const std::function<void(const void* numbers, int64_t first, int64_t rows)>& visit);
  /** Of a group of rows that follow each other in one format. */
  std::unique_ptr<CudaWeight> upload_compact(const WeightSource& source);
  /** Room for parts of such a weight as dense numbers. */
  void make_room(const CudaWeight& weight);
  /** Makes bfloat16's weights float16 numbers, and with them all else that has 16 bits. Where one does not fit, all
   * stays. */
  void keep_as_float16();
  cudaGraphExec_t record(const std::function<void()>& pass);
  void begin_stage(const Mark& mark) override { timer_.begin(mark); }
  cudaStream_t stream() const { return streams_->work; }

  DeviceProperties device_;
  KernelSet kernels_;
  Dtype dtype_;   // that was asked for
  Dtype format_;  // that weights, keys and values, and a prompt's activations are kept in
  std::shared_ptr<Streams> streams_;
  StageTimer timer_{streams_->work};
  std::shared_ptr<Memory> memory_;
  std::shared_ptr<CacheRanges> ranges_;
  std::unique_ptr<Loader> loader_;                               // while weights are on their way
  std::vector<CudaWeight*> bfloat16_weights_, compact_weights_;  // until `prepare`
  bool prepared_ = false;
  std::unique_ptr<CublasLt> cublaslt_;
  std::future<std::unique_ptr<CublasLt>> cublaslt_coming_;  // opened while the weights are on their way
  DeviceMemory halves_;           // (chunk, widest matrix) 16-bit: what the input of `matmul` becomes
  DeviceMemory unpacked_;         // rows of a compact weight as dense numbers, for the kernel that comes next
  DeviceMemory candidates_;       // (kMostCandidates,): the best of each of the head's blocks
  DeviceMemory parts_, arrived_;  // what partials_ is made of
  Partials partials_;             // none where blocks meet in clusters alone
  DeviceMemory sent_;             // ids sent to the mailbox, a count
  std::unique_ptr<Mailbox> mailbox_;
  std::vector<Graph> graphs_;

  // Prompts: how many layers may be under way.
  static constexpr int kMarks = 64, kFirstUnderWay = 4;
  cudaEvent_t marks_[kMarks] = {};
  int64_t marked_ = 0, passed_ = 0, paced_tokens_ = 0, most_under_way_ = kFirstUnderWay;
  bool saw_end_ = false;  // of the layer before, at last_end_
  std::chrono::steady_clock::time_point last_end_;
  cudaEvent_t written_ = nullptr;  // after the last `write`
};

}  // namespace phi3lab::cuda
