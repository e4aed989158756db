/**
 * The tensors of a model, a row each: what each is to the forward pass (its role), how it is named and shaped in
 * transformers' checkpoints and in GGUF files, what is stacked into it, and whose rows change places. The native half is
 * told roles and never sees a file's name.
 */
import type { ModelConfig, WeightEntry, WeightPart, WeightRole } from "../native";
import { refusal } from "./error";
import { families } from "./families";

/** Whose names a file's tensors have. */
export type Naming = "transformers" | "gguf";

/** A tensor of a file: its name in both namings, without the layer and what it ends in, and its shape. */
interface Stored extends Record<Naming, string> {
  shape: (sizes: Sizes) => number[];
  /** What its name ends in. Default: "weight". */
  ending?: "bias";
  /** Heads that are rotated: in llama's GGUF files the two numbers that rotate together are neighbours. */
  rotated?: (sizes: Sizes) => number;
}

interface Row {
  role: WeightRole;
  /** Absent where there is none in the file, and nothing takes its place. */
  present?: (config: ModelConfig) => boolean;
  whole: Stored;
  /** What may be stacked in its place, in this order. */
  parts?: Stored[];
}

interface Sizes {
  hidden: number;
  ffn: number;
  vocab: number;
  heads: number;
  kv_heads: number;
  head_dim: number;
}

const stored = (transformers: string, gguf: string, shape: Stored["shape"], more: Partial<Stored> = {}): Stored => ({
  transformers,
  gguf,
  shape,
  ...more,
});
const vector = (transformers: string, gguf: string): Stored => stored(transformers, gguf, ({ hidden }) => [hidden]);

const q = (s: Sizes): number => s.heads * s.head_dim;
const kv = (s: Sizes): number => s.kv_heads * s.head_dim;
const bias = (transformers: string, gguf: string, rows: (s: Sizes) => number, more: Partial<Stored> = {}): Stored =>
  stored(transformers, gguf, (s) => [rows(s)], { ending: "bias", ...more });
const headNorm = (transformers: string, gguf: string): Omit<Row, "role"> => ({
  present: ({ model_type }) => families[model_type].qk_norm ?? false,
  whole: stored(transformers, gguf, (s) => [s.head_dim]),
});

const before: Row[] = [
  { role: "embed_tokens", whole: stored("model.embed_tokens", "token_embd", (s) => [s.vocab, s.hidden]) },
];
const inLayer: Row[] = [
  { role: "input_layernorm", whole: vector("input_layernorm", "attn_norm") },
  {
    role: "qkv_proj",
    whole: stored("self_attn.qkv_proj", "attn_qkv", (s) => [q(s) + 2 * kv(s), s.hidden]),
    parts: [
      stored("self_attn.q_proj", "attn_q", (s) => [q(s), s.hidden], { rotated: (s) => s.heads }),
      stored("self_attn.k_proj", "attn_k", (s) => [kv(s), s.hidden], { rotated: (s) => s.kv_heads }),
      stored("self_attn.v_proj", "attn_v", (s) => [kv(s), s.hidden]),
    ],
  },
  {
    role: "qkv_bias",
    present: ({ attention_bias }) => attention_bias,
    whole: bias("self_attn.qkv_proj", "attn_qkv", (s) => q(s) + 2 * kv(s)),
    parts: [
      bias("self_attn.q_proj", "attn_q", q, { rotated: (s) => s.heads }),
      bias("self_attn.k_proj", "attn_k", kv, { rotated: (s) => s.kv_heads }),
      bias("self_attn.v_proj", "attn_v", kv),
    ],
  },
  { role: "q_norm", ...headNorm("self_attn.q_norm", "attn_q_norm") },
  { role: "k_norm", ...headNorm("self_attn.k_norm", "attn_k_norm") },
  { role: "o_proj", whole: stored("self_attn.o_proj", "attn_output", (s) => [s.hidden, q(s)]) },
  { role: "post_attention_layernorm", whole: vector("post_attention_layernorm", "ffn_norm") },
  {
    role: "gate_up_proj",
    // GGUF calls the stacked tensor ffn_up, too: the gate's presence tells which one it is.
    whole: stored("mlp.gate_up_proj", "ffn_up", (s) => [2 * s.ffn, s.hidden]),
    parts: [
      stored("mlp.gate_proj", "ffn_gate", (s) => [s.ffn, s.hidden]),
      stored("mlp.up_proj", "ffn_up", (s) => [s.ffn, s.hidden]),
    ],
  },
  { role: "down_proj", whole: stored("mlp.down_proj", "ffn_down", (s) => [s.hidden, s.ffn]) },
];
const after: Row[] = [
  { role: "norm", whole: vector("model.norm", "output_norm") },
  {
    role: "lm_head",
    present: (config) => !config.tie_word_embeddings,
    whole: stored("lm_head", "output", (s) => [s.vocab, s.hidden]),
  },
];

/**
 * Finds every weight that the forward pass asks for among a model's tensors.
 *
 * @param source The file or folder, for messages.
 * @throws WeightsError about the first tensor that is missing or has another shape, and about biases that nothing reads.
 */
export function assignRoles(source: string, config: ModelConfig, tensors: WeightPart[], naming: Naming): WeightEntry[] {
  const found = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  const fail: (what: string) => never = refusal(source);
  const { name: family, stacked = false, interleaved = false } = families[config.model_type];
  const sizes: Sizes = {
    hidden: config.hidden_size,
    ffn: config.intermediate_size,
    vocab: config.vocab_size,
    heads: config.num_attention_heads,
    kv_heads: config.num_key_value_heads,
    head_dim: config.head_dim,
  };
  const nameOf = (tensor: Stored, layer: number): string => {
    const prefix = layer < 0 ? "" : naming === "gguf" ? `blk.${layer}.` : `model.layers.${layer}.`;
    return `${prefix}${tensor[naming]}.${tensor.ending ?? "weight"}`;
  };
  const part = (tensor: Stored, layer: number): WeightPart => {
    const name = nameOf(tensor, layer);
    const weight = found.get(name);
    const wanted = `[${tensor.shape(sizes).join(", ")}]`;
    if (!weight) return fail(`lacks the tensor ${name} ${wanted}: these weights do not belong to this configuration`);
    const actual = `[${weight.shape.join(", ")}]`;
    if (actual !== wanted) fail(`holds ${name} as ${actual}; its configuration asks for ${wanted}`);
    if (naming !== "gguf" || !interleaved || tensor.rotated === undefined) return weight;
    return { ...weight, interleaved_heads: tensor.rotated(sizes) };
  };
  const entries = (table: Row[], layer: number): WeightEntry[] =>
    table
      .filter(({ present }) => present?.(config) ?? true)
      .map(({ role, whole, parts }) => {
        const has = (tensor: Stored | undefined) => tensor !== undefined && found.has(nameOf(tensor, layer));
        // Where neither is there, the architecture's own form is what is missed.
        const apart = parts !== undefined && (has(parts[0]) || (!has(whole) && !stacked));
        return { role, layer, parts: (apart ? parts : [whole]).map((tensor) => part(tensor, layer)) };
      });
  const all = entries(before, -1);
  for (let layer = 0; layer < config.num_hidden_layers; layer++) all.push(...entries(inLayer, layer));
  all.push(...entries(after, -1));
  const read = new Set(all.flatMap(({ parts }) => parts.map(({ name }) => name)));
  const more = tensors.find(({ name }) => name.endsWith(".bias") && !read.has(name));
  if (more) fail(`holds the bias ${more.name}, which ${family}'s layers have not`);
  return all;
}
