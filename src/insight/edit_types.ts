/** The shapes of edits: plain data that says what is changed in a pass, and names no model. */
import type { Tensor } from "../tensor";
import type { StoredTensor } from "./edit_json";
import type { TapName } from "./names";

/**
 * Positions of a text at which something is changed. `"prompt"` are those of what a call is given, `"new"` those that
 * `generate` adds, `"last"` is the prompt's last; negative numbers count from the prompt's end. `from` up to `to` is without
 * `to`; without one, all from there on.
 */
export type EditPositions = "all" | "last" | "prompt" | "new" | number | readonly number[] | PositionRange;

/** Positions side by side. */
export interface PositionRange {
  /** The first. */
  readonly from: number;
  /** The one behind the last; default: there is no last. */
  readonly to?: number;
}

/** What is done to the numbers x of a position: `x + scale · value`; `x · scale · value`; `value`; x without its part along `value`. */
export type EditOp = "add" | "multiply" | "set" | "project_out";

/** A change of an intermediate of the pass. {@link edit} makes one, and so do the functions named for what they are for. */
export interface ValueEdit {
  /** Which of the edits it is. */
  readonly kind: "edit";
  /** Where; of `model.layers.*`, in every block. */
  readonly at: TapName | "model.layers.*";
  /** What is done there. */
  readonly op: EditOp;
  /** (n), or (positions, n): a row for each of the positions. Of `multiply` it may be left out. */
  readonly value?: Tensor;
  /** Of `add` and `multiply`; default: 1. */
  readonly scale?: number;
  /** Only these columns, from the first up to, without, the second. */
  readonly columns?: readonly [from: number, to: number];
  /** Only these heads' columns, where the place is `….self_attn.context`. */
  readonly heads?: readonly number[];
  /** Only these columns, where the place is `….mlp.activation_fn`. */
  readonly neurons?: readonly number[];
  /** Default: "all". */
  readonly positions?: EditPositions;
}

/** Edges of attention that are cut: {@link knock_out}. */
export interface KnockOutEdit {
  /** Which of the edits it is. */
  readonly kind: "knock_out";
  /** The block, from 0. */
  readonly layer: number;
  /** Default: all. */
  readonly heads?: readonly number[];
  /** The positions that look. */
  readonly from: EditPositions;
  /** The positions that these do not see any more. */
  readonly to: EditPositions;
}

/** What a hook is told beside the numbers. */
export interface HookInfo {
  /** The place's name. */
  at: TapName;
  /** The block's number; -1 outside the blocks. */
  layer: number;
  /** Of each row of the tensor, its position in the text. */
  positions: number[];
}

/** Is given (1, rows, n); what it gives, of the same shape, takes its place, and nothing leaves it. It may be asynchronous. */
export type HookFunction =
  | ((x: Tensor, info: HookInfo) => Tensor | undefined | Promise<Tensor | undefined>)
  | ((x: Tensor, info: HookInfo) => void);

/** A function that is called with an intermediate: {@link hook}. */
export interface HookEdit {
  /** Which of the edits it is. */
  readonly kind: "hook";
  /** The place's name. */
  readonly at: TapName;
  /** The function. */
  readonly call: HookFunction;
}

/** One change of a pass. */
export type Edit = ValueEdit | KnockOutEdit | HookEdit;

/** What {@link edit} takes: a {@link ValueEdit}, or what `JSON.parse` makes of one. */
export interface EditSpec extends Omit<ValueEdit, "kind" | "value"> {
  /** May be left out. */
  readonly kind?: "edit";
  /** A tensor, numbers of a vector, or a tensor as JSON holds it. */
  readonly value?: Tensor | StoredTensor | readonly number[];
}

/** What {@link ablate} takes away, one of: heads, neurons of an MLP, all that a half of a block adds to the stream. */
export interface Ablated {
  /** The block, from 0. */
  readonly layer: number;
  /** Heads of its attention. */
  readonly heads?: readonly number[];
  /** Neurons of its MLP: columns of `….mlp.activation_fn`. */
  readonly neurons?: readonly number[];
  /** All that its attention or its MLP adds. */
  readonly part?: "attention" | "mlp";
}
