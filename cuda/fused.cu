// The fused verbs. Where somebody listens, or a shape does not fit, each runs its definition in native/seam/backend.h. One
// token takes one kernel a verb (matvec.h; rotation and appending wait for the attention). A prompt takes the tensor
// cores, with 16-bit activations in the memory that the definition has for them.
#include "backend.h"
#include "decode_attend.h"
#include "prompt.h"

namespace phi3lab::cuda {
void CudaBackend::norm_qkv_rope_append(Tensor qkv, Cache& cache, Tensor normed, Tensor hidden, const Weight& norm,
                                       const Weight& weight, const PassInput& input, Tensor table, int64_t layer,
                                       const AttentionShape& shape, float eps) {
  const CudaWeight& w = placed(weight);
  qkv_form_ = Form::plain;
  if (!listening() && token_fits(w, hidden.rows) && decode_attend_fits(shape)) {
    token_product(qkv, hidden, weight, MatvecEnd::store, &norm, eps);
    qkv_form_ = Form::raw_token;
    rope_table_ = table;
    return;
  }
  if (!listening() && prompt_fits(hidden.rows, hidden.cols) && product_fits(shape.context_cols()) &&
      prompt_attend_fits(shape, card_, paths_)) {
    prompt_rms_norm(normed.data, hidden.data, placed(norm).as<float>(), hidden.rows, hidden.cols, eps, format_, paths_,
                    stream());
    product(qkv.data, normed.data, w, hidden.rows, false, false);
    prompt_rope_append(qkv.data, view_of(cache), input.position, table.data, hidden.rows, layer, shape, format_, paths_,
                       stream());
    qkv_form_ = Form::half_prompt;
    return;
  }
  Backend::norm_qkv_rope_append(qkv, cache, normed, hidden, norm, weight, input, table, layer, shape, eps);
}

void CudaBackend::project_residual(Tensor hidden, Tensor projected, Tensor context, const Weight& weight,
                                   int64_t layer) {
  const CudaWeight& w = placed(weight);
  const Form form = context_form_;
  context_form_ = Form::plain;
  if (form == Form::half_prompt) return product(hidden.data, context.data, w, hidden.rows, true, true);
  if (!listening() && token_fits(w, hidden.rows)) {
    token_product(hidden, context, weight, MatvecEnd::residual);
    return;
  }
  Backend::project_residual(hidden, projected, context, weight, layer);
}

void CudaBackend::norm_gate_up_swiglu(Tensor activation, Tensor normed, Tensor gate_up, Tensor hidden,
                                      const Weight& norm, const Weight& weight, int64_t layer, float eps) {
  const CudaWeight& w = placed(weight);
  activation_form_ = Form::plain;
  if (!listening() && token_fits(w, hidden.rows)) {
    token_product(activation, hidden, weight, MatvecEnd::swiglu, &norm, eps);
    return;
  }
  if (!listening() && prompt_fits(hidden.rows, hidden.cols) && product_fits(activation.cols)) {
    prompt_rms_norm(normed.data, hidden.data, placed(norm).as<float>(), hidden.rows, hidden.cols, eps, format_, paths_,
                    stream());
    product(gate_up.data, normed.data, w, hidden.rows, false, false);
    prompt_swiglu(activation.data, gate_up.data, hidden.rows, activation.cols, format_, paths_, stream());
    activation_form_ = Form::half_prompt;
    return;
  }
  Backend::norm_gate_up_swiglu(activation, normed, gate_up, hidden, norm, weight, layer, eps);
}

void CudaBackend::down_residual(Tensor hidden, Tensor projected, Tensor activation, const Weight& weight,
                                int64_t layer) {
  const CudaWeight& w = placed(weight);
  const Form form = activation_form_;
  activation_form_ = Form::plain;
  if (form == Form::half_prompt) return product(hidden.data, activation.data, w, hidden.rows, true, true);
  if (!listening() && token_fits(w, hidden.rows)) {
    token_product(hidden, activation, weight, MatvecEnd::residual);
    return;
  }
  Backend::down_residual(hidden, projected, activation, weight, layer);
}

void CudaBackend::norm_lm_head(Tensor logits, Tensor normed, Tensor hidden, const Weight& norm, const Weight& weight,
                               float eps) {
  if (listening() || !token_fits(placed(weight), hidden.rows))
    return Backend::norm_lm_head(logits, normed, hidden, norm, weight, eps);
  candidate_count_ = token_product(logits, hidden, weight, MatvecEnd::logits, &norm, eps);
}

}  // namespace phi3lab::cuda
