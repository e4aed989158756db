/** The two halves of a model that the chapter calls apart: the stack of blocks, and the head. */
import { inspect } from "node:util";
import { Callable } from "../callable";
import { jupyterDisplay, type MimeBundle, mime } from "../host";
import type { ForwardResult, ModelConfig, NativeModel } from "../native";
import { checkOptions, type OptionNames } from "../options";
import { Tensor } from "../tensor";
import { abortable } from "./abort";
import { type Batch, type IdsInput, readBatch } from "./inputs";
import { type BaseModelOutput, checkCache, DynamicCache } from "./outputs";
import { headTree, stackTree } from "./tree";

/** What a call of the model, or of its stack, takes; names of transformers' `Phi3Model.forward`. */
export interface ForwardOptions {
  /** Token ids, (T) or (rows, T), where they are not the call's first argument. */
  input_ids?: IdsInput;
  /** (rows, T): 0 over padding, which may stand at the ends of a row. Default: no padding. */
  attention_mask?: IdsInput;
  /** The cache of an earlier call: `input_ids` go behind what it holds, and it grows by them. */
  past_key_values?: DynamicCache;
  /** Gives keys and values as `past_key_values`, for a later call. Default: false. */
  use_cache?: boolean;
  /** Gives `hidden_states`, the vectors after every layer. Default: false. */
  output_hidden_states?: boolean;
  /** Gives `attentions`, the attention weights of every layer. Default: false. */
  output_attentions?: boolean;
  /** Stops the pass, as the notebook's interrupt does: the call rejects with an `AbortError`. */
  signal?: AbortSignal;
}

/** Their names, for checking. */
const forwardOptions: OptionNames<ForwardOptions> = {
  input_ids: true,
  attention_mask: true,
  past_key_values: true,
  use_cache: true,
  output_hidden_states: true,
  output_attentions: true,
  signal: true,
};

/** What the halves share. */
export interface Core {
  native: NativeModel;
  config: ModelConfig;
}

/** Names of the intermediates that make `hidden_states` (all but the last) and `attentions`. */
export function tapNames(config: ModelConfig, options: ForwardOptions): string[] {
  const layers = Array.from({ length: config.num_hidden_layers }, (_, i) => `model.layers.${i}`);
  return [
    ...(options.output_hidden_states ? ["model.embed_tokens", ...layers.slice(0, -1)] : []),
    ...(options.output_attentions ? layers.map((layer) => `${layer}.self_attn.attn_weights`) : []),
  ];
}

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
export class Phi3Model extends Callable {
  readonly #core: Core;

  /** @internal */
  constructor(core: Core) {
    super();
    this.#core = core;
  }

  protected override _call(...args: unknown[]): Promise<BaseModelOutput> {
    return this.#forward(forwardArguments("model.model", args));
  }

  async #forward(options: ForwardOptions & { input_ids: IdsInput }): Promise<BaseModelOutput> {
    const { native, config } = this.#core;
    const batch = readBatch(options.input_ids, options.attention_mask);
    const past = options.past_key_values;
    checkCache(past);
    if (past && past.caches.length !== batch.rows.length)
      throw new RangeError(`Expected past_key_values of ${batch.rows.length} rows but received ${past.caches.length}`);
    const caches = past?.caches ?? (options.use_cache ? batch.rows.map(() => native.createCache()) : undefined);
    const taps = tapNames(config, options);
    const length = batch.width + Math.max(0, ...(past?.caches.map((cache) => cache.length) ?? []));
    const results = await abortable(options.signal, (abort) =>
      Promise.all(batch.rows.map((ids, r) => native.forward({ ids, cache: caches?.[r], taps, length, abort }))),
    );
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
    if (caches) output.past_key_values = past ?? new DynamicCache(caches);
    return output;
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
      return Tensor.fromNative(first, this.#core.native.device, [1, batch.width, n]);
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
      return Tensor.fromNative(tensors[0] as never, this.#core.native.device, [1, heads, t, positions]);
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
  /** @internal */
  [inspect.custom](): string {
    return this.toString();
  }
  /** @internal */
  [jupyterDisplay](): MimeBundle {
    return { [mime.text]: this.toString() };
  }
}

/** Ids and options out of a call's arguments. */
export function forwardArguments(where: string, args: unknown[]): ForwardOptions & { input_ids: IdsInput } {
  const [first, second] = args as [unknown, ForwardOptions | undefined];
  const plain = typeof first === "object" && first !== null && "input_ids" in first;
  const options: ForwardOptions = plain
    ? { ...(first as ForwardOptions), ...second }
    : { ...second, input_ids: first as IdsInput };
  checkOptions(options, forwardOptions, where);
  return options as ForwardOptions & { input_ids: IdsInput };
}

export interface LmHead {
  /**
   * Calling the head: vectors, (…, hidden), to the scores of every token, (…, vocab).
   *
   * @throws TypeError or RangeError for what is no tensor, or has no vectors of this width.
   */
  (hidden_states: Tensor): Promise<Tensor>;
}

/**
 * The head: `model.lm_head`, a matrix from a position's vector to one score for every token.
 *
 * @example
 * const model_output = await model.model(input_ids);
 * const logits = await model.lm_head(model_output[0]);
 * logits.shape; // => [1, 5, 49152]
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface above says how an instance is called.
export class LmHead extends Callable {
  readonly #core: Core;

  /** @internal */
  constructor(core: Core) {
    super();
    this.#core = core;
  }

  protected override async _call(...args: unknown[]): Promise<Tensor> {
    const { native, config } = this.#core;
    const hidden = args[0];
    if (!(hidden instanceof Tensor))
      throw new TypeError(
        `Expected a tensor of hidden states for lm_head but received ${inspect(hidden, { depth: 0 })}`,
      );
    const width = config.hidden_size;
    if (hidden.dims.at(-1) !== width || hidden.size === 0)
      throw new RangeError(`Expected hidden states of shape [..., ${width}] but received [${hidden.dims.join(", ")}]`);
    const rows = hidden.size / width;
    const dims = [...hidden.dims.slice(0, -1), config.vocab_size];
    const range = hidden.nativeRange;
    const inPlace = range !== undefined && range.start % width === 0;
    const given = inPlace ? range.native : native.upload(hidden.to("float32").data as Float32Array, [rows, width]);
    try {
      const logits = await native.lmHead(given, inPlace ? range.start / width : 0, rows);
      return Tensor.fromNative(logits, native.device, dims);
    } finally {
      if (!inPlace) given.dispose();
    }
  }

  /** Its sizes, as PyTorch prints them. */
  override toString(): string {
    return headTree(this.#core.config);
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
