// The fused verbs: their definitions in primitive verbs, and the choice between a definition and a backend's own.
#include "backend.h"

namespace phi3lab {

void Backend::attention_input(const Workspace& ws, Cache& cache, const Weight& norm, const Weight& qkv_proj,
                              const Pass& pass, const float* angles, const AttentionShape& shape, float eps,
                              int layer) {
  if (listening())
    attention_input_definition(ws, cache, norm, qkv_proj, pass, angles, shape, eps, layer);
  else
    fused_attention_input(ws, cache, norm, qkv_proj, pass, angles, shape, eps, layer);
}

void Backend::attention_input_definition(const Workspace& ws, Cache& cache, const Weight& norm, const Weight& qkv_proj,
                                         const Pass& pass, const float* angles, const AttentionShape& shape, float eps,
                                         int layer) {
  rms_norm(ws.normed, ws.hidden, norm, eps);
  tap("input_layernorm", layer, ws.normed);
  matmul(ws.qkv, ws.normed, qkv_proj);
  tap("self_attn.qkv_proj", layer, ws.qkv);
  rope(ws.qkv, pass, angles, shape);
  tap("self_attn.rotary", layer, ws.qkv);
  append(cache, ws.qkv, pass, shape, layer);
}

void Backend::attend(const Workspace& ws, const Cache& cache, const Pass& pass, const AttentionShape& shape,
                     int layer) {
  attention(ws.context, ws.weights, ws.qkv, cache, pass, shape, layer);
  if (ws.weights.data) tap("self_attn.attn_weights", layer, ws.weights);
  tap("self_attn.context", layer, ws.context);
}

void Backend::attention_output(const Workspace& ws, const Weight& o_proj, int layer) {
  if (listening())
    attention_output_definition(ws, o_proj, layer);
  else
    fused_attention_output(ws, o_proj, layer);
}

void Backend::attention_output_definition(const Workspace& ws, const Weight& o_proj, int layer) {
  matmul(ws.normed, ws.context, o_proj);
  tap("self_attn.o_proj", layer, ws.normed);
  add(ws.hidden, ws.normed);
}

void Backend::mlp_input(const Workspace& ws, const Weight& norm, const Weight& gate_up_proj, float eps, int layer) {
  if (listening())
    mlp_input_definition(ws, norm, gate_up_proj, eps, layer);
  else
    fused_mlp_input(ws, norm, gate_up_proj, eps, layer);
}

void Backend::mlp_input_definition(const Workspace& ws, const Weight& norm, const Weight& gate_up_proj, float eps,
                                   int layer) {
  rms_norm(ws.normed, ws.hidden, norm, eps);
  tap("post_attention_layernorm", layer, ws.normed);
  matmul(ws.gate_up, ws.normed, gate_up_proj);
  tap("mlp.gate_up_proj", layer, ws.gate_up);
  swiglu(ws.act, ws.gate_up);
  tap("mlp.activation_fn", layer, ws.act);
}

void Backend::mlp_output(const Workspace& ws, const Weight& down_proj, int layer) {
  if (listening())
    mlp_output_definition(ws, down_proj, layer);
  else
    fused_mlp_output(ws, down_proj, layer);
}

void Backend::mlp_output_definition(const Workspace& ws, const Weight& down_proj, int layer) {
  matmul(ws.normed, ws.act, down_proj);
  tap("mlp.down_proj", layer, ws.normed);
  add(ws.hidden, ws.normed);
}

}  // namespace phi3lab
