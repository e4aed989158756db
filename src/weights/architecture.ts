/**
 * What an architecture computes, as data: from a configuration in transformers' words to what the forward pass reads.
 * Whatever it does not compute is refused here, in one place for config.json and GGUF's metadata.
 */
import type { Architecture, ModelConfig } from "../native";

/**
 * Refuses what the forward pass does not compute, before any weight is looked at.
 *
 * @param fail Throws a sentence that begins with the file: `fail("asks for …")`.
 */
export function checkArchitecture(config: ModelConfig, fail: (what: string) => never): void {
  const { num_attention_heads: heads, num_key_value_heads: shared, head_dim: size } = config;
  const { rope_type, partial_rotary_factor } = config.rope_parameters;
  if (rope_type !== "default")
    fail(
      `asks for rotary embeddings stretched by ${JSON.stringify(rope_type)}; phi3lab computes only plain ones so far`,
    );
  if (partial_rotary_factor !== 1)
    fail(`asks for partial_rotary_factor = ${partial_rotary_factor}; phi3lab computes only 1 so far`);
  if (config.attention_bias || config.mlp_bias)
    fail(`asks for ${config.attention_bias ? "attention_bias" : "mlp_bias"}; phi3lab's layers have no biases`);
  if (config.hidden_act !== "silu" && config.hidden_act !== "swish")
    fail(`asks for the activation ${JSON.stringify(config.hidden_act)}; phi3lab computes "silu"`);
  if (heads % shared !== 0) fail(`has ${heads} heads and ${shared} key-value heads; expected a multiple`);
  if (size % 2 !== 0) fail(`has heads of ${size} numbers; expected an even number`);
}

/** What the forward pass reads of a configuration that {@link checkArchitecture} and the weights' shapes have confirmed. */
export function architectureOf(config: ModelConfig): Architecture {
  const { num_hidden_layers, head_dim, sliding_window } = config;
  return {
    hidden_size: config.hidden_size,
    intermediate_size: config.intermediate_size,
    num_hidden_layers,
    num_attention_heads: config.num_attention_heads,
    num_key_value_heads: config.num_key_value_heads,
    head_dim,
    vocab_size: config.vocab_size,
    max_position_embeddings: config.max_position_embeddings,
    rms_norm_eps: config.rms_norm_eps,
    rotary: { dims: head_dim, frequencies: frequencies(head_dim, config.rope_parameters.rope_theta), factor: 1 },
    windows: Array.from({ length: num_hidden_layers }, () => sliding_window ?? 0),
  };
}

/** Radians a position of each pair of rotated numbers, computed in float32 throughout as transformers does. */
function frequencies(dims: number, theta: number): number[] {
  const { fround } = Math;
  return Array.from({ length: dims / 2 }, (_, i) => fround(1 / fround(fround(theta) ** fround((2 * i) / dims))));
}
