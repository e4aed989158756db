/**
 * Activation patching: a corrupted prompt is run again and again, each time with one place set to what it was in a clean
 * prompt's run. Where the clean answer comes back, what tells the two apart was there.
 */
import { inspect } from "node:util";
import { abortable } from "../model/abort";
import type { Core } from "../model/core";
import type { AbortFlag, NativeCache } from "../native";
import { checkOptions } from "../options";
import { tensor } from "../tensor";
import type { ActivationCache } from "./activation_cache";
import { editedCore } from "./edited_native";
import { patch } from "./edits";
import { namedPrompt, naming } from "./label";
import type { TapName } from "./names";
import { chosenNumbers } from "./positions";
import { type Prompt, promptIds, type TokenChoice, tokenIds } from "./prompt";
import type { Grid, NamedToken } from "./results";
import { runWithCache } from "./run_with_cache";
import { columns, costLine, shown } from "./shown";

/** What {@link Phi3ForCausalLM.patch_grid} takes. */
export interface PatchGridOptions {
  /** The answer to the clean prompt: an id, or a text of one token. */
  token: TokenChoice;
  /** The answer to the corrupted prompt. */
  against: TokenChoice;
  /** A column a position of the prompts ("position", the default), or a column a head ("head"), at all positions. */
  over?: "position" | "head" | null;
  /**
   * What is set: blocks' outputs ("block", the default), or what their attention or MLP adds. Over heads it is what a head
   * found, which belongs to "attention".
   */
  at?: "block" | "attention" | "mlp" | null;
  /** Of these blocks alone, by their numbers from 0. Default: all. */
  layers?: readonly number[] | null;
  /** Shares of the way from the corrupted run's difference of scores (0) to the clean one's (1). Default: true. */
  normalise?: boolean | null;
  /** Stops the work, as the notebook's interrupt does: the call rejects with an `AbortError`. */
  signal?: AbortSignal | null;
  /** Is told how far it is after each column. */
  on_progress?: ((progress: { done: number; total: number }) => void) | null;
}

const optionNames = {
  token: true,
  against: true,
  over: true,
  at: true,
  layers: true,
  normalise: true,
  signal: true,
  on_progress: true,
} as const;
const parts = { block: "", attention: ".self_attn.o_proj", mlp: ".mlp.down_proj", head: ".self_attn.context" } as const;

/** What `model.patch_grid` does. */
export async function patchGrid(
  core: Core,
  clean: Prompt,
  corrupted: Prompt,
  options: PatchGridOptions,
): Promise<Grid> {
  checkOptions(options, optionNames, "patch_grid");
  if (options?.token === undefined || options.against === undefined)
    throw new TypeError("Expected token and against for patch_grid, the answers to the two prompts");
  const over = options.over ?? "position";
  const at = options.at ?? (over === "head" ? "attention" : "block");
  if (over !== "position" && over !== "head")
    throw new TypeError(`Expected "position" or "head" for over of patch_grid but received ${inspect(over)}`);
  if (!["block", "attention", "mlp"].includes(at) || (over === "head" && at !== "attention"))
    throw new TypeError(
      `Expected ${over === "head" ? '"attention"' : '"block", "attention" or "mlp"'} for at of patch_grid over ${over}s but received ${inspect(at)}`,
    );
  const start = performance.now();
  const { num_hidden_layers, num_attention_heads } = core.config;
  const layers = chosenNumbers(
    options.layers ?? Array.from({ length: num_hidden_layers }, (_, i) => i),
    num_hidden_layers,
    "layers",
  );
  const [right, wrong] = [await promptIds(core, clean, "patch_grid"), await promptIds(core, corrupted, "patch_grid")];
  if (right.length !== wrong.length)
    throw new RangeError(
      `Expected prompts of equally many tokens for patch_grid but received ${right.length} and ${wrong.length}: their positions are set from each other`,
    );
  const first = right.findIndex((id, i) => id !== wrong[i]);
  if (first < 0) throw new RangeError("Expected two prompts for patch_grid but received the same one twice");
  const asked = await tokenIds(core, [options.token, options.against], "patch_grid");
  const part = parts[over === "head" ? "head" : at];
  const names = layers.map((layer): TapName => `model.layers.${layer}${part}`);
  const signal = options.signal ?? undefined;
  const kept = await runWithCache(core, Array.from(right), { names, signal });
  const width = over === "head" ? num_attention_heads : wrong.length;
  const cells = layers.map(() => new Array<number>(width).fill(Number.NaN));
  const memory = core.native.createCache();
  try {
    const run = new Run(core, memory, wrong, asked);
    const { cleanly, corruptly } = await abortable(signal, async (abort) => {
      const cleanly = await run.alone(right, abort);
      const corruptly = await run.whole(abort);
      // From the last column to the first: what the cache holds before a position is the corrupted run's.
      for (let column = width - 1; column >= 0; column--) {
        for (const [l, name] of names.entries())
          (cells[l] as number[])[column] =
            over === "position"
              ? column < first
                ? corruptly
                : await run.cell(kept, name, { positions: [column] }, column, abort)
              : await run.cell(kept, name, { heads: [column], positions: from(first, wrong.length) }, first, abort);
        options.on_progress?.({ done: width - column, total: width });
      }
      return { cleanly, corruptly };
    });
    const way = cleanly - corruptly;
    const normalised = options.normalise ?? true;
    if (normalised && way === 0)
      throw new RangeError("Expected prompts whose scores of the two tokens differ, else nothing can come back");
    const values = normalised ? cells.map((row) => row.map((value) => (value - corruptly) / way)) : cells;
    const [token, against] = asked.map(await naming(core)) as [NamedToken, NamedToken];
    return shown<Grid>(
      {
        over,
        at,
        token,
        against,
        layers,
        values: tensor(values, "float32"),
        clean_tokens: await namedPrompt(core, right),
        corrupted_tokens: await namedPrompt(core, wrong),
        clean: cleanly,
        corrupted: corruptly,
        normalised,
        cost: { ms: performance.now() - start, passes: run.passes + 1, bytes: kept.nbytes + memory.nbytes },
      },
      asText,
    );
  } finally {
    memory.dispose();
    kept.dispose();
  }
}

const from = (first: number, end: number): number[] => Array.from({ length: end - first }, (_, i) => first + i);

/** Passes of one prompt, of which a cache holds what stands before the first place that is set. */
class Run {
  passes = 0;
  constructor(
    readonly core: Core,
    readonly memory: NativeCache,
    readonly ids: Int32Array,
    readonly asked: readonly number[],
  ) {}

  /** The difference of scores after another prompt. */
  alone(ids: Int32Array, abort: AbortFlag): Promise<number> {
    return this.#difference(this.core, ids, abort);
  }
  /** The same after this one, which the cache then holds. */
  whole(abort: AbortFlag): Promise<number> {
    return this.#difference(this.core, this.ids, abort, this.memory);
  }
  /** The same with a place set from the other run, from position `first` on. */
  cell(
    kept: ActivationCache,
    at: TapName,
    where: { heads?: number[]; positions: number[] },
    first: number,
    abort: AbortFlag,
  ): Promise<number> {
    this.memory.truncate(first);
    const edited = editedCore(this.core, [patch(kept, { at, ...where })]);
    return this.#difference(edited, this.ids.subarray(first), abort, this.memory);
  }

  async #difference(core: Core, ids: Int32Array, abort: AbortFlag, cache?: NativeCache): Promise<number> {
    const { native } = core;
    const given = Int32Array.from(ids);
    const { last_hidden_state: hidden } = await native.forward({ ids: given, cache, abort });
    this.passes++;
    try {
      const tokens = Int32Array.from(this.asked);
      const last = { start: given.length - 1, rows: 1 };
      const { token_logits } = await native.summarise({ hidden, ...last, norm: false, k: 0, tokens, abort });
      return (token_logits[0] as number) - (token_logits[1] as number);
    } finally {
      hidden.dispose();
    }
  }
}

/** The grid in numbers, the last layer above. */
function asText({
  over,
  at,
  token,
  against,
  layers,
  values,
  corrupted_tokens,
  clean,
  corrupted,
  normalised,
  cost,
  clean_tokens,
}: Grid): string {
  const names =
    over === "head"
      ? Array.from({ length: values.dims[1] as number }, (_, head) => `head ${head}`)
      : corrupted_tokens.map(({ label }, i) =>
          label === clean_tokens[i]?.label ? label : `${clean_tokens[i]?.label}←${label}`,
        );
  const rows = (values.tolist() as number[][]).map((row, l) => [
    `layer ${layers[l]}`,
    ...row.map((value) => value.toFixed(2)),
  ]);
  const what = normalised ? "share that comes back" : "difference";
  return [
    `Scores of ${inspect(token.text)} less ${inspect(against.text)}: clean ${clean.toFixed(2)}, corrupted ${corrupted.toFixed(2)}; ${what} with ${over === "head" ? "a head" : at === "block" ? "a block's output" : `what ${at} adds`} set from the clean run`,
    ...columns([["", ...names], ...rows.reverse()]),
    costLine(cost),
  ].join("\n");
}
