/**
 * What an architecture computes, as data: from a configuration in transformers' words to what the forward pass reads.
 * Whatever it does not compute is refused here, in one place for config.json and GGUF's metadata.
 */
import type { Architecture, ModelConfig } from "../native";
import { checkRope, rotaryOf } from "./rope";

/** Numbers of a head: lists of its rotated pairs are made before any weight is looked at. */
const largestHead = 65_536;

/**
 * Refuses what the forward pass does not compute, before any weight is looked at.
 *
 * @param fail Throws a sentence that begins with the file: `fail("asks for …")`.
 */
export function checkArchitecture(config: ModelConfig, fail: (what: string) => never): void {
  const { num_attention_heads: heads, num_key_value_heads: shared, head_dim: size } = config;
  if (config.mlp_bias) fail("asks for mlp_bias; phi3lab's MLPs have no biases");
  if (config.hidden_act !== "silu" && config.hidden_act !== "swish")
    fail(`asks for the activation ${JSON.stringify(config.hidden_act)}; phi3lab computes "silu"`);
  if (heads % shared !== 0) fail(`has ${heads} heads and ${shared} key-value heads; expected a multiple`);
  if (size % 2 !== 0 || size > largestHead)
    fail(`has heads of ${size} numbers; expected an even number up to ${largestHead}`);
  checkRope(config, fail);
}

/** What the forward pass reads of a configuration that {@link checkArchitecture} and the weights' shapes have confirmed. */
export function architectureOf(config: ModelConfig): Architecture {
  const { num_hidden_layers, layer_types, no_rope_layers = [] } = config;
  // One that is longer than the context never ends.
  const window = (config.sliding_window ?? 0) < config.max_position_embeddings ? (config.sliding_window ?? 0) : 0;
  return {
    hidden_size: config.hidden_size,
    intermediate_size: config.intermediate_size,
    num_hidden_layers,
    num_attention_heads: config.num_attention_heads,
    num_key_value_heads: config.num_key_value_heads,
    head_dim: config.head_dim,
    vocab_size: config.vocab_size,
    max_position_embeddings: config.max_position_embeddings,
    rms_norm_eps: config.rms_norm_eps,
    rotary: rotaryOf(config),
    windows: Array.from({ length: num_hidden_layers }, (_, i) =>
      layer_types === undefined || layer_types[i] === "sliding_attention" ? window : 0,
    ),
    unrotated: no_rope_layers.flatMap((rotates, i) => (rotates === 0 ? [i] : [])),
  };
}
