/**
 * Compares the tensors that a model's files hold with those that its configuration asks for, names and shapes, so that
 * foreign weights are answered by a sentence before anything is mapped.
 */
import type { ModelConfig, WeightEntry } from "../native";
import { WeightsError } from "./error";

/** A tensor's name in transformers' checkpoints and in GGUF files, and its shape. */
interface Expected {
  transformers: string;
  gguf: string;
  shape: number[];
}

/**
 * @throws {WeightsError} about the first tensor that is missing or has another shape, and about biases.
 */
export function checkWeights(
  source: string,
  config: ModelConfig,
  weights: WeightEntry[],
  format: "transformers" | "gguf",
): void {
  const found = new Map(weights.map((weight) => [weight.name, weight]));
  const fail = (what: string): never => {
    throw new WeightsError(source, `${source} ${what}.`);
  };
  const bias = weights.find(({ name }) => name.endsWith(".bias"));
  if (bias) fail(`holds the bias ${bias.name}; phi3lab's layers have none`);
  const has = (expected: Expected) => found.has(expected[format]);
  const require = (expected: Expected) => {
    const name = expected[format];
    const weight = found.get(name);
    const wanted = `[${expected.shape.join(", ")}]`;
    if (!weight) return fail(`lacks the tensor ${name} ${wanted}: these weights do not belong to this configuration`);
    const actual = `[${weight.shape.join(", ")}]`;
    if (actual !== wanted) fail(`holds ${name} as ${actual}; its configuration asks for ${wanted}`);
  };

  const { hidden_size: hidden, vocab_size: vocab } = config;
  require({ transformers: "model.embed_tokens.weight", gguf: "token_embd.weight", shape: [vocab, hidden] });
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    for (const alternatives of layerWeights(config, layer)) {
      const chosen = alternatives.find(([first]) => first && has(first)) ?? alternatives.at(-1);
      chosen?.forEach(require);
    }
  }
  require({ transformers: "model.norm.weight", gguf: "output_norm.weight", shape: [hidden] });
  if (!config.tie_word_embeddings)
    require({ transformers: "lm_head.weight", gguf: "output.weight", shape: [vocab, hidden] });
}

/** For each part of a layer, the groups of tensors that may stand for it, the architecture's own last. */
function layerWeights(config: ModelConfig, layer: number): Expected[][][] {
  const { hidden_size: hidden, intermediate_size: ffn, head_dim } = config;
  const queries = config.num_attention_heads * head_dim;
  const keys = config.num_key_value_heads * head_dim;
  const weight = (transformers: string, gguf: string, shape: number[]): Expected => ({
    transformers: `model.layers.${layer}.${transformers}.weight`,
    gguf: `blk.${layer}.${gguf}.weight`,
    shape,
  });
  const separate = [
    weight("self_attn.q_proj", "attn_q", [queries, hidden]),
    weight("self_attn.k_proj", "attn_k", [keys, hidden]),
    weight("self_attn.v_proj", "attn_v", [keys, hidden]),
  ];
  const stacked = [weight("self_attn.qkv_proj", "attn_qkv", [queries + 2 * keys, hidden])];
  // GGUF calls the stacked tensor ffn_up too: the gate's presence tells which one it is.
  const gateAndUp = [
    weight("mlp.gate_proj", "ffn_gate", [ffn, hidden]),
    weight("mlp.up_proj", "ffn_up", [ffn, hidden]),
  ];
  const stackedGateAndUp = [weight("mlp.gate_up_proj", "ffn_up", [2 * ffn, hidden])];
  const phi3 = config.model_type === "phi3";
  return [
    [[weight("input_layernorm", "attn_norm", [hidden])]],
    phi3 ? [separate, stacked] : [separate],
    [[weight("self_attn.o_proj", "attn_output", [hidden, queries])]],
    [[weight("post_attention_layernorm", "ffn_norm", [hidden])]],
    phi3 ? [gateAndUp, stackedGateAndUp] : [gateAndUp],
    [[weight("mlp.down_proj", "ffn_down", [hidden, ffn])]],
  ];
}
