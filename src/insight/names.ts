/** The names of what a pass computes on its way, which of them a call wants, and how many numbers each has a position. */
import { inspect } from "node:util";
import type { ModelConfig } from "../native";
import { nearest } from "../options";

/** What a block computes on its way, as transformers names the modules that give it. */
export type LayerPart =
  | "input_layernorm"
  | "self_attn.qkv_proj"
  | "self_attn.rotary"
  | "self_attn.attn_weights"
  | "self_attn.context"
  | "self_attn.o_proj"
  | "post_attention_layernorm"
  | "mlp.gate_up_proj"
  | "mlp.activation_fn"
  | "mlp.down_proj";

/**
 * The name of something that a pass computes on its way: the embeddings, a block's output (`model.layers.3`), a part of a
 * block, or the final norm's output.
 */
export type TapName =
  | "model.embed_tokens"
  | "model.norm"
  | `model.layers.${number}`
  | `model.layers.${number}.${LayerPart}`;

const parts: readonly LayerPart[] = [
  "input_layernorm",
  "self_attn.qkv_proj",
  "self_attn.rotary",
  "self_attn.attn_weights",
  "self_attn.context",
  "self_attn.o_proj",
  "post_attention_layernorm",
  "mlp.gate_up_proj",
  "mlp.activation_fn",
  "mlp.down_proj",
];
/** What the lens and the sum of parts need. */
const usual = new Set<string>(["", "self_attn.o_proj", "mlp.down_proj"]);

/** What is wanted: names, a pattern of them, or a question about each. */
export type NameChoice = readonly TapName[] | RegExp | ((name: TapName) => boolean);

/** The block that a name is of; undefined outside the blocks. */
export function layerOf(name: string): number | undefined {
  const found = /^model\.layers\.(\d+)/.exec(name);
  return found ? Number(found[1]) : undefined;
}

export const isWeights = (name: string): boolean => name.endsWith(".attn_weights");

/** All names of a model, in the order of a pass; with `layers`, of the blocks up to so many. */
export function allNames({ num_hidden_layers }: ModelConfig, layers?: number): TapName[] {
  const blocks = Array.from({ length: layers ?? num_hidden_layers }, (_, i): TapName[] => [
    ...parts.map((part): TapName => `model.layers.${i}.${part}`),
    `model.layers.${i}`,
  ]);
  return ["model.embed_tokens", ...blocks.flat(), ...(layers === undefined ? (["model.norm"] as const) : [])];
}

/**
 * The names that are wanted, in the order of a pass.
 *
 * @throws TypeError or RangeError for a name or a layer that the model has not, and where nothing is left.
 */
export function chosenNames(
  config: ModelConfig,
  { names, layers, until }: { names?: NameChoice | null; layers?: readonly number[] | null; until?: number | null },
): TapName[] {
  const { num_hidden_layers: count } = config;
  for (const layer of [...(layers ?? []), ...(until === undefined || until === null ? [] : [until])])
    if (!Number.isInteger(layer) || layer < 0 || layer >= count)
      throw new RangeError(`Expected layers from 0 to ${count - 1} but received ${inspect(layer)}`);
  const all = allNames(config, until === undefined || until === null ? undefined : until + 1);
  const wanted = chooser(names, config);
  const chosen = all.filter((name) => wanted(name) && (layers ?? undefined)?.includes(layerOf(name) ?? -1) !== false);
  if (chosen.length === 0) throw new RangeError("Expected at least one intermediate but names and layers leave none");
  return chosen;
}

function chooser(names: NameChoice | null | undefined, config: ModelConfig): (name: TapName) => boolean {
  if (names === undefined || names === null)
    return (name) => name === "model.embed_tokens" || usual.has(name.replace(/^model\.layers\.\d+\.?/, ""));
  if (typeof names === "function") return (name) => names(name);
  if (names instanceof RegExp) return (name) => name.search(names) >= 0;
  if (!Array.isArray(names))
    throw new TypeError(
      `Expected names, a pattern or a function for names but received ${inspect(names, { depth: 0 })}`,
    );
  const known = allNames(config);
  for (const name of names as readonly string[])
    if (!known.includes(name as TapName)) {
      const near = nearest(String(name), known);
      throw new RangeError(
        `Expected the name of an intermediate but received ${inspect(name)}${near ? `; did you mean ${near}?` : ""}`,
      );
    }
  const set = new Set<string>(names);
  return (name) => set.has(name);
}

/** Numbers of an intermediate a position; of attention weights, a head and position of the text. */
export function widthOf(name: TapName, config: ModelConfig): number {
  const { hidden_size: hidden, intermediate_size: ffn, num_attention_heads: heads, head_dim } = config;
  if (name.endsWith("qkv_proj") || name.endsWith("rotary")) return (heads + 2 * config.num_key_value_heads) * head_dim;
  if (name.endsWith("context")) return heads * head_dim;
  if (name.endsWith("gate_up_proj")) return 2 * ffn;
  if (name.endsWith("activation_fn")) return ffn;
  return isWeights(name) ? 1 : hidden;
}
