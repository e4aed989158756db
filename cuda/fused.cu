// The fused verbs. Where a tap is set, or a shape does not fit, each runs its definition in native/seam/backend.h. One
// token takes one kernel a verb (gemv/; rotation and appending wait for the attention). A prompt takes the tensor
// cores, with 16-bit activations in the memory that the definition has for them; so do several sequences' tokens, but
// for their attention, which is as one token's.
#include "backend.h"
#include "cuda/attention/decode.h"
#include "cuda/prompt/prompt.h"

namespace phi3lab::cuda {

void CudaBackend::prompt_norm(Tensor normed, Tensor hidden, const Weight& norm, float eps) {
  prompt_rms_norm(normed.data, hidden.data, uploaded(norm).as<float>(), hidden.rows, hidden.cols, eps, format_,
                  kernels_, stream());
}

void CudaBackend::norm_gemm(void* out, Tensor normed, Tensor hidden, const Weight& norm, const CudaWeight& weight,
                            float eps, bool out_float32) {
  prompt_norm(normed, hidden, norm, eps);
  gemm(out, normed.data, weight, hidden.rows, out_float32, false);
}

void CudaBackend::norm_qkv_rope_append(Tensor& qkv, Cache& cache, Tensor normed, Tensor hidden, const Weight& norm,
                                       const QkvProjection& projection, const PassInput& input, Tensor table,
                                       int64_t layer, const AttentionShape& shape, float eps) {
  const CudaWeight& w = uploaded(projection.weight);
  // The kernels turn whole heads, and know neither a bias nor norms of heads.
  const bool taken = !tapped(Half::attention, layer) && projection.matrix_alone() && table.cols == shape.head_dim;
  if (taken && token_fits(w, hidden.rows) && decode_attend_fits(shape)) {
    gemv(qkv, hidden, projection.weight, GemvEnd::store, &norm, eps);
    qkv.layout = Layout::unrotated_qkv;
    return;
  }
  if (taken && input.sequences > 1 && decode_attend_fits(shape)) {
    if (prompt_fits(hidden.rows, hidden.cols)) {
      norm_gemm(qkv.data, normed, hidden, norm, w, eps, true);
    } else {
      rms_norm(normed, hidden, norm, eps);
      matmul(qkv, normed, projection.weight);
    }
    qkv.layout = Layout::unrotated_qkv;
    return;
  }
  if (taken && input.sequences == 1 && prompt_fits(hidden.rows, hidden.cols) && gemm_fits(shape.context_cols()) &&
      prompt_attend_fits(shape, device_)) {
    norm_gemm(qkv.data, normed, hidden, norm, w, eps, false);
    prompt_rope_append(qkv.data, view_of(cache), input.position, table.data, hidden.rows, layer, shape, format_,
                       kernels_, stream());
    qkv.layout = Layout::half_qkv;
    return;
  }
  Backend::norm_qkv_rope_append(qkv, cache, normed, hidden, norm, projection, input, table, layer, shape, eps);
}

void CudaBackend::project_residual(Tensor hidden, Tensor projected, Tensor context, const Weight& weight,
                                   int64_t layer) {
  const CudaWeight& w = uploaded(weight);
  if (context.layout == Layout::half_context) return gemm(hidden.data, context.data, w, hidden.rows, true, true);
  if (!tapped(Half::attention, layer) && token_fits(w, hidden.rows)) {
    context.expect_float32("project_residual");
    gemv(hidden, context, weight, GemvEnd::residual);
    return;
  }
  Backend::project_residual(hidden, projected, context, weight, layer);
}

void CudaBackend::norm_gate_up_swiglu(Tensor& activation, Tensor normed, Tensor gate_up, Tensor hidden,
                                      const Weight& norm, const Weight& weight, int64_t layer, float eps) {
  const CudaWeight& w = uploaded(weight);
  if (!tapped(Half::feed_forward, layer) && token_fits(w, hidden.rows, GemvEnd::swiglu)) {
    gemv(activation, hidden, weight, GemvEnd::swiglu, &norm, eps);
    return;
  }
  if (!tapped(Half::feed_forward, layer) && prompt_fits(hidden.rows, hidden.cols) && gemm_fits(activation.cols)) {
    activation.layout = Layout::half_activation;
    if (!cublaslt_ && w.compact.empty() && gemm_gates(hidden.rows, kernels_)) {
      prompt_norm(normed, hidden, norm, eps);
      Gemm p{activation.data, normed.data, w.memory.data(), hidden.rows, activation.cols, w.cols, format_, false};
      p.up_after = activation.cols;
      return tensor_gemm(p, device_, kernels_, partials_, stream());
    }
    norm_gemm(gate_up.data, normed, hidden, norm, w, eps, false);
    prompt_swiglu(activation.data, gate_up.data, hidden.rows, activation.cols, format_, kernels_, stream());
    return;
  }
  Backend::norm_gate_up_swiglu(activation, normed, gate_up, hidden, norm, weight, layer, eps);
}

void CudaBackend::down_residual(Tensor hidden, Tensor projected, Tensor activation, const Weight& weight,
                                int64_t layer) {
  const CudaWeight& w = uploaded(weight);
  if (activation.layout == Layout::half_activation)
    return gemm(hidden.data, activation.data, w, hidden.rows, true, true);
  if (!tapped(Half::feed_forward, layer) && token_fits(w, hidden.rows)) {
    activation.expect_float32("down_residual");
    gemv(hidden, activation, weight, GemvEnd::residual);
    return;
  }
  Backend::down_residual(hidden, projected, activation, weight, layer);
}

void CudaBackend::norm_lm_head(Tensor logits, Tensor normed, Tensor hidden, const Weight& norm, const Weight& weight,
                               float eps) {
  const CudaWeight& w = uploaded(weight);
  if (!tapped(Half::head, -1) && prompt_fits(hidden.rows, hidden.cols)) {
    return norm_gemm(logits.data, normed, hidden, norm, w, eps, true);
  }
  if (tapped(Half::head, -1) || !token_fits(w, hidden.rows, GemvEnd::logits))
    return Backend::norm_lm_head(logits, normed, hidden, norm, weight, eps);
  gemv(logits, hidden, weight, GemvEnd::logits, &norm, eps);
}

}  // namespace phi3lab::cuda
