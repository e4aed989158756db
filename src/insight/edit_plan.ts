/** Edits made ready for one call: checked against the model, their positions counted, cut into runs of columns. */
import { inspect } from "node:util";
import type { ModelConfig, NativeEdit, NativeKnockOut, NativePositions } from "../native";
import { nearest } from "../options";
import type { Tensor } from "../tensor";
import type { Edit, EditPositions, HookEdit, KnockOutEdit, ValueEdit } from "./edit_types";
import { allNames, isWeights, layerOf, type TapName, widthOf } from "./names";
import { chosenNumbers } from "./positions";

/** Consecutive columns. */
type Run = readonly [from: number, to: number];

/** An edit of one run of columns at one place; `value` is (rows, to - from) in float32. */
export interface PlannedEdit extends Omit<NativeEdit, "value" | "rows" | "from" | "to"> {
  value?: { data: Float32Array; rows: number };
  positions: EditPositions;
}

/** What a list of edits means for a model, whatever the text: positions are counted by {@link countPositions}. */
export type Planned =
  | { kind: "edit"; edit: PlannedEdit }
  | { kind: "knock_out"; layer: number; heads: Int32Array; from: EditPositions; to: EditPositions }
  | HookEdit;

/**
 * @throws TypeError or RangeError for a place, layer, head or column that the model has not, a value of another width, and
 *   positions that are none.
 */
export function planEdits(config: ModelConfig, edits: readonly Edit[]): Planned[] {
  if (!Array.isArray(edits))
    throw new TypeError(`Expected an array of edits, as [steer(…)], but received ${inspect(edits, { depth: 0 })}`);
  return edits.flatMap((edit): Planned[] => {
    if (edit?.kind === "knock_out") return [planKnockOut(config, edit)];
    if (edit?.kind === "hook") {
      checkPlace(config, edit.at);
      return [edit];
    }
    if (edit?.kind !== "edit")
      throw new TypeError(
        `Expected an edit, as steer, ablate, patch, project_out, knock_out, hook or edit make them, but received ${inspect(edit, { depth: 0 })}`,
      );
    const layers = edit.at === "model.layers.*" ? config.num_hidden_layers : undefined;
    const places = layers
      ? Array.from({ length: layers }, (_, i): TapName => `model.layers.${i}`)
      : [edit.at as TapName];
    return places.flatMap((at) => planEdit(config, edit, at).map((one): Planned => ({ kind: "edit", edit: one })));
  });
}

/** @throws RangeError for a place that is not there, or that nothing reads any more. */
function checkPlace(config: ModelConfig, at: TapName): void {
  const layer = layerOf(String(at));
  if (layer !== undefined && layer >= config.num_hidden_layers)
    throw new RangeError(
      `Expected layers from 0 to ${config.num_hidden_layers - 1} for an edit but received ${layer} in ${at}`,
    );
  const known = allNames(config);
  if (!known.includes(at)) {
    const near = nearest(String(at), known);
    throw new RangeError(
      `Expected a place that can be edited but received ${inspect(at)}${near ? `; did you mean ${near}?` : ""}`,
    );
  }
  if (isWeights(at))
    throw new RangeError(
      `Expected a place that can be edited but received ${at}: the weights are already used there; knock_out masks attention`,
    );
}

/** The runs of columns that an edit is of. */
function runsOf(config: ModelConfig, edit: ValueEdit, at: TapName): Run[] {
  const width = widthOf(at, config);
  if (edit.columns) {
    const [from, to] = edit.columns;
    if (!Number.isInteger(from) || !Number.isInteger(to) || from < 0 || to <= from || to > width)
      throw new RangeError(`Expected columns within [0, ${width}] for ${at} but received ${inspect(edit.columns)}`);
    return [[from, to]];
  }
  if (edit.heads) {
    if (!at.endsWith(".self_attn.context"))
      throw new RangeError(`Expected heads with model.layers.….self_attn.context alone but received ${at}`);
    return together(numbers(edit.heads, config.num_attention_heads, "heads"), config.head_dim);
  }
  if (edit.neurons) {
    if (!at.endsWith(".mlp.activation_fn"))
      throw new RangeError(`Expected neurons with model.layers.….mlp.activation_fn alone but received ${at}`);
    return together(numbers(edit.neurons, config.intermediate_size, "neurons"), 1);
  }
  return [[0, width]];
}

function numbers(list: readonly number[], count: number, what: string): number[] {
  for (const item of list)
    if (!Number.isInteger(item) || item < 0 || item >= count)
      throw new RangeError(`Expected ${what} from 0 to ${count - 1} but received ${inspect(item)}`);
  if (list.length === 0) throw new RangeError(`Expected at least one of ${what} but received none`);
  return chosenNumbers(list, count, what);
}

/** Runs of `size` columns for each number, those side by side as one. */
function together(list: readonly number[], size: number): Run[] {
  const runs: [number, number][] = [];
  for (const one of list) {
    const last = runs.at(-1);
    if (last && last[1] === one * size) last[1] += size;
    else runs.push([one * size, (one + 1) * size]);
  }
  return runs;
}

function planEdit(config: ModelConfig, edit: ValueEdit, at: TapName): PlannedEdit[] {
  checkPlace(config, at);
  const { op, value, scale = 1, positions = "all" } = edit;
  checkPositions(positions);
  const runs = runsOf(config, edit, at);
  const common = { at, op, scale, positions };
  if (value === undefined) return runs.map(([first, last]) => ({ ...common, first, last }));
  const width = widthOf(at, config);
  const chosen = runs.reduce((sum, [from, to]) => sum + to - from, 0);
  const n = value.dims.at(-1) ?? 1;
  const rows = value.size / n;
  const filled = op === "set" && value.size === 1;
  if (n !== width && n !== chosen && !filled)
    throw new RangeError(
      `Expected a value of ${chosen === width ? width : `${chosen} or ${width}`} numbers for ${at} but received [${value.dims.join(", ")}]`,
    );
  checkRows(rows, positions, at);
  const data = op === "project_out" ? unit(value) : (value.data as Float32Array);
  let before = 0;
  return runs.map(([first, last]) => {
    const size = last - first;
    const part = new Float32Array(rows * size);
    if (filled) part.fill(data[0] as number);
    else {
      const from = n === width ? first : before;
      for (let r = 0; r < rows; r++) part.set(data.subarray(r * n + from, r * n + from + size), r * size);
    }
    before += size;
    return { ...common, first, last, value: { data: part, rows } };
  });
}

/** @throws RangeError where a value of several rows has not a position for each. */
function checkRows(rows: number, positions: EditPositions, at: string): void {
  if (rows === 1) return;
  const list = Array.isArray(positions) ? (positions as readonly number[]) : undefined;
  const rising = list?.every((one, i) => one >= 0 && (i === 0 || one > (list[i - 1] as number)));
  if (list?.length !== rows || !rising)
    throw new RangeError(
      `Expected ${rows} rising positions, from 0 on, for the ${rows} rows of a value at ${at} but received ${inspect(positions)}`,
    );
}

/** A vector in the direction of a value, of length 1. */
function unit(value: Tensor): Float32Array {
  const data = value.data as Float32Array;
  const length = Math.sqrt(data.reduce((sum, x) => sum + x * x, 0));
  return data.map((x) => x / length);
}

function planKnockOut(config: ModelConfig, { layer, heads, from, to }: KnockOutEdit): Planned {
  if (layer >= config.num_hidden_layers)
    throw new RangeError(
      `Expected layers from 0 to ${config.num_hidden_layers - 1} for knock_out but received ${inspect(layer)}`,
    );
  const all = Array.from({ length: config.num_attention_heads }, (_, h) => h);
  const chosen = numbers(heads ?? all, config.num_attention_heads, "heads");
  checkPositions(from);
  checkPositions(to);
  return { kind: "knock_out", layer, heads: Int32Array.from(chosen), from, to };
}

/** @throws TypeError or RangeError for what names no positions of any text. */
function checkPositions(positions: EditPositions): void {
  const words: readonly unknown[] = ["all", "last", "prompt", "new"];
  const whole = Number.isInteger;
  if (words.includes(positions) || whole(positions)) return;
  if (Array.isArray(positions) && positions.length > 0 && positions.every(whole)) return;
  const { from, to } = (typeof positions === "object" && positions !== null ? positions : {}) as Record<
    string,
    unknown
  >;
  if (whole(from) && (to === undefined || whole(to))) return;
  throw new TypeError(
    `Expected "all", "last", "prompt", "new", whole numbers or { from, to } for positions but received ${inspect(positions)}`,
  );
}

/**
 * The positions of a text whose prompt ends before position `end`.
 *
 * @throws RangeError for negative ones before its beginning.
 */
export function countPositions(positions: EditPositions, end: number): NativePositions {
  if (positions === "all") return {};
  if (positions === "prompt") return { from: 0, to: end };
  if (positions === "new") return { from: end };
  const place = (position: number): number => {
    if (position < -end)
      throw new RangeError(`Expected positions from ${-end} on in a prompt of ${end} tokens but received ${position}`);
    return position < 0 ? position + end : position;
  };
  if (positions === "last") return { from: end - 1, to: end };
  if (typeof positions === "number") return { rows: Int32Array.of(place(positions)) };
  if ("from" in positions) {
    const from = place(positions.from);
    return positions.to === undefined ? { from } : { from, to: Math.max(from, place(positions.to)) };
  }
  return { rows: Int32Array.from([...new Set(positions.map(place))].sort((a, b) => a - b)) };
}

/** @throws RangeError where two `set`s would write the same numbers of the same position. */
export function checkSets(edits: readonly NativeEdit[]): void {
  const sets = edits.filter(({ op }) => op === "set");
  sets.forEach((a, i) => {
    for (const b of sets.slice(i + 1)) {
      if (a.at !== b.at || a.first >= b.last || b.first >= a.last) continue;
      const position = common(a, b);
      if (position !== undefined)
        throw new RangeError(
          `Expected one set of a number but received two of ${a.at} at position ${position}: the second would undo the first`,
        );
    }
  });
}

/** The first position that both name. */
function common(a: NativePositions, b: NativePositions): number | undefined {
  const has = ({ rows, from = 0, to = Number.MAX_SAFE_INTEGER }: NativePositions, position: number): boolean =>
    rows ? rows.includes(position) : position >= from && position < to;
  for (const [one, other] of [
    [a, b],
    [b, a],
  ] as const) {
    const found = one.rows
      ? one.rows.find((position) => has(other, position))
      : has(other, one.from ?? 0)
        ? (one.from ?? 0)
        : undefined;
    if (found !== undefined && has(one, found)) return found;
  }
  return undefined;
}

/** A knock-out of a call. */
export function nativeKnockOut(planned: Planned & { kind: "knock_out" }, end: number): NativeKnockOut {
  const { layer, heads, from, to } = planned;
  return { layer, heads, queries: countPositions(from, end), keys: countPositions(to, end) };
}
