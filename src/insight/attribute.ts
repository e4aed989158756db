/**
 * Direct logit attribution: which parts of the model add what to a token's score. The stream is a sum, and the head is
 * linear; the final norm, which is not, is held at what it divides the whole stream by.
 */
import { inspect } from "node:util";
import { abortable } from "../model/abort";
import type { Core } from "../model/core";
import { checkOptions } from "../options";
import { tensor } from "../tensor";
import { rmsOf } from "./frozen_norm";
import { naming } from "./label";
import { chosenNumbers } from "./positions";
import { type Prompt, promptIds, type TokenChoice, tokenIds } from "./prompt";
import type { AttributedPart, Attribution, NamedToken } from "./results";
import { runWithCache } from "./run_with_cache";
import { columns, costLine, shown } from "./shown";

/** What {@link Phi3ForCausalLM.attribute} takes. */
export interface AttributeOptions {
  /** The token whose score is divided: an id, or a text of one token. */
  token: TokenChoice;
  /** The token whose score is taken from it. Default: none. */
  against?: TokenChoice | null;
  /** The position of the prompt; negative ones count from the end, "last" is the last. Default: "last". */
  position?: number | "last" | null;
  /** Each block's attention and MLP ("layer", the default), or each head and each MLP ("head"). */
  by?: "layer" | "head" | null;
  /** Stops the work, as the notebook's interrupt does: the call rejects with an `AbortError`. */
  signal?: AbortSignal | null;
}

/** What `model.attribute` does. */
export async function attribute(core: Core, prompt: Prompt, options: AttributeOptions): Promise<Attribution> {
  const known = { token: true, against: true, position: true, by: true, signal: true } as const;
  checkOptions(options, known, "attribute");
  if (options?.token === undefined) throw new TypeError("Expected a token for attribute but received none");
  const by = options.by ?? "layer";
  if (by !== "layer" && by !== "head")
    throw new TypeError(`Expected "layer" or "head" for by of attribute but received ${inspect(by)}`);
  const start = performance.now();
  const ids = await promptIds(core, prompt, "attribute");
  const given = options.position ?? "last";
  const [position] = chosenNumbers([given === "last" ? -1 : given], ids.length, "a position");
  const against = options.against ?? undefined;
  const asked = await tokenIds(core, [options.token, ...(against === undefined ? [] : [against])], "attribute");
  const signal = options.signal ?? undefined;
  const last = `model.layers.${core.config.num_hidden_layers - 1}` as const;
  const names = by === "layer" ? /embed_tokens|o_proj|down_proj/ : /embed_tokens|context|down_proj/;
  const cache = await runWithCache(core, Array.from(ids), {
    names: (name) => name === last || names.test(name),
    positions: [position as number],
    signal,
  });
  try {
    const { values: parts, labels } = await cache.decompose_resid({ by });
    const whole = cache.get(last).data as Float32Array;
    const rows = [...Array.from(parts, (part) => part.data as Float32Array), whole];
    const scores = await scoresOf(core, rows, asked, signal);
    const frozen = rmsOf(whole, core.config.rms_norm_eps);
    const values = rows.map((row, r) => ((scores[r] as number) * rmsOf(row, core.config.rms_norm_eps)) / frozen);
    const direct = values.pop() as number;
    const [token, other] = asked.map(await naming(core));
    const cost = { ms: performance.now() - start, passes: 1, bytes: cache.nbytes };
    return shown<Attribution>(
      {
        by,
        token: token as NamedToken,
        against: other ?? null,
        position: position as number,
        labels,
        values: tensor(values, "float32"),
        total: values.reduce((sum, value) => sum + value, 0),
        direct,
        frozen_rms: frozen,
        cost,
        best: (n) => bestOf(labels, values, n),
      },
      asText,
    );
  } finally {
    cache.dispose();
  }
}

function bestOf(labels: readonly string[], values: readonly number[], n: number): AttributedPart[] {
  const parts = labels.map((label, i) => {
    const [, layer, head] = /^layer (\d+)(?: head (\d+))?/.exec(label) ?? [];
    const numbered = (text: string | undefined): number | null => (text === undefined ? null : Number(text));
    return { label, layer: numbered(layer), head: numbered(head), value: values[i] as number };
  });
  return parts.sort((a, b) => b.value - a.value).slice(0, n);
}

/** Of each vector, by itself behind the final norm, the score of the first token, less that of the second. */
async function scoresOf(
  { native, config }: Core,
  rows: readonly Float32Array[],
  asked: readonly number[],
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const data = new Float32Array(rows.length * config.hidden_size);
  rows.forEach((row, r) => {
    data.set(row, r * config.hidden_size);
  });
  const hidden = native.upload(data, [rows.length, config.hidden_size]);
  const n = asked.length;
  const tokens = Int32Array.from({ length: rows.length * n }, (_, i) => asked[i % n] as number);
  try {
    const { token_logits } = await abortable(signal, (abort) =>
      native.summarise({ hidden, start: 0, rows: rows.length, norm: true, k: 0, tokens, abort }),
    );
    return rows.map((_, r) => (token_logits[r * n] as number) - (n > 1 ? (token_logits[r * n + 1] as number) : 0));
  } finally {
    hidden.dispose();
  }
}

/** The parts that add or take away the most, with the sum. */
function asText({
  by,
  token,
  against,
  position,
  labels,
  values,
  total,
  direct,
  frozen_rms,
  cost,
}: Attribution): string {
  const numbers = values.tolist() as number[];
  const order = numbers
    .map((_, i) => i)
    .sort((a, b) => Math.abs(numbers[b] as number) - Math.abs(numbers[a] as number));
  const rows = order.slice(0, 10).map((i) => [labels[i] as string, (numbers[i] as number).toFixed(3)]);
  const rest = order.slice(10);
  const left = rest.reduce((sum, i) => sum + (numbers[i] as number), 0);
  if (rest.length > 0) rows.push([`${rest.length} others`, left.toFixed(3)]);
  rows.push(["sum", total.toFixed(3)], ["as the head gives it", direct.toFixed(3)]);
  const what = against ? `${inspect(token.text)} less ${inspect(against.text)}` : `the score of ${inspect(token.text)}`;
  return [
    `What each ${by === "layer" ? "layer's attention and MLP" : "head and MLP"} adds to ${what} at position ${position}, the final norm held at ${frozen_rms.toPrecision(4)}`,
    ...columns(rows),
    costLine(cost),
  ].join("\n");
}
