/** A model printed as PyTorch prints modules: its parts, with their sizes. */
import type { ModelConfig } from "../native";

/** The tree, line for line as `print(model)` shows Phi-3 in the book; sizes follow the configuration. */
export function modelTree(config: ModelConfig): string {
  const { hidden_size: hidden, intermediate_size: ffn, vocab_size: vocab, head_dim } = config;
  const context = config.num_attention_heads * head_dim;
  const qkv = context + 2 * config.num_key_value_heads * head_dim;
  const pad = config.pad_token_id === null ? "" : `, padding_idx=${config.pad_token_id}`;
  const layers = config.num_hidden_layers;
  return `Phi3ForCausalLM(
  (model): Phi3Model(
    (embed_tokens): Embedding(${vocab}, ${hidden}${pad})
    (embed_dropout): Dropout(p=0.0, inplace=False)
    (layers): ModuleList(
      (${layers === 1 ? "0" : `0-${layers - 1}`}): ${layers} x Phi3DecoderLayer(
        (self_attn): Phi3Attention(
          (o_proj): ${linear(context, hidden)}
          (qkv_proj): ${linear(hidden, qkv)}
          (rotary_emb): Phi3RotaryEmbedding()
        )
        (mlp): Phi3MLP(
          (gate_up_proj): ${linear(hidden, 2 * ffn)}
          (down_proj): ${linear(ffn, hidden)}
          (activation_fn): SiLU()
        )
        (input_layernorm): Phi3RMSNorm()
        (resid_attn_dropout): Dropout(p=0.0, inplace=False)
        (resid_mlp_dropout): Dropout(p=0.0, inplace=False)
        (post_attention_layernorm): Phi3RMSNorm()
      )
    )
    (norm): Phi3RMSNorm()
  )
  (lm_head): ${headTree(config)}
)`;
}

/** The stack alone, as `print(model.model)` shows it. */
export function stackTree(config: ModelConfig): string {
  const lines = modelTree(config).split("\n").slice(1, -2);
  return lines
    .map((line) => line.slice(2))
    .join("\n")
    .replace(/^\(model\): /, "");
}

export function headTree(config: ModelConfig): string {
  return linear(config.hidden_size, config.vocab_size);
}

function linear(inputs: number, outputs: number): string {
  return `Linear(in_features=${inputs}, out_features=${outputs}, bias=False)`;
}
