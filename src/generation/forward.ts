/** One pass of a generation: the next token's logits, and what else of it was asked for. */
import { tapNames } from "../model/forward_options";
import type { Core } from "../model/core";
import type { AbortFlag, ForwardOptions, ForwardResult, NativeCache, NativeTensor } from "../native";
import { Tensor } from "../tensor";
import type { GenerateArguments } from "./options";

/** What a pass gives. */
export interface Step {
  logits: Float32Array;
  hidden_states: Tensor[];
  attentions: Tensor[];
}

/** A text that goes on by one token: what holds all that is before it, the token, and where its prompt ends. */
export interface Sequence {
  cache: NativeCache;
  id: number;
  prompt: number;
}

/** Runs the passes of one call. */
export class Passes {
  readonly #core: Core;
  readonly #given: GenerateArguments;
  readonly #abort: AbortFlag;
  readonly #taps: string[];

  constructor(core: Core, given: GenerateArguments, abort: AbortFlag) {
    this.#core = core;
    this.#given = given;
    this.#abort = abort;
    this.#taps = tapNames(core.config, given);
  }

  /** Runs these tokens, or vectors, behind what the cache holds; the logits are those of the token after them. */
  async run(pass: Pick<ForwardOptions, "ids" | "embeds" | "cache" | "length" | "prompt">): Promise<Step> {
    const { native, config } = this.#core;
    const result = await native.forward({ ...pass, taps: this.#taps, abort: this.#abort });
    const rows = result.last_hidden_state.dims[0] as number;
    const head = await native.lmHead(result.last_hidden_state, rows - 1, 1);
    const logits = head.read(0, config.vocab_size);
    head.dispose();
    return { logits, ...this.#kept(result) };
  }

  /** Whether sequences go on together: their intermediates are looked at one by one. */
  get together(): boolean {
    return this.#taps.length === 0 && this.#given.output_hidden_states !== true;
  }

  /** Runs a token more of each sequence in one pass; the logits behind each. */
  async step(sequences: readonly Sequence[], length: number): Promise<Float32Array[]> {
    const { native, config } = this.#core;
    const caches = sequences.map(({ cache }) => cache);
    const ids = Int32Array.from(sequences, ({ id }) => id);
    const prompts = sequences.map(({ prompt }) => prompt);
    const logits = await native.step({ caches, ids, length, prompts, abort: this.#abort });
    const rows = caches.map((_, row) => logits.read(row * config.vocab_size, config.vocab_size));
    logits.dispose();
    return rows;
  }

  /** Gives a cache that holds a beginning of what another holds that one's first `length` positions. */
  async copy(to: NativeCache, from: NativeCache, length: number): Promise<void> {
    await this.#core.native.copyCache({ to, from, length, abort: this.#abort });
  }

  #kept(result: ForwardResult): Omit<Step, "logits"> {
    const batched = (tensor: NativeTensor): Tensor => Tensor.fromNative(tensor, this.#core.native, [1, ...tensor.dims]);
    const named = (attention: boolean): Tensor[] =>
      this.#taps
        .filter((name) => name.endsWith("attn_weights") === attention)
        .map((name) => batched(result.taps[name] as NativeTensor));
    const wanted = this.#given.output_hidden_states === true;
    const hidden_states = wanted ? [...named(false), batched(result.last_hidden_state)] : [];
    if (!wanted) result.last_hidden_state.dispose();
    return { hidden_states, attentions: named(true) };
  }
}
