/** How likely a model finds a text, token by token. */
import { inspect } from "node:util";
import { jupyterDisplay, type MimeBundle, mime } from "../host";
import { abortable } from "../model/abort";
import { checkCache, type DynamicCache } from "../model/cache";
import type { Core } from "../model/core";
import type { NativeCache, Summary } from "../native";
import { checkOptions } from "../options";
import { costLine } from "./shown";
import { pieceLabel, writing } from "./label";
import { editedCore } from "./edited_native";
import type { Edit } from "./edit_types";
import { behind } from "./past";
import { type Prompt, promptIds } from "./prompt";
import type { Cost } from "./results";

/** What {@link Phi3ForCausalLM.log_probs} takes. */
export interface LogProbsOptions {
  /** Top tokens at each place, from 0 to 256. Default: 5. */
  k?: number | null;
  /**
   * The cache of an earlier call: the text goes behind what it holds, and it grows by it. What the held text says of the
   * first token is not known any more.
   */
  past_key_values?: DynamicCache | null;
  /** What is changed on the way: {@link steer}, {@link ablate}, {@link patch} and the others make it. Default: nothing. */
  edits?: readonly Edit[] | null;
  /** Stops the pass, as the notebook's interrupt does: the call rejects with an `AbortError`. */
  signal?: AbortSignal | null;
}

/** A token that may stand at a place. */
export interface Alternative {
  /** The token. */
  id: number;
  /** As plots call it. */
  label: string;
  /** Its probability. */
  prob: number;
}

/** What the model thought of one token of a text, when it had read all before it. */
export interface TokenScore {
  /** The token. */
  id: number;
  /** Its characters; of several tokens that make a character together, that character. */
  text: string;
  /** Which of how many such pieces it is: [0, 1] where it is all of `text`. */
  piece: [index: number, count: number];
  /** As plots call it. */
  label: string;
  /** The logarithm of its probability; null of the first token, which nothing stands before. */
  log_prob: number | null;
  /** 1: it was the top token. */
  rank: number | null;
  /** Of the distribution that it was one of, in nats. */
  entropy: number | null;
  /** The top tokens in its place. */
  top: Alternative[];
}

/**
 * What {@link Phi3ForCausalLM.log_probs} gives; {@link plotTokens} draws it.
 *
 * @example
 * const scores = await model.log_probs("The capital of France is Paris");
 * scores.tokens.at(-1)!.rank; // => 1
 * scores.tokens[0]!.log_prob; // => null
 */
export class TokenScores {
  /** One for each token, in order. */
  readonly tokens: TokenScore[];
  /** The sum of the logarithms. */
  readonly total: number;
  /** e to the mean of their negatives: among how many equal choices the model was as unsure, on average. */
  readonly perplexity: number;
  /** What it took. */
  readonly cost: Cost;

  /** @internal */
  constructor(tokens: TokenScore[], cost: Cost) {
    const known = tokens.flatMap(({ log_prob }) => log_prob ?? []);
    this.tokens = tokens;
    this.total = known.reduce((sum, one) => sum + one, 0);
    this.perplexity = Math.exp(-this.total / known.length);
    this.cost = cost;
  }

  /** A line a token: what it is, its probability and rank, and what else stood to choose. */
  toString(): string {
    const width = Math.max(5, ...this.tokens.map(({ label }) => label.length));
    const rows = this.tokens.map(({ label, log_prob, rank, top }) => {
      const others = top.map((one) => `${one.label} ${(one.prob * 100).toFixed(1)}%`).join("  ");
      const own = log_prob === null ? "" : `${(Math.exp(log_prob) * 100).toFixed(1)}%`;
      return `${label.padEnd(width)}  ${own.padStart(6)}  ${String(rank ?? "").padStart(6)}  ${others}`.trimEnd();
    });
    return [`${"token".padEnd(width)}  ${"prob".padStart(6)}  ${"rank".padStart(6)}  top`, ...rows, this.about].join(
      "\n",
    );
  }
  /** @internal */
  get about(): string {
    return `total ${this.total.toFixed(2)} nats, perplexity ${this.perplexity.toPrecision(4)}; ${costLine(this.cost)}`;
  }
  /** @internal */
  [inspect.custom](): string {
    return this.toString();
  }
  /** @internal */
  [jupyterDisplay](): MimeBundle {
    return { [mime.text]: this.toString() };
  }
}

/** What `model.log_probs` does. */
export async function logProbs(core: Core, prompt: Prompt, options: LogProbsOptions = {}): Promise<TokenScores> {
  checkOptions(options, { k: true, past_key_values: true, edits: true, signal: true }, "log_probs");
  const start = performance.now();
  core = editedCore(core, options.edits);
  const { native, config } = core;
  const k = Math.min(options.k ?? 5, config.vocab_size);
  if (!Number.isInteger(k) || k < 0 || k > 256)
    throw new RangeError(`Expected k from 0 to 256 for log_probs but received ${inspect(options.k)}`);
  const ids = await promptIds(core, prompt, "log_probs");
  if (ids.length < 2) throw new RangeError("Expected at least 2 tokens for log_probs: the first has nothing before it");
  checkCache(options.past_key_values);
  const past = options.past_key_values ?? undefined;
  const signal = options.signal ?? undefined;
  let bytes = 0;
  const run = (cache?: NativeCache): Promise<Summary> =>
    abortable(signal, async (abort) => {
      const { last_hidden_state: hidden } = await native.forward({ ids, cache, abort });
      bytes = hidden.nbytes;
      try {
        const rows = ids.length - 1;
        return await native.summarise({ hidden, start: 0, rows, norm: false, k, tokens: ids.slice(1), abort });
      } finally {
        hidden.dispose();
      }
    });
  const summary = await behind(core, past, "log_probs", ids.length, run);
  const tokens = await scoresOf(core, ids, summary, k);
  return new TokenScores(tokens, { ms: performance.now() - start, passes: 1, bytes });
}

async function scoresOf(core: Core, ids: Int32Array, summary: Summary, k: number): Promise<TokenScore[]> {
  const { label, texts } = await writing(core, ids);
  return Array.from(ids, (id, i): TokenScore => {
    const { text, piece } = texts?.[i] ?? { text: String(id), piece: [0, 1] };
    const own = { id, text, piece, label: texts ? pieceLabel(text, piece) : text };
    if (i === 0) return { ...own, log_prob: null, rank: null, entropy: null, top: [] };
    const row = i - 1;
    const logsumexp = summary.logsumexp[row] as number;
    const top = Array.from({ length: k }, (_, j): Alternative => {
      const other = summary.ids[row * k + j] as number;
      return { id: other, label: label(other), prob: Math.exp((summary.logits[row * k + j] as number) - logsumexp) };
    });
    return {
      ...own,
      log_prob: (summary.token_logits[row] as number) - logsumexp,
      rank: summary.token_ranks[row] as number,
      entropy: summary.entropy[row] as number,
      top,
    };
  });
}
