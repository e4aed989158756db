/** The modules of a model by transformers' names, each of which may be called with vectors by itself. */
import { Callable } from "../callable";
import { refuseWithinHook } from "../insight/hooks";
import type { NativeModule } from "../native";
import { Tensor } from "../tensor";
import { families } from "../weights/families";
import { type Core, onVectors } from "./core";
import { type IdsInput, readBatch } from "./inputs";
import { Printed } from "./printed";
import { linear, normLine } from "./tree";

interface Spec {
  /** As transformers names it: model.layers.3.mlp.down_proj. */
  name: string;
  role: NativeModule;
  layer: number;
  /** Numbers of an input. */
  width: number;
  /** Of the output, those that are given; default: all. */
  columns?: [from: number, to: number];
  /** For printing; default: as many as inputs, of a norm. */
  outputs?: number;
}

export interface Module {
  /**
   * Calling it: vectors, (…, n), to vectors, (…, m).
   *
   * @throws TypeError or RangeError for what is no tensor, or has no vectors of its width.
   */
  (vectors: Tensor): Promise<Tensor>;
}

/**
 * A norm or a projection of the model, computed by the same code as in a pass, on every format of weights.
 *
 * @example
 * const { last_hidden_state } = await model.model(input_ids);
 * const { down_proj, gate_up_proj } = model.model.layers[3]!.mlp;
 * (await gate_up_proj(last_hidden_state)).shape; // => [1, 5, 3072]
 * down_proj; // => Linear(in_features=1536, out_features=576, bias=False)
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface above says how an instance is called.
export class Module extends Printed {
  readonly #core: Core;
  readonly #spec: Spec;

  /** @internal */
  constructor(core: Core, spec: Spec) {
    super();
    this.#core = core;
    this.#spec = spec;
  }

  protected override _call(...[vectors]: unknown[]): Promise<Tensor> {
    const { native } = this.#core;
    const { name, role, layer, width, columns } = this.#spec;
    return onVectors(this.#core, vectors, width, name, async (given, start, rows) => {
      const made = await native.apply(role, layer, given, start, rows);
      const leading = (vectors as Tensor).dims.slice(0, -1);
      const whole = Tensor.fromNative(made, native, [...leading, made.dims[1] as number]);
      return columns === undefined ? whole : whole.slice(...leading.map(() => null), columns);
    });
  }

  /** Its sizes, as PyTorch prints them. */
  override toString(): string {
    const { width, role, outputs, columns } = this.#spec;
    if (role === "swiglu") return "SiLU()";
    const bias = role === "qkv_proj" && this.#core.config.attention_bias;
    if (outputs !== undefined) return linear(width, columns ? columns[1] - columns[0] : outputs, bias);
    return normLine(this.#core.config)(width);
  }
}

export interface Embedding {
  /**
   * Calling it: ids of any shape, (…), to vectors, (…, hidden).
   *
   * @throws Error for an id outside the vocabulary.
   */
  (input_ids: IdsInput): Promise<Tensor>;
}

/**
 * The table of embeddings: `model.model.embed_tokens`.
 *
 * @example (await model.model.embed_tokens(input_ids)).shape; // => [1, 5, 576]
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface above says how an instance is called.
export class Embedding extends Printed {
  readonly #core: Core;

  /** @internal */
  constructor(core: Core) {
    super();
    this.#core = core;
  }

  protected override async _call(...[input]: unknown[]): Promise<Tensor> {
    const { native, config } = this.#core;
    refuseWithinHook(native);
    const { rows, width } = readBatch({ input_ids: input as IdsInput }, config.hidden_size);
    const ids = new Int32Array(rows.length * width);
    for (const [r, row] of rows.entries()) ids.set(row, r * width);
    const single = input instanceof Tensor ? input.ndim < 2 : rows.length === 1 && !isNested(input);
    const leading = single ? [width] : [rows.length, width];
    return Tensor.fromNative(await native.embed(ids), native, [...leading, config.hidden_size]);
  }

  /** Its sizes, as PyTorch prints them. */
  override toString(): string {
    const { vocab_size, hidden_size } = this.#core.config;
    return `Embedding(${vocab_size}, ${hidden_size})`;
  }
}

const isNested = (input: unknown): boolean => typeof (input as ArrayLike<unknown>)[0] === "object";

/**
 * Attention's projections. q, k and v are one matrix here, of which those by themselves give a part.
 *
 * @example
 * const { self_attn, input_layernorm } = model.model.layers[0]!;
 * const vectors = await input_layernorm(await model.model.embed_tokens(input_ids));
 * (await self_attn.k_proj(vectors)).shape; // => [1, 5, 192]
 */
export class Attention {
  /** (…, hidden) to queries, keys and values, one behind the other, before they are rotated. */
  readonly qkv_proj: Module;
  /** (…, hidden) to the heads' queries. */
  readonly q_proj: Module;
  /** (…, hidden) to the heads' keys. */
  readonly k_proj: Module;
  /** (…, hidden) to the heads' values. */
  readonly v_proj: Module;
  /** What the heads found, (…, heads * head_dim), to what is added to the stream, (…, hidden). */
  readonly o_proj: Module;
  /** The norm of a head's query, (…, head_dim), in models that have one. */
  readonly q_norm?: Module;
  /** The norm of a head's key, (…, head_dim), in models that have one. */
  readonly k_norm?: Module;

  /** @internal */
  constructor(core: Core, layer: number) {
    const { hidden_size: hidden, head_dim, num_attention_heads, num_key_value_heads, model_type } = core.config;
    const [q, kv] = [num_attention_heads * head_dim, num_key_value_heads * head_dim];
    const name = (part: string): string => `model.layers.${layer}.self_attn.${part}`;
    const part = (of: string, columns?: [number, number]): Module =>
      new Module(core, { name: name(of), role: "qkv_proj", layer, width: hidden, outputs: q + 2 * kv, columns });
    this.qkv_proj = part("qkv_proj");
    this.q_proj = part("q_proj", [0, q]);
    this.k_proj = part("k_proj", [q, q + kv]);
    this.v_proj = part("v_proj", [q + kv, q + 2 * kv]);
    this.o_proj = new Module(core, { name: name("o_proj"), role: "o_proj", layer, width: q, outputs: hidden });
    if (!families[model_type].qk_norm) return;
    this.q_norm = new Module(core, { name: name("q_norm"), role: "q_norm", layer, width: head_dim });
    this.k_norm = new Module(core, { name: name("k_norm"), role: "k_norm", layer, width: head_dim });
  }
}

export interface Mlp {
  /** Calling it: a block's normed vectors, (…, hidden), to what is added to the stream, (…, hidden). */
  (vectors: Tensor): Promise<Tensor>;
}

/**
 * A block's MLP, and its parts. Gate and up are one matrix here, of which those by themselves give a part.
 *
 * @example
 * const { mlp } = model.model.layers[0]!;
 * const neurons = await mlp.activation_fn(await mlp.gate_up_proj(await model.model.embed_tokens([504])));
 * neurons.shape; // => [1, 1536]
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface above says how an instance is called.
export class Mlp extends Callable {
  /** (…, hidden) to gates and ups, one behind the other. */
  readonly gate_up_proj: Module;
  /** (…, hidden) to gates. */
  readonly gate_proj: Module;
  /** (…, hidden) to ups. */
  readonly up_proj: Module;
  /** Gates and ups, (…, 2 * ffn), to the neurons, up · silu(gate), (…, ffn). */
  readonly activation_fn: Module;
  /** Neurons, (…, ffn), to what is added to the stream, (…, hidden). */
  readonly down_proj: Module;

  /** @internal */
  constructor(core: Core, layer: number) {
    super();
    const { hidden_size: hidden, intermediate_size: ffn } = core.config;
    const name = (part: string): string => `model.layers.${layer}.mlp.${part}`;
    const part = (of: string, columns?: [number, number]): Module =>
      new Module(core, { name: name(of), role: "gate_up_proj", layer, width: hidden, outputs: 2 * ffn, columns });
    this.gate_up_proj = part("gate_up_proj");
    this.gate_proj = part("gate_proj", [0, ffn]);
    this.up_proj = part("up_proj", [ffn, 2 * ffn]);
    const gate = { name: name("activation_fn"), role: "swiglu", layer, width: 2 * ffn, outputs: ffn } as const;
    this.activation_fn = new Module(core, gate);
    this.down_proj = new Module(core, {
      name: name("down_proj"),
      role: "down_proj",
      layer,
      width: ffn,
      outputs: hidden,
    });
  }

  protected override async _call(...[vectors]: unknown[]): Promise<Tensor> {
    return this.down_proj(await this.activation_fn(await this.gate_up_proj(vectors as Tensor)));
  }
}

/**
 * A block of the stack: `model.model.layers[i]`. Its parts may be called; a whole block needs a pass.
 *
 * @example
 * const { post_attention_layernorm, mlp } = model.model.layers[29]!;
 * const { hidden_states } = await model.model(input_ids, { output_hidden_states: true });
 * (await mlp(await post_attention_layernorm(hidden_states![29]))).shape; // => [1, 5, 576]
 */
export class DecoderLayer {
  /** Before attention. */
  readonly input_layernorm: Module;
  /** The attention and its projections. */
  readonly self_attn: Attention;
  /** Before the MLP. */
  readonly post_attention_layernorm: Module;
  /** The feed-forward half and its projections. */
  readonly mlp: Mlp;

  /** @internal */
  constructor(core: Core, layer: number) {
    const norm = (role: "input_layernorm" | "post_attention_layernorm"): Module =>
      new Module(core, { name: `model.layers.${layer}.${role}`, role, layer, width: core.config.hidden_size });
    this.input_layernorm = norm("input_layernorm");
    this.self_attn = new Attention(core, layer);
    this.post_attention_layernorm = norm("post_attention_layernorm");
    this.mlp = new Mlp(core, layer);
  }
}
