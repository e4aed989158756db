/** A model printed as PyTorch prints modules: its parts, with their sizes. */
import type { ModelConfig } from "../native";
import { families } from "../weights/families";

/**
 * The tree, line for line: of Phi-3 as `print(model)` shows it in the book, of the others as transformers 5 prints them;
 * sizes follow the configuration.
 */
export function modelTree(config: ModelConfig): string {
  const { hidden_size: hidden, vocab_size: vocab, num_hidden_layers: layers } = config;
  const { name } = families[config.model_type];
  const phi3 = config.model_type === "phi3";
  const norm = normLine(config);
  const pad = config.pad_token_id === null ? "" : `, padding_idx=${config.pad_token_id}`;
  const layer = [
    ...block("self_attn", `${name}Attention`, attention(config)),
    ...block("mlp", `${name}MLP`, phi3 ? stackedMlp(config) : mlp(config)),
    `(input_layernorm): ${norm(hidden)}`,
    ...(phi3 ? [dropout("resid_attn_dropout"), dropout("resid_mlp_dropout")] : []),
    `(post_attention_layernorm): ${norm(hidden)}`,
  ];
  const stack = [
    `(embed_tokens): Embedding(${vocab}, ${hidden}${pad})`,
    ...(phi3 ? [dropout("embed_dropout")] : []),
    ...block("layers", "ModuleList", [
      `${layers === 1 ? "(0): " : `(0-${layers - 1}): ${layers} x `}${name}DecoderLayer(`,
      ...indented(layer),
      ")",
    ]),
    `(norm): ${norm(hidden)}`,
    ...(phi3 ? [] : [`(rotary_emb): ${name}RotaryEmbedding()`]),
  ];
  const whole = [...block("model", `${name}Model`, stack), `(lm_head): ${headTree(config)}`];
  return [`${name}ForCausalLM(`, ...indented(whole), ")"].join("\n");
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

const indented = (lines: string[]): string[] => lines.map((line) => `  ${line}`);
const block = (name: string, of: string, lines: string[]): string[] => [`(${name}): ${of}(`, ...indented(lines), ")"];
const dropout = (name: string): string => `(${name}): Dropout(p=0.0, inplace=False)`;

function attention(config: ModelConfig): string[] {
  const { hidden_size: hidden, head_dim, attention_bias: bias } = config;
  const { name, qk_norm } = families[config.model_type];
  const [q, kv] = [config.num_attention_heads * head_dim, config.num_key_value_heads * head_dim];
  const output = `(o_proj): ${linear(q, hidden)}`;
  if (config.model_type === "phi3")
    return [output, `(qkv_proj): ${linear(hidden, q + 2 * kv)}`, `(rotary_emb): ${name}RotaryEmbedding()`];
  return [
    `(q_proj): ${linear(hidden, q, bias)}`,
    `(k_proj): ${linear(hidden, kv, bias)}`,
    `(v_proj): ${linear(hidden, kv, bias)}`,
    output,
    ...(qk_norm ? ["q_norm", "k_norm"].map((part) => `(${part}): ${normLine(config)(head_dim)}`) : []),
  ];
}

const mlp = ({ hidden_size: hidden, intermediate_size: ffn }: ModelConfig): string[] => [
  `(gate_proj): ${linear(hidden, ffn)}`,
  `(up_proj): ${linear(hidden, ffn)}`,
  `(down_proj): ${linear(ffn, hidden)}`,
  "(act_fn): SiLUActivation()",
];

const stackedMlp = ({ hidden_size: hidden, intermediate_size: ffn }: ModelConfig): string[] => [
  `(gate_up_proj): ${linear(hidden, 2 * ffn)}`,
  `(down_proj): ${linear(ffn, hidden)}`,
  "(activation_fn): SiLU()",
];

/** Of a norm over so many numbers; the book's Phi-3 says nothing of them. */
export function normLine({ model_type, rms_norm_eps: eps }: ModelConfig): (size: number) => string {
  const { name } = families[model_type];
  // As Python writes it: 1e-05.
  const text = eps < 1e-4 ? eps.toExponential().replace(/e-(\d)$/, "e-0$1") : String(eps);
  return (size) => `${name}RMSNorm(${model_type === "phi3" ? "" : `(${size},), eps=${text}`})`;
}

export function linear(inputs: number, outputs: number, bias = false): string {
  return `Linear(in_features=${inputs}, out_features=${outputs}, bias=${bias ? "True" : "False"})`;
}
