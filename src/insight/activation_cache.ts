/** What a pass computed on its way, by name, and the sums that the stream of a position is made of. */
import { inspect } from "node:util";
import { jupyterDisplay, type MimeBundle, mime } from "../host";
import type { Core } from "../model/core";
import type { NativeTensor } from "../native";
import { checkOptions, nearest } from "../options";
import { Tensor } from "../tensor";
import { alone } from "./alone";
import { isWeights, layerOf, type TapName } from "./names";
import { chosenNumbers } from "./positions";

/** Vectors of a stream and what each is. */
export interface Stream {
  /** (vectors, T', hidden), in float32. */
  values: Tensor;
  /** What each of the vectors is: "embed", "layer 0", …; or "layer 0 attention", "layer 0 head 3", … */
  labels: string[];
}

/** Of {@link ActivationCache.accumulated_resid} and {@link ActivationCache.decompose_resid}. */
export interface StreamOptions {
  /** Positions of the prompt, of those kept; negative ones count from the prompt's end. Default: all that are kept. */
  positions?: readonly number[] | null;
}

/** Of {@link ActivationCache.decompose_resid}. */
export interface DecomposeOptions extends StreamOptions {
  /**
   * Into what each block's attention and MLP add ("layer", the default), or its heads and its MLP ("head"), or into what each
   * neuron of one block's MLP adds ("neuron").
   */
  by?: "layer" | "head" | "neuron" | null;
  /** The block whose neurons are meant. */
  layer?: number | null;
}

interface Kept {
  taps: Record<string, NativeTensor>;
  names: TapName[];
  positions: number[];
  heads: number[];
  ids: Int32Array;
  past: number;
}

/**
 * Intermediates of a pass, as {@link Phi3ForCausalLM.run_with_cache} keeps them. They lie on the model's device until
 * `dispose`, or the collector.
 *
 * @example
 * const cache = await model.run_with_cache(input_ids, { layers: [18], names: /attn_weights$/ });
 * cache.get("model.layers.18.self_attn.attn_weights").shape; // => [1, 9, 5, 5]
 * cache.nbytes; // => 900
 */
export class ActivationCache {
  readonly #core: Core;
  readonly #kept: Kept;
  readonly #tensors = new Map<TapName, Tensor>();

  /** @internal */
  constructor(core: Core, kept: Kept) {
    this.#core = core;
    this.#kept = kept;
    for (const name of kept.names) {
      const native = kept.taps[name] as NativeTensor;
      this.#tensors.set(name, Tensor.fromNative(native, core.native, [1, ...native.dims]));
    }
  }

  /** The names of what is kept, in the order of the pass. */
  get names(): readonly TapName[] {
    return this.#kept.names;
  }
  /** The positions of the prompt that are kept, T' of them. */
  get positions(): readonly number[] {
    return this.#kept.positions;
  }
  /** The heads whose attention weights are kept. */
  get heads(): readonly number[] {
    return this.#kept.heads;
  }
  /** The prompt's ids. */
  get input_ids(): readonly number[] {
    return Array.from(this.#kept.ids);
  }
  /** @internal Positions that stood before the prompt, in the cache that it went behind. */
  get past(): number {
    return this.#kept.past;
  }
  /** Bytes kept. */
  get nbytes(): number {
    return Object.values(this.#kept.taps).reduce((sum, tensor) => sum + tensor.nbytes, 0);
  }

  /**
   * One intermediate: (1, T', n); attention weights are (1, heads', T', positions).
   *
   * @throws RangeError for one that was not kept.
   * @example
   * const cache = await model.run_with_cache(input_ids, { positions: "last" });
   * cache.get("model.layers.29").shape; // => [1, 1, 576]
   */
  get(name: TapName): Tensor {
    const tensor = this.#tensors.get(name);
    if (tensor) return tensor;
    const near = nearest(String(name), this.names);
    throw new RangeError(
      `Expected one of ${this.names.length} names that were kept but received ${inspect(name)}${near ? `; did you mean ${near}?` : ""}`,
    );
  }

  /**
   * Frees the memory now, not when the collector comes by.
   *
   * @example (await model.run_with_cache(input_ids)).dispose();
   */
  dispose(): void {
    for (const tensor of Object.values(this.#kept.taps)) tensor.dispose();
  }

  /** Where in what is kept the wanted positions stand. */
  #rows({ positions }: StreamOptions): number[] {
    const kept = this.#kept.positions;
    if (positions === undefined || positions === null) return kept.map((_, i) => i);
    return chosenNumbers(positions, this.#kept.ids.length, "positions").map((position) => {
      const row = kept.indexOf(position);
      if (row < 0)
        throw new RangeError(`Expected positions that were kept, ${kept.join(", ")}, but received ${position}`);
      return row;
    });
  }

  /** Chosen rows of (1, T', n), one behind the other. */
  #take(name: TapName, rows: readonly number[]): Float32Array {
    const tensor = this.get(name);
    const n = tensor.dims[2] as number;
    const data = tensor.data as Float32Array;
    if (rows.length === tensor.dims[1]) return data;
    const taken = new Float32Array(rows.length * n);
    rows.forEach((row, i) => {
      taken.set(data.subarray(row * n, (row + 1) * n), i * n);
    });
    return taken;
  }

  #stream(parts: readonly Float32Array[], labels: string[], rows: number): Stream {
    const hidden = this.#core.config.hidden_size;
    const data = new Float32Array(parts.length * rows * hidden);
    parts.forEach((part, i) => {
      data.set(part, i * rows * hidden);
    });
    return { values: new Tensor("float32", data, [parts.length, rows, hidden]), labels };
  }

  /** The blocks whose output is kept, rising. */
  #layers(): number[] {
    const last = Math.max(-1, ...this.names.map((name) => layerOf(name) ?? -1));
    return Array.from({ length: last + 1 }, (_, i) => i);
  }

  /**
   * The stream after the embeddings and after each block, before the final norm: what a lens looks at.
   *
   * @throws RangeError where the embeddings or a block's output were not kept.
   * @example
   * const { values, labels } = (await model.run_with_cache(input_ids)).accumulated_resid();
   * values.shape; // => [31, 5, 576]
   * labels.slice(0, 3); // => ["embed", "layer 0", "layer 1"]
   */
  accumulated_resid(options: StreamOptions = {}): Stream {
    checkOptions(options, { positions: true }, "accumulated_resid");
    const rows = this.#rows(options);
    const layers = this.#layers();
    const parts = [
      this.#take("model.embed_tokens", rows),
      ...layers.map((layer) => this.#take(`model.layers.${layer}`, rows)),
    ];
    return this.#stream(parts, ["embed", ...layers.map((layer) => `layer ${layer}`)], rows.length);
  }

  /**
   * What the stream is the sum of, up to the last block that is kept: the embeddings, and what each block's attention (or
   * each of its heads) and its MLP add. By neuron it is what one block's MLP adds that is divided, at one position.
   *
   * @throws RangeError where a part was not kept: heads need `model.layers.….self_attn.context`, neurons
   *   `….mlp.activation_fn`; for neurons without `layer`, or of several positions.
   * @example
   * const cache = await model.run_with_cache(input_ids, { positions: "last" });
   * const { values } = await cache.decompose_resid();
   * values.shape; // => [61, 1, 576]
   * @example
   * const names = /embed_tokens|context|down_proj/;
   * const cache = await model.run_with_cache(input_ids, { names, until: 1 });
   * const { labels } = await cache.decompose_resid({ by: "head" });
   * labels.length; // => 21
   * @example
   * const names = ["model.layers.3.mlp.activation_fn"] as const;
   * const cache = await model.run_with_cache(input_ids, { names, until: 3 });
   * const { values, labels } = await cache.decompose_resid({ by: "neuron", layer: 3, positions: [-1] });
   * labels[values.norm(-1).flatten().argmax().item() as number]; // the neuron that adds the longest vector
   */
  async decompose_resid(options: DecomposeOptions = {}): Promise<Stream> {
    checkOptions(options, { positions: true, by: true, layer: true }, "decompose_resid");
    const by = options.by ?? "layer";
    if (by !== "layer" && by !== "head" && by !== "neuron")
      throw new TypeError(`Expected "layer", "head" or "neuron" for by but received ${inspect(by)}`);
    const rows = this.#rows(options);
    if (by === "neuron") return this.#neurons(options.layer, rows);
    const parts = [this.#take("model.embed_tokens", rows)];
    const labels = ["embed"];
    for (const layer of this.#layers()) {
      if (by === "layer") {
        parts.push(this.#take(`model.layers.${layer}.self_attn.o_proj`, rows));
        labels.push(`layer ${layer} attention`);
      } else
        for (const [head, part] of (await this.#heads(layer, rows)).entries()) {
          parts.push(part);
          labels.push(`layer ${layer} head ${head}`);
        }
      parts.push(this.#take(`model.layers.${layer}.mlp.down_proj`, rows));
      labels.push(`layer ${layer} mlp`);
    }
    return this.#stream(parts, labels, rows.length);
  }

  /** What each head of a block adds. */
  #heads(layer: number, rows: readonly number[]): Promise<Float32Array[]> {
    const context = this.#take(`model.layers.${layer}.self_attn.context`, rows);
    const { num_attention_heads: heads } = this.#core.config;
    return alone(this.#core, { module: "o_proj", layer }, context, rows.length, heads);
  }

  /** What each neuron of a block's MLP adds at one position. */
  async #neurons(layer: number | null | undefined, rows: readonly number[]): Promise<Stream> {
    const { num_hidden_layers: layers, intermediate_size: neurons } = this.#core.config;
    if (!Number.isInteger(layer) || (layer as number) < 0 || (layer as number) >= layers)
      throw new RangeError(
        `Expected a layer from 0 to ${layers - 1} for decompose_resid by "neuron", whose ${neurons.toLocaleString("en-US")} vectors a layer and position are many, but received ${inspect(layer)}`,
      );
    if (rows.length !== 1)
      throw new RangeError(`Expected one position for decompose_resid by "neuron" but received ${rows.length}`);
    const activations = this.#take(`model.layers.${layer as number}.mlp.activation_fn`, rows);
    const parts = await alone(this.#core, { module: "down_proj", layer: layer as number }, activations, 1, neurons);
    const labels = parts.map((_, neuron) => `layer ${layer} neuron ${neuron}`);
    return this.#stream(parts, labels, 1);
  }

  /** What is kept, in a line. */
  toString(): string {
    const { names, positions, ids } = this.#kept;
    const weights = names.filter(isWeights).length;
    return `ActivationCache of ${names.length} intermediates${weights > 0 ? ` (${weights} of attention weights)` : ""} at ${positions.length} of ${ids.length} positions, ${this.nbytes.toLocaleString("en-US")} bytes`;
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
