/** Models of any shape with random bfloat16 weights, in one small file whose numbers serve for every tensor. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ModelConfig, WeightEntry, WeightRole } from "../../src/native";
import type { OpenWeights } from "../../src/weights";
import { architectureOf } from "../../src/weights/architecture";

export interface Shape {
  hidden: number;
  ffn: number;
  layers: number;
  heads: number;
  vocab: number;
  context: number;
}

/** Phi-3-mini's. */
export const phi3Mini: Shape = { hidden: 3072, ffn: 8192, layers: 32, heads: 32, vocab: 32064, context: 4096 };

/** Ids of a prompt. */
export function promptOf(count: number, vocab: number): Int32Array {
  return Int32Array.from({ length: count }, (_, i) => (7919 * i + 31) % vocab);
}

/** `length` random numbers of ± 1/16, a prime's period; `ones` of them at the front are 1. */
function randomNumbers(ones: number, length: number): Uint16Array {
  const numbers = new Uint16Array(ones + length).fill(0x3f80, 0, ones);
  const period = Math.min(1048573, length);
  const view = new DataView(new ArrayBuffer(4));
  let state = 12345;
  for (let i = 0; i < period; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    view.setFloat32(0, (state / 2 ** 32 - 0.5) / 8);
    numbers[ones + i] = view.getUint16(0);
  }
  for (let done = period; done < length; done += period)
    numbers.copyWithin(ones + done, ones, ones + Math.min(period, length - done));
  return numbers;
}

/** A Phi-3 model of this shape; `remove` deletes its file. */
export function syntheticModel(shape: Shape): OpenWeights & { remove(): void } {
  const { hidden, ffn, layers, heads, vocab, context } = shape;
  const folder = mkdtempSync(join(tmpdir(), "phi3lab-synthetic-"));
  const file = join(folder, "numbers");
  const spread = 1024; // each tensor begins somewhere else, so that no two are alike
  const largest = Math.max(vocab * hidden, 2 * ffn * hidden, 3 * hidden * hidden);
  writeFileSync(file, new Uint8Array(randomNumbers(hidden, largest + spread).buffer));
  const weights: WeightEntry[] = [];
  const add = (role: WeightRole, layer: number, ...shape: number[]) => {
    const offset = shape.length === 1 ? 0 : 2 * (hidden + ((37 * weights.length) % spread));
    weights.push({ role, layer, parts: [{ name: role, type: "BF16", shape, file: 0, offset }] });
  };
  add("embed_tokens", -1, vocab, hidden);
  for (let i = 0; i < layers; i++) {
    add("input_layernorm", i, hidden);
    add("qkv_proj", i, 3 * hidden, hidden);
    add("o_proj", i, hidden, hidden);
    add("post_attention_layernorm", i, hidden);
    add("gate_up_proj", i, 2 * ffn, hidden);
    add("down_proj", i, hidden, ffn);
  }
  add("norm", -1, hidden);
  add("lm_head", -1, vocab, hidden);
  const config: ModelConfig = {
    model_type: "phi3",
    hidden_size: hidden,
    intermediate_size: ffn,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: heads,
    head_dim: hidden / heads,
    vocab_size: vocab,
    max_position_embeddings: context,
    rms_norm_eps: 1e-5,
    hidden_act: "silu",
    attention_bias: false,
    mlp_bias: false,
    rope_parameters: { rope_type: "default", rope_theta: 10000, partial_rotary_factor: 1 },
    sliding_window: 2047,
    tie_word_embeddings: false,
    bos_token_id: null,
    eos_token_id: [],
    pad_token_id: null,
  };
  return {
    config,
    architecture: architectureOf(config),
    files: [file],
    weights,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}
