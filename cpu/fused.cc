// The fused verbs of a decoded token. A stage ends with a barrier, and 12 of them a layer take longer than what they
// part: so each thread computes for itself what all need of the norm and the gate, and adds to the residual the rows
// that it has multiplied. Half of the barriers remain. Several tokens, or a tap, take the definitions in
// native/seam/backend.h.
#include "backend.h"
#include "cpu/simd/rope.h"

namespace phi3lab::cpu {

void CpuBackend::norm_matmul(Tensor out, Tensor hidden, const Weight& norm, const Weight& weight, float eps) {
  const Matrix* matrix = &uploaded(weight).matrix;
  const Workspace* workspace = workspace_.get();
  const float* factors = uploaded(norm).numbers.data();
  const auto rms_norm_row = rowwise_.rms_norm;
  stage([=](const Worker& w) {
    float* row = workspace->row(w.thread);
    rms_norm_row(row, hidden.data, factors, hidden.cols, eps);
    cpu::matmul(w.pool, w.thread, *workspace, out.data, row, *matrix, 1, out.cols, hidden.cols);
  });
}

void CpuBackend::norm_qkv_rope_append(Tensor& qkv, Cache& cache, Tensor normed, Tensor hidden, const Weight& norm,
                                      const QkvProjection& projection, const PassInput& input, Tensor table,
                                      int64_t layer, const AttentionShape& shape, float eps) {
  if (tapped(Half::attention, layer) || hidden.rows > 1 || !projection.matrix_alone())
    return Backend::norm_qkv_rope_append(qkv, cache, normed, hidden, norm, projection, input, table, layer, shape, eps);
  norm_matmul(qkv, hidden, norm, projection.weight, eps);
  const CpuCache* target = static_cast<const CpuCache*>(&cache);
  const Attend* functions = &attend_;
  stage([=](const Worker& w) {
    const int64_t dim = shape.head_dim, half = table.cols / 2, group = shape.heads / shape.kv_heads;
    const int64_t position = *input.position;
    const float* phases = table.data + position * table.cols;
    const TokenShare share(position, shape, w);
    for (int64_t h = 0; h < shape.kv_heads; h++) {
      if (!share.has_end(h)) continue;
      for (int64_t q = h * group; q < (h + 1) * group; q++) rope_head(qkv.data + q * dim, phases, phases + half, half);
      float* key = qkv.data + (shape.heads + h) * dim;  // (dim,), its value kv_heads further on
      rope_head(key, phases, phases + half, half);
      target->put(*functions, layer, h, position, key, key + shape.kv_heads * dim, dim);
    }
  });
}

void CpuBackend::project_residual(Tensor hidden, Tensor projected, Tensor context, const Weight& weight,
                                  int64_t layer) {
  if (tapped(Half::attention, layer) || hidden.rows > 1)
    return Backend::project_residual(hidden, projected, context, weight, layer);
  context.expect_float32("project_residual");
  const Matrix* matrix = &uploaded(weight).matrix;
  const Workspace* workspace = workspace_.get();
  stage([=](const Worker& w) {
    cpu::matmul(w.pool, w.thread, *workspace, projected.data, context.data, *matrix, 1, projected.cols, context.cols);
    add_own_rows(hidden.data, projected.data, *matrix, w.thread, w.threads);
  });
}

void CpuBackend::norm_gate_up_swiglu(Tensor& activation, Tensor normed, Tensor gate_up, Tensor hidden,
                                     const Weight& norm, const Weight& weight, int64_t layer, float eps) {
  if (tapped(Half::feed_forward, layer) || hidden.rows > 1)
    return Backend::norm_gate_up_swiglu(activation, normed, gate_up, hidden, norm, weight, layer, eps);
  norm_matmul(gate_up, hidden, norm, weight, eps);
  activation.data = gate_up.data;
  activation.layout = Layout::gate_up;  // what it is made of, which down_residual does
}

void CpuBackend::down_residual(Tensor hidden, Tensor projected, Tensor activation, const Weight& weight,
                               int64_t layer) {
  if (activation.layout != Layout::gate_up) return Backend::down_residual(hidden, projected, activation, weight, layer);
  const Matrix* matrix = &uploaded(weight).matrix;
  const Workspace* workspace = workspace_.get();
  const auto swiglu_row = rowwise_.swiglu;
  stage([=](const Worker& w) {
    float* row = workspace->row(w.thread);
    swiglu_row(row, activation.data, activation.data + activation.cols, activation.cols);
    cpu::matmul(w.pool, w.thread, *workspace, projected.data, row, *matrix, 1, projected.cols, activation.cols);
    add_own_rows(hidden.data, projected.data, *matrix, w.thread, w.threads);
  });
}

void CpuBackend::norm_lm_head(Tensor logits, Tensor normed, Tensor hidden, const Weight& norm, const Weight& weight,
                              float eps) {
  if (tapped(Half::head, -1) || hidden.rows > 1)
    return Backend::norm_lm_head(logits, normed, hidden, norm, weight, eps);
  norm_matmul(logits, hidden, norm, weight, eps);
}

}  // namespace phi3lab::cpu
