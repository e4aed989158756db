/**
 * The architectures that the forward pass computes, a row each: what of a configuration they say by default, in which
 * layers a window holds, and how their files hold the tensors. The defaults are those of transformers' classes.
 */
import type { ModelConfig } from "../native";

export type ModelType = ModelConfig["model_type"];

export interface Family {
  /** What the names of transformers' classes begin with. */
  name: string;
  /** What a configuration leaves out. */
  defaults: {
    max_position_embeddings: number;
    rms_norm_eps: number;
    rope_theta?: number;
    head_dim?: number;
    /** Default: as many as query heads. */
    num_key_value_heads?: number;
    sliding_window?: number;
    tie_word_embeddings?: boolean;
  };
  /** The layers whose queries see `sliding_window` keys: those that `use_sliding_window` and `layer_types` choose. */
  windows: "none" | "all" | "chosen";
  /** q, k, v always have biases; elsewhere `attention_bias` gives them to the output's projection, too. */
  qkv_bias?: true;
  /** Each head of q and k passes a norm of its own. */
  qk_norm?: true;
  /** Of so many layers the last one does not rotate, where the configuration does not say which. */
  unrotated_every?: number;
  /** Files hold q, k, v and gate, up stacked. */
  stacked?: true;
  /** Tokens that end a text, which a GGUF file of it may name only in its vocabulary. */
  ends?: string[];
  /** In GGUF files the two numbers of a head that rotate together are neighbours. */
  interleaved?: true;
}

export const families: Record<ModelType, Family> = {
  phi3: {
    name: "Phi3",
    defaults: { max_position_embeddings: 4096, rms_norm_eps: 1e-5 },
    windows: "all",
    stacked: true,
    ends: ["<|endoftext|>", "<|assistant|>", "<|end|>"],
  },
  llama: {
    name: "Llama",
    defaults: { max_position_embeddings: 2048, rms_norm_eps: 1e-6 },
    windows: "none",
    interleaved: true,
    ends: ["<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"],
  },
  mistral: {
    name: "Mistral",
    defaults: { max_position_embeddings: 131072, rms_norm_eps: 1e-6, num_key_value_heads: 8, sliding_window: 4096 },
    windows: "all",
  },
  qwen2: {
    name: "Qwen2",
    defaults: { max_position_embeddings: 32768, rms_norm_eps: 1e-6, num_key_value_heads: 32, sliding_window: 4096 },
    windows: "chosen",
    qkv_bias: true,
    ends: ["<|endoftext|>", "<|im_end|>"],
  },
  qwen3: {
    name: "Qwen3",
    defaults: {
      max_position_embeddings: 32768,
      rms_norm_eps: 1e-6,
      head_dim: 128,
      num_key_value_heads: 32,
      sliding_window: 4096,
    },
    windows: "chosen",
    qk_norm: true,
    ends: ["<|endoftext|>", "<|im_end|>"],
  },
  smollm3: {
    name: "SmolLM3",
    defaults: {
      max_position_embeddings: 32768,
      rms_norm_eps: 1e-6,
      rope_theta: 2_000_000,
      num_key_value_heads: 4,
      tie_word_embeddings: true,
    },
    windows: "chosen",
    unrotated_every: 4,
    interleaved: true,
  },
};

/** The architectures that GGUF files name; a Mistral's is "llama". */
export const ggufFamilies: ModelType[] = ["phi3", "llama", "qwen2", "qwen3", "smollm3"];

const experts = "whose layers are mixtures of experts";
const images = "which reads images besides text";

/** What others that readers may take for one of these do differently, by the names of config.json and of GGUF. */
const others: Record<string, string> = {
  gemma: "whose embeddings are scaled and whose norms add one to their weights",
  gemma2: "whose scores are capped and whose layers have four norms",
  gemma3: "whose layers have four norms and two kinds of rotary embeddings",
  gemma3_text: "whose layers have four norms and two kinds of rotary embeddings",
  mixtral: experts,
  phimoe: experts,
  qwen2_moe: experts,
  qwen2moe: experts,
  qwen3_moe: experts,
  qwen3moe: experts,
  phi: "whose attention and MLP stand side by side behind a LayerNorm",
  phi2: "whose attention and MLP stand side by side behind a LayerNorm",
  phi3small: "whose attention is block-sparse and whose MLP is a gated GELU",
  phi4flash: "whose layers are state spaces and share their caches",
  phi4mm: images,
  phi3_v: images,
  llava: images,
  mllama: images,
  mistral3: images,
  pixtral: images,
  qwen2_vl: images,
  qwen2vl: images,
  qwen2_5_vl: images,
  qwen3_vl: images,
  llama4: `${images} and ${experts}`,
};

/** Why a model of another architecture is refused; begins behind "describes a model of type". */
export function foreignFamily(type: unknown, known: readonly ModelType[]): string {
  const list = known.map((name) => JSON.stringify(name));
  const runs = `phi3lab runs ${list.slice(0, -1).join(", ")} and ${list.at(-1)}`;
  if (typeof type !== "string" || type === "") return `unknown; ${runs}`;
  const why = Object.hasOwn(others, type) ? `, ${others[type]}` : "";
  return `${JSON.stringify(type)}${why}; ${runs}`;
}
