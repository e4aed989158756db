/** A generation watched while it runs: its text, how likely each token was, and what each layer would have said. */
import { inspect } from "node:util";
import type { GenerateOptions } from "../generation";
import { generateArguments } from "../generation/option_names";
import { host, jupyterDisplay, type MimeBundle, mime } from "../host";
import type { TokenScores } from "../insight/log_probs";
import { type Prompt, ownTokenizer, promptIds } from "../insight/prompt";
import { Phi3ForCausalLM } from "../model";
import { checkOptions } from "../options";
import type { View } from "./view";
import { Watched } from "./watched";
import type { WatchView } from "./watch_view";

/** What {@link watch} takes: the prompt, what is shown, and options of `generate`. */
export interface WatchOptions
  extends Omit<
    GenerateOptions,
    "on_step" | "top_logprobs" | "output_hidden_states" | "num_beams" | "num_return_sequences"
  > {
  /** A text, or the ids of one. */
  prompt: Prompt;
  /**
   * What is shown: the text with each token's ground coloured ("tokens"), and what each layer would have said in the newest
   * token's place ("lens", which costs a lens for each picture). Default: both.
   */
  views?: readonly WatchView[];
  /** Top tokens in each place, from 0 to 20. Default: 5. */
  k?: number;
  /** Default: `As it is generated`. */
  title?: string;
}

/**
 * What {@link watch} gives when the text has ended.
 *
 * @example
 * const { scores } = await watch(model, { prompt, max_new_tokens: 2, views: ["tokens"] });
 * scores.tokens.at(-1)!.text; // => '.'
 */
export class WatchResult {
  /** The prompt and what followed. */
  readonly text: string;
  /** The same token by token; the prompt's have no probabilities. */
  readonly scores: TokenScores;
  /** The last state. */
  readonly view: View;

  /** @internal */
  constructor({ text, scores, view }: { text: string; scores: TokenScores; view: View }) {
    this.text = text;
    this.scores = scores;
    this.view = view;
  }
  /** In a notebook the last state stands there already. */
  toString(): string {
    if (!host()) return String(this.view);
    const { tokens, cost } = this.scores;
    const count = tokens.filter(({ log_prob }) => log_prob !== null).length;
    return `${count} new token${count === 1 ? "" : "s"} in ${(cost.ms / 1000).toFixed(1)} s`;
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

/**
 * Generates and shows what happens, at most ten times a second: the tokens as they come, coloured by how likely they were,
 * what each layer would have said in the newest one's place, the time of a token and the memory of keys and values. The
 * notebook's stop button ends it, and so does the one that it shows; the last state stays, and says whether it was stopped.
 *
 * @param model The model; one with edits is watched with them.
 * @throws TypeError or RangeError as `generate` does; an `AbortError` when it is stopped.
 * @example
 * const { text } = await watch(model, { prompt, max_new_tokens: 2 });
 * text; // => 'The capital of France is Paris.'
 */
export async function watch(model: Phi3ForCausalLM, options: WatchOptions): Promise<WatchResult> {
  if (!(model instanceof Phi3ForCausalLM))
    throw new TypeError(`Expected a model for watch but received ${inspect(model, { depth: 0 })}`);
  const { on_step, top_logprobs, output_hidden_states, num_beams, num_return_sequences, ...known } = generateArguments;
  checkOptions(options, { ...known, prompt: true, views: true, k: true, title: true } as never, "watch");
  const { prompt, views = ["tokens", "lens"], k = 5, title = "As it is generated", ...given } = options;
  for (const view of views)
    if (view !== "tokens" && view !== "lens")
      throw new TypeError(`Expected "tokens" or "lens" for views but received ${inspect(view)}`);
  if (!Number.isInteger(k) || k < 0 || k > 20)
    throw new RangeError(`Expected k from 0 to 20 but received ${inspect(k)}`);
  const ids = await promptIds(model.core, prompt, "watch");
  const tokenizer = await ownTokenizer(model.core, "watch");
  const watched = new Watched(model, tokenizer, Array.from(ids), { views, title });
  const signals = [given.signal ?? undefined, host()?.signal].filter(
    // What is no signal generate refuses.
    (signal) => typeof signal?.addEventListener === "function",
  ) as AbortSignal[];
  const stop = (): void => void watched.stop();
  for (const signal of signals) signal.addEventListener("abort", stop);
  try {
    watched.show("running");
    await model.generate({
      ...given,
      input_ids: Array.from(ids),
      top_logprobs: k,
      output_hidden_states: views.includes("lens"),
      on_step: (step) => watched.step(step),
    });
    return new WatchResult(await watched.end());
  } catch (error) {
    await watched.stopped();
    throw error;
  } finally {
    for (const signal of signals) signal.removeEventListener("abort", stop);
  }
}
