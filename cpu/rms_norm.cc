// Root-mean-square norm, in float32: each row by itself, or each head of its queries and keys.
#include "backend.h"

namespace phi3lab::cpu {

void CpuBackend::rms_norm(Tensor out, Tensor in, const Weight& weight, float eps) {
  in.expect_float32("rms_norm");
  const float* norm = uploaded(weight).numbers.data();
  const auto rms_norm_row = rowwise_.rms_norm;
  stage([=](const Worker& w) {
    each_own_token(in.rows, w, [&](int64_t t) {
      rms_norm_row(out.data + t * out.cols, in.data + t * in.cols, norm, in.cols, eps);
    });
  });
}

void CpuBackend::norm_heads(Tensor qkv, const Weight& q_norm, const Weight& k_norm, const AttentionShape& shape,
                            float eps) {
  qkv.expect_float32("norm_heads");
  const float* of_queries = uploaded(q_norm).numbers.data();
  const float* of_keys = uploaded(k_norm).numbers.data();
  const auto rms_norm_row = rowwise_.rms_norm;
  stage([=](const Worker& w) {
    each_own_token(qkv.rows, w, [&](int64_t t) {
      for (int64_t h = 0; h < shape.heads + shape.kv_heads; h++) {
        float* head = qkv.data + t * qkv.cols + h * shape.head_dim;
        rms_norm_row(head, head, h < shape.heads ? of_queries : of_keys, shape.head_dim, eps);
      }
    });
  });
}

}  // namespace phi3lab::cpu
