/** A model's configuration, and what of it the forward pass is given. */

/** How positions are turned into angles (rotary embeddings); the names are transformers'. */
export interface RopeParameters {
  /** "default": plain; other types stretch it for longer texts, by the numbers below. */
  rope_type: string;
  /** The base: pair i of a head of d numbers turns by rope_theta^(-2i / d) radians a position. */
  rope_theta: number;
  /** Of each head's numbers, the share that is rotated: 1 is all. */
  partial_rotary_factor: number;
  /** By how much it is stretched. */
  factor?: number;
  /** The context that the model was trained with at first. */
  original_max_position_embeddings?: number;
  /** Multiplies cosines and sines. */
  attention_factor?: number;
  /** "longrope": each pair's divisor in texts within the original context. */
  short_factor?: number[];
  /** "longrope": each pair's divisor in longer texts. */
  long_factor?: number[];
  /** "llama3": where low frequencies begin. */
  low_freq_factor?: number;
  /** "llama3": where high frequencies end. */
  high_freq_factor?: number;
  /** "yarn": the rotations from which on a pair is left as it is. */
  beta_fast?: number;
  /** "yarn": the rotations up to which a pair is stretched wholly. */
  beta_slow?: number;
  /** "yarn": of the attention factor. */
  mscale?: number;
  /** "yarn": of the attention factor. */
  mscale_all_dim?: number;
  /** "yarn": whether the bounds are whole pairs. */
  truncate?: boolean;
  /** "factors": each pair's divisor, as a GGUF file holds it. */
  freq_factors?: number[];
}

/** A model's sizes and special ids, `model.config`; the names and units are those of transformers' `Phi3Config`. */
export interface ModelConfig {
  /** The architecture that the files name. */
  model_type: "phi3" | "llama" | "mistral" | "qwen2" | "qwen3" | "smollm3";
  /** Numbers in the vector of a position. */
  hidden_size: number;
  /** Numbers in the vector inside an MLP. */
  intermediate_size: number;
  /** Blocks of the stack. */
  num_hidden_layers: number;
  /** Query heads of a block. */
  num_attention_heads: number;
  /** Key and value heads of a block; each serves num_attention_heads / num_key_value_heads query heads. */
  num_key_value_heads: number;
  /** Numbers in a head's query, key or value. */
  head_dim: number;
  /** Rows of the embeddings and of the head: ids run from 0 to one less. */
  vocab_size: number;
  /** Positions of the context: prompt and continuation together. */
  max_position_embeddings: number;
  /** Is added to the mean square under the root of a norm. */
  rms_norm_eps: number;
  /** The activation of the MLP: "silu". */
  hidden_act: string;
  /** Whether the projections to queries, keys and values have biases. */
  attention_bias: boolean;
  /** Whether the MLP's projections have biases: false of every model that loads here. */
  mlp_bias: boolean;
  /** How positions are turned into angles. */
  rope_parameters: RopeParameters;
  /** Keys that a query sees, counting its own; null: all before it. */
  sliding_window: number | null;
  /** Of each layer, whether the window holds there; absent: it holds in all. */
  layer_types?: ("full_attention" | "sliding_attention")[];
  /** Of each layer, 0 where queries and keys are not rotated; absent: they are in all. */
  no_rope_layers?: number[];
  /** Whether the head is the embeddings' matrix. */
  tie_word_embeddings: boolean;
  /** The id that begins a text; null where the model has none. */
  bos_token_id: number | null;
  /** The ids that end a text. */
  eos_token_id: number[];
  /** The id that fills up rows; null where the model has none. */
  pad_token_id: number | null;
}

/** What an architecture computes, as data: all that the forward pass knows of a model besides its weights. */
export interface Architecture
  extends Pick<
    ModelConfig,
    | "hidden_size"
    | "intermediate_size"
    | "num_hidden_layers"
    | "num_attention_heads"
    | "num_key_value_heads"
    | "head_dim"
    | "vocab_size"
    | "max_position_embeddings"
    | "rms_norm_eps"
  > {
  rotary: {
    /** Of each head's numbers, the first ones, that are rotated. */
    dims: number;
    /** (dims / 2): radians a position of pair (i, i + dims / 2), float32. */
    frequencies: number[];
    /** Multiplies cosines and sines. */
    factor: number;
    /** In texts of more than `from` positions these frequencies are taken at every position. */
    long?: { frequencies: number[]; from: number };
  };
  /** Of each layer: keys that a query sees, counting its own; 0: all before it. */
  windows: number[];
  /** Layers whose queries and keys are not rotated. */
  unrotated: number[];
}
