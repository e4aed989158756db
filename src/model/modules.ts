/** The two halves of a model that the chapter calls apart: the stack of blocks, and the head. */
import { inspect } from "node:util";
import type { ForwardResult, NativeCache, ForwardOptions as NativeForward, NativeModel } from "../native";
import { checkOptions } from "../options";
import { editedCore } from "../insight/edited_native";
import { refuseWithinHook } from "../insight/hooks";
import { Tensor } from "../tensor";
import { abortable } from "./abort";
import { checkCache, DynamicCache } from "./cache";
import { type Core, onVectors } from "./core";
import { type ForwardOptions, forwardArguments, forwardOptions, tapNames } from "./forward_options";
import { type Batch, type IdsInput, readBatch, uploadEmbeds } from "./inputs";
import { DecoderLayer, Embedding, Module } from "./layers";
import type { BaseModelOutput } from "./outputs";
import { Printed } from "./printed";
import { headTree, stackTree } from "./tree";

export interface Phi3Model {
  /** Token ids, (T) or (rows, T), to one vector a position, (rows, T, hidden): all blocks and the final norm. */
  (input_ids: IdsInput, options?: ForwardOptions): Promise<BaseModelOutput>;
  /** The same with the ids among the options, as a tokenizer gives them. */
  (options: ForwardOptions): Promise<BaseModelOutput>;
}

/**
 * The stack of transformer blocks: `model.model`. As a cell's last value it shows its layers.
 *
 * @example
 * const { last_hidden_state } = await model.model(input_ids);
 * last_hidden_state.shape; // => [1, 5, 576]
 * @example
 * // The attention weights of each layer: (rows, heads, T, positions).
 * const { attentions } = await model.model(input_ids, { output_attentions: true });
 * attentions![0].shape; // => [1, 9, 5, 5]
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface above says how an instance is called.
export class Phi3Model extends Printed {
  readonly #core: Core;
  /** Ids to the vectors that the first block gets. */
  readonly embed_tokens: Embedding;
  /** The blocks, by their numbers from 0; what a block is made of may be called by itself. */
  readonly layers: readonly DecoderLayer[];
  /** The final norm, which stands before the head: without it no vector of a block means to the head what it says. */
  readonly norm: Module;

  /** @internal */
  constructor(core: Core) {
    super();
    this.#core = core;
    this.embed_tokens = new Embedding(core);
    this.layers = Array.from({ length: core.config.num_hidden_layers }, (_, i) => new DecoderLayer(core, i));
    this.norm = new Module(core, { name: "model.norm", role: "norm", layer: -1, width: core.config.hidden_size });
  }

  protected override _call(...args: unknown[]): Promise<BaseModelOutput> {
    return this.#forward(forwardArguments("model.model", args, forwardOptions));
  }

  async #forward(options: ForwardOptions): Promise<BaseModelOutput> {
    const { native, config } = editedCore(this.#core, options.edits);
    refuseWithinHook(native);
    const given = options.past_key_values;
    checkCache(given);
    const past = given ?? (options.use_cache ? new DynamicCache() : undefined);
    const batch = readBatch(options, config.hidden_size, past?.columns);
    const taps = tapNames(config, options);
    const run = async (caches: NativeCache[] | undefined): Promise<ForwardResult[]> => {
      const leads = past?.lead(batch.firsts) ?? batch.firsts ?? [];
      const length = batch.width + Math.max(0, ...(caches?.map((cache) => cache.length) ?? [])) + Math.max(0, ...leads);
      const results = await abortable(options.signal ?? undefined, (abort) =>
        all(batch.rows.map((ids, r) => this.#row(native, batch, r, { ids, cache: caches?.[r], taps, length, abort }))),
      );
      past?.append(batch.columns);
      return results;
    };
    const results = past ? await past.use(native, batch.rows.length, "the model", run) : await run(undefined);
    const last_hidden_state = this.#gather(
      batch,
      results.map((result) => result.last_hidden_state),
    );
    const output: BaseModelOutput = { 0: last_hidden_state, last_hidden_state };
    if (options.output_hidden_states) {
      const names = taps.filter((name) => !name.endsWith("attn_weights"));
      output.hidden_states = [...names.map((name) => this.#tap(batch, results, name)), last_hidden_state];
    }
    if (options.output_attentions)
      output.attentions = taps
        .filter((name) => name.endsWith("attn_weights"))
        .map((name) => this.#attention(batch, results, name));
    if (past) output.past_key_values = past;
    return output;
  }

  /** A pass of one row's real tokens, or of its vectors. */
  async #row(native: NativeModel, batch: Batch, r: number, pass: NativeForward): Promise<ForwardResult> {
    const embeds = uploadEmbeds(native, batch, r);
    try {
      return await native.forward({ ...pass, embeds });
    } finally {
      embeds?.dispose();
    }
  }

  #tap(batch: Batch, results: ForwardResult[], name: string): Tensor {
    return this.#gather(
      batch,
      results.map((result) => result.taps[name] as ForwardResult["last_hidden_state"]),
    );
  }

  /** (rows, T, n) of the rows' (t, n): on the device for one whole row, else padded with zeros in JavaScript's memory. */
  #gather(batch: Batch, tensors: ForwardResult["last_hidden_state"][]): Tensor {
    const [first] = tensors as [ForwardResult["last_hidden_state"]];
    const n = first.dims[1] as number;
    if (tensors.length === 1 && first.dims[0] === batch.width)
      return Tensor.fromNative(first, this.#core.native, [1, batch.width, n]);
    const data = new Float32Array(tensors.length * batch.width * n);
    tensors.forEach((tensor, r) => {
      const start = r * batch.width + (batch.starts[r] as number);
      data.set(tensor.read(0, tensor.nbytes / 4), start * n);
      tensor.dispose();
    });
    return new Tensor("float32", data, [tensors.length, batch.width, n]);
  }

  /** (rows, heads, T, positions); padding attends to nothing and nothing to it. */
  #attention(batch: Batch, results: ForwardResult[], name: string): Tensor {
    const tensors = results.map((result) => result.taps[name] as ForwardResult["last_hidden_state"]);
    const [heads, t, positions] = (tensors[0] as ForwardResult["last_hidden_state"]).dims as [number, number, number];
    if (tensors.length === 1 && t === batch.width)
      return Tensor.fromNative(tensors[0] as never, this.#core.native, [1, heads, t, positions]);
    const { width } = batch;
    // Positions that a cache held before; of rows with fewer of them, the first columns stay zero.
    const past = Math.max(...tensors.map(({ dims: [, rows, columns] }) => (columns as number) - (rows as number)));
    const total = past + width;
    const data = new Float32Array(tensors.length * heads * width * total);
    tensors.forEach((tensor, r) => {
      const [, rows, columns] = tensor.dims as [number, number, number];
      const values = tensor.read(0, tensor.nbytes / 4);
      const start = batch.starts[r] as number;
      for (let h = 0; h < heads; h++)
        for (let q = 0; q < rows; q++) {
          const from = (h * rows + q) * columns;
          const to = ((r * heads + h) * width + start + q) * total + past;
          const held = columns - rows;
          data.set(values.subarray(from, from + held), to - held);
          data.set(values.subarray(from + held, from + columns), to + start);
        }
      tensor.dispose();
    });
    return new Tensor("float32", data, [tensors.length, heads, width, total]);
  }

  /** The layers, line for line as PyTorch prints them. */
  override toString(): string {
    return stackTree(this.#core.config);
  }
}

/** What all of them give, when all are done; the error of the first that fails. */
async function all<T>(promises: Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

/** What the head may be asked besides vectors. */
export interface LmHeadOptions {
  /** Ids: only their scores are given, so that the table of all never is. Default: every token. */
  tokens?: readonly number[] | null;
}

export interface LmHead {
  /**
   * Calling the head: vectors, (…, hidden), to the scores of every token, (…, vocab), or of the `tokens` named.
   *
   * @throws TypeError or RangeError for what is no tensor, or has no vectors of this width.
   */
  (hidden_states: Tensor, options?: LmHeadOptions): Promise<Tensor>;
}

/**
 * The head: `model.lm_head`, a matrix from a position's vector to one score for every token.
 *
 * @example
 * const model_output = await model.model(input_ids);
 * const logits = await model.lm_head(model_output[0]);
 * logits.shape; // => [1, 5, 49152]
 * @example
 * const { last_hidden_state } = await model.model(input_ids);
 * (await model.lm_head(last_hidden_state, { tokens: [7042, 4528] })).shape; // => [1, 5, 2]
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface above says how an instance is called.
export class LmHead extends Printed {
  readonly #core: Core;

  /** @internal */
  constructor(core: Core) {
    super();
    this.#core = core;
  }

  protected override async _call(...args: unknown[]): Promise<Tensor> {
    const { native, config } = this.#core;
    const [hidden, options] = args as [Tensor, LmHeadOptions | undefined];
    checkOptions(options, { tokens: true }, "lm_head");
    const tokens = options?.tokens ?? undefined;
    if (tokens !== undefined && (!Array.isArray(tokens) || tokens.length === 0))
      throw new TypeError(`Expected ids for tokens of lm_head but received ${inspect(tokens, { depth: 0 })}`);
    const dims = (last: number): number[] => [...hidden.dims.slice(0, -1), last];
    return onVectors(this.#core, hidden, config.hidden_size, "lm_head", async (given, start, rows) => {
      if (tokens === undefined)
        return Tensor.fromNative(await native.lmHead(given, start, rows), native, dims(config.vocab_size));
      const each = Int32Array.from({ length: rows * tokens.length }, (_, i) => tokens[i % tokens.length] as number);
      const { token_logits } = await native.summarise({ hidden: given, start, rows, norm: false, k: 0, tokens: each });
      return new Tensor("float32", token_logits, dims(tokens.length));
    });
  }

  /** Its sizes, as PyTorch prints them. */
  override toString(): string {
    return headTree(this.#core.config);
  }
}
