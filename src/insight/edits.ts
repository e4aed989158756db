/** What makes edits: the general form, and functions named for what they are for. */
import { inspect } from "node:util";
import { Tensor } from "../tensor";
import type { ActivationCache } from "./activation_cache";
import { decodeTensor, editJson } from "./edit_json";
import type {
  Ablated,
  EditOp,
  EditPositions,
  EditSpec,
  HookEdit,
  HookFunction,
  KnockOutEdit,
  ValueEdit,
} from "./edit_types";
import type { LayerPart, TapName } from "./names";
import { chosenNumbers } from "./positions";

const ops: readonly EditOp[] = ["add", "multiply", "set", "project_out"];

/** @throws RangeError where some of the numbers are not finite. */
function checkFinite(value: Tensor, at: string): void {
  for (const number of value.data as Float32Array)
    if (!Number.isFinite(number))
      throw new RangeError(`Expected finite numbers for the value of an edit at ${at} but received ${number}`);
}

/**
 * The general form of an edit, which the others are short for. Edits are plain objects: they can be kept as JSON, tensors
 * and all, and {@link edit} takes them back.
 *
 * @throws TypeError or RangeError for an op that there is not, numbers that are not finite, and a value that is missing.
 * @example
 * const half = edit({ at: "model.layers.20.mlp.down_proj", op: "multiply", scale: 0.5 });
 * (await model(input_ids, { edits: [half] })).logits.shape; // => [1, 5, 49152]
 * edit(JSON.parse(JSON.stringify(half))).scale; // => 0.5
 */
export function edit(spec: EditSpec): ValueEdit {
  const { at, op, scale, columns, heads, neurons, positions } = spec;
  if (!ops.includes(op)) throw new TypeError(`Expected ${ops.join(", ")} for op but received ${inspect(op)}`);
  if (scale !== undefined && !Number.isFinite(scale))
    throw new RangeError(`Expected a finite scale for an edit at ${at} but received ${inspect(scale)}`);
  if ([columns, heads, neurons].filter((one) => one !== undefined).length > 1)
    throw new TypeError("Expected columns, heads or neurons for an edit but received several of them");
  const value = spec.value === undefined ? undefined : decodeTensor(spec.value);
  if (value === undefined && op !== "multiply") throw new TypeError(`Expected a value for ${op} at ${at}`);
  if (value) checkFinite(value, at);
  if (op === "project_out" && value && !(value.data as Float32Array).some((one) => one !== 0))
    throw new RangeError("Expected a vector that is not 0 for project_out: 0 has no direction");
  const made: Record<string, unknown> = { kind: "edit", at, op, value, scale, columns, heads, neurons, positions };
  for (const [name, one] of Object.entries(made)) if (one === undefined) delete made[name];
  Object.defineProperty(made, "toJSON", { value: editJson });
  return made as unknown as ValueEdit;
}

/** Of {@link steer}. */
export interface SteerOptions {
  /** How far: so many times the vector. Default: 1. */
  scale?: number;
  /** Default: "all". */
  positions?: EditPositions;
}

/**
 * Adds a vector to the stream behind a block: a push in its direction. A vector's worth depends on the stream's length
 * there, so try scales: too much of any direction is noise.
 *
 * @param layer The block, from 0.
 * @param vector (hidden), as {@link direction} gives it.
 * @throws RangeError for numbers that are not finite.
 * @example
 * const happy = await direction(model, ["I love this"], ["I hate this"], { layer: 14 });
 * const edits = [steer(14, happy, { scale: 1.5, positions: "new" })];
 * (await model.generate({ input_ids, max_new_tokens: 5, edits })).shape; // => [1, 10]
 */
export function steer(layer: number, vector: Tensor, { scale = 1, positions }: SteerOptions = {}): ValueEdit {
  return edit({ at: block(layer), op: "add", value: vector, scale, positions });
}

/** Of {@link ablate}. */
export interface AblateOptions {
  /** What stands in its place: 0 (the default), or a mean of what it is in other texts, which is less of a shock. */
  to?: "zero" | Tensor;
  /** Default: "all". */
  positions?: EditPositions;
}

/**
 * Takes away what heads found, what neurons say, or what a block's attention or MLP adds.
 *
 * @throws TypeError where not one of these is named.
 * @example
 * const { logits } = await model(input_ids, { edits: [ablate({ layer: 23, heads: [4] })] });
 * Number(logits.slice(0, -1).softmax(-1).max().item()) < 0.2; // => true
 */
export function ablate(what: Ablated, { to = "zero", positions }: AblateOptions = {}): ValueEdit {
  const { layer } = what;
  const value = to === "zero" ? new Tensor("float32", [0], [1]) : to;
  const make = (part: LayerPart, more: Partial<EditSpec>): ValueEdit =>
    edit({ at: `${block(layer)}.${part}`, op: "set", value, positions, ...more });
  const { heads, neurons, part } = what;
  const named = [heads, neurons, part].filter((one) => one !== undefined);
  if (named.length === 1 && heads) return make("self_attn.context", { heads });
  if (named.length === 1 && neurons) return make("mlp.activation_fn", { neurons });
  if (named.length === 1 && part === "attention") return make("self_attn.o_proj", {});
  if (named.length === 1 && part === "mlp") return make("mlp.down_proj", {});
  throw new TypeError(
    `Expected one of heads, neurons and part, "attention" or "mlp", for ablate but received ${inspect(what)}`,
  );
}

/** Of {@link patch}. */
export interface PatchOptions {
  /** What of the other run takes its place here. */
  at: TapName;
  /** Positions of the other run's text, and the same of this one; negative ones count from the other's end. Default: all
   * that were kept. */
  positions?: number | readonly number[];
  /** Only these heads, where the place is `….self_attn.context`. */
  heads?: readonly number[];
}

/**
 * Puts what another text's run computed at a place into this one's: if the answer follows, it was there.
 *
 * @param cache What {@link Phi3ForCausalLM.run_with_cache} kept of the other run; it may be disposed afterwards.
 * @throws RangeError for a place or positions that were not kept.
 * @example
 * const italy = await model.run_with_cache("The capital of Italy is");
 * const edits = [patch(italy, { at: "model.layers.10", positions: 3 })];
 * const { logits } = await model(input_ids, { edits });
 * tokenizer.decode(logits.slice(0, -1).argmax(-1)); // => " Rome"
 */
export function patch(cache: ActivationCache, { at, positions, heads }: PatchOptions): ValueEdit {
  const values = cache.get(at);
  const kept = cache.positions;
  const list = typeof positions === "number" ? [positions] : positions;
  const chosen = list === undefined ? kept : chosenNumbers(list, cache.input_ids.length, "positions");
  const n = values.dims[2] as number;
  const data = values.data as Float32Array;
  const rows = new Float32Array(chosen.length * n);
  chosen.forEach((position, i) => {
    const row = kept.indexOf(position);
    if (row < 0)
      throw new RangeError(`Expected positions that were kept, ${kept.join(", ")}, but received ${position}`);
    rows.set(data.subarray(row * n, (row + 1) * n), i * n);
  });
  const value = new Tensor("float32", rows, [chosen.length, n]);
  const places = chosen.map((position) => position + cache.past);
  return edit({ at, op: "set", value, heads, positions: places });
}

/**
 * Takes a direction out of the stream: what is left of each vector says nothing of it.
 *
 * @param layer The block behind which it is done, or "all" of them.
 * @param vector (hidden) of any length but 0.
 * @throws RangeError for a vector that is 0, or not finite.
 * @example
 * const happy = await direction(model, ["I love this"], ["I hate this"], { layer: 14 });
 * (await model(input_ids, { edits: [project_out("all", happy)] })).logits.shape; // => [1, 5, 49152]
 */
export function project_out(
  layer: number | "all",
  vector: Tensor,
  { positions }: { positions?: EditPositions } = {},
): ValueEdit {
  return edit({ at: layer === "all" ? "model.layers.*" : block(layer), op: "project_out", value: vector, positions });
}

/**
 * Cuts edges of attention before the softmax: what the positions `from` look with does not see the positions `to`, and the
 * rest of what it sees gets their share. A query that sees nothing at all finds 0.
 *
 * @throws RangeError for a layer that cannot be.
 * @example
 * // The last word does not see "France" any more, in one block.
 * const { logits } = await model(input_ids, { edits: [knock_out({ layer: 23, from: "last", to: 3 })] });
 * logits.shape; // => [1, 5, 49152]
 */
export function knock_out(spec: Omit<KnockOutEdit, "kind">): KnockOutEdit {
  block(spec.layer);
  return { kind: "knock_out", ...spec };
}

/**
 * Calls a function of yours with an intermediate, in the midst of the pass: (1, rows, n) of the rows that are on their way,
 * a long prompt's in several calls. What it gives, of the same shape, takes its place; nothing leaves it. The pass waits
 * meanwhile, so the function must not ask the same model, and many a token is slow this way: an {@link edit} is not.
 *
 * @throws TypeError for what is no function.
 * @example
 * const norms: number[] = [];
 * const measure = hook("model.layers.3", (x) => {
 *   norms.push(x.slice(0, -1).norm().item() as number);
 * });
 * await model(input_ids, { edits: [measure] });
 * norms.length; // => 1
 */
export function hook(at: TapName, call: HookFunction): HookEdit {
  if (typeof call !== "function") throw new TypeError(`Expected a function for hook but received ${inspect(call)}`);
  return { kind: "hook", at, call };
}

function block(layer: number): `model.layers.${number}` {
  if (!Number.isInteger(layer) || layer < 0)
    throw new RangeError(`Expected a layer from 0 on but received ${inspect(layer)}`);
  return `model.layers.${layer}`;
}
