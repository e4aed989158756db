/** A whole model: the stack, the head, and generation. */
import { inspect } from "node:util";
import { Callable } from "../callable";
import { type GenerateArguments, type GenerateOutput, generate } from "../generation/generate";
import { jupyterDisplay, type MimeBundle, mime } from "../host";
import type { Dtype, ModelConfig } from "../native";
import type { Tensor } from "../tensor";
import type { IdsInput } from "./inputs";
import { MemoryUse } from "./memory";
import { type Core, forwardArguments, type ForwardOptions, LmHead, Phi3Model } from "./modules";
import type { CausalLMOutput } from "./outputs";
import { type Profile, type ProfileOptions, profile } from "./profile";
import { modelTree } from "./tree";

export interface Phi3ForCausalLM {
  /** Token ids to the scores of the token after each position. */
  (input_ids: IdsInput, options?: ForwardOptions): Promise<CausalLMOutput>;
  (options: ForwardOptions): Promise<CausalLMOutput>;
}

/**
 * Phi-3, and Llama, which is a Phi-3 with its projections unstacked. Made by `AutoModelForCausalLM.from_pretrained`.
 *
 * @example
 * const { logits } = await model(input_ids);
 * const ids = await model.generate({ input_ids, max_new_tokens: 50 });
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface above says how an instance is called.
export class Phi3ForCausalLM extends Callable {
  /** The stack of blocks. */
  readonly model: Phi3Model;
  /** From vectors to scores. */
  readonly lm_head: LmHead;
  /** The id, folder or file it came from. */
  readonly name_or_path: string;
  readonly #core: Core;
  /** Calls under way, each made of several native ones: `dispose` waits for them. */
  readonly #calls = new Set<Promise<unknown>>();
  #disposed: Promise<void> | undefined;

  /** @internal */
  constructor(core: Core, name_or_path: string) {
    super();
    this.#core = core;
    this.name_or_path = name_or_path;
    this.model = new Phi3Model(core);
    this.lm_head = new LmHead(core);
  }

  protected override _call(...args: unknown[]): Promise<CausalLMOutput> {
    return this.#during(() => this.#forward(args));
  }

  async #forward(args: unknown[]): Promise<CausalLMOutput> {
    const { last_hidden_state, ...rest } = await this.model(forwardArguments("model", args));
    const logits = await this.lm_head(last_hidden_state);
    return { ...rest, 0: logits, logits };
  }

  async #during<T>(work: () => Promise<T>): Promise<T> {
    this.#checkOpen();
    const call = work();
    this.#calls.add(call);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
    }
  }

  #checkOpen(): void {
    if (this.#disposed) throw new Error("The model was disposed; load it again with from_pretrained");
  }

  /** Sizes and special ids, as transformers names them. */
  get config(): ModelConfig {
    return this.#core.config;
  }
  /** "cpu" or "cuda". */
  get device(): "cpu" | "cuda" {
    return this.#core.native.device;
  }
  /** What arithmetic is done in, which weights, keys and values are kept in on a GPU; "float32" on the CPU. */
  get dtype(): Dtype {
    return this.#core.native.dtype;
  }
  /** @internal */
  get core(): Core {
    return this.#core;
  }

  /**
   * Continues each sequence of `input_ids`; every option is described at {@link GenerateOptions}.
   *
   * @returns The ids (int64, [rows, prompt + new]); with `return_dict_in_generate` (or an option that asks for more
   *   than ids) an object with `sequences` and what was asked for.
   */
  generate(
    options: GenerateArguments & ({ return_dict_in_generate: true } | { return_timings: true }),
  ): Promise<GenerateOutput>;
  generate(options: GenerateArguments): Promise<Tensor>;
  generate(input_ids: IdsInput, options?: Omit<GenerateArguments, "input_ids">): Promise<Tensor>;
  async generate(
    first: GenerateArguments | IdsInput,
    second?: Omit<GenerateArguments, "input_ids">,
  ): Promise<Tensor | GenerateOutput> {
    return this.#during(() => generate(this, first, second));
  }

  /** Count of weights; a head tied to the embeddings counts once. */
  num_parameters(): number {
    const c = this.config;
    const attention = c.num_attention_heads * c.head_dim;
    const qkv = attention + 2 * c.num_key_value_heads * c.head_dim;
    const layer = c.hidden_size * (qkv + attention + 3 * c.intermediate_size + 2);
    const embeddings = c.vocab_size * c.hidden_size * (c.tie_word_embeddings ? 1 : 2);
    return embeddings + c.num_hidden_layers * layer + c.hidden_size;
  }

  /**
   * Bytes that the model holds on its device now: weights, the caches of its sequences, workspace.
   *
   * @example
   * model.memory(); // weights: 92.1 MiB (…), cache: …
   * const { total } = model.memory(); // bytes
   */
  memory(): MemoryUse {
    return new MemoryUse(this.#core.native.memory());
  }

  /**
   * Times every stage of the forward pass, layer by layer, while a function runs: where the time of a generation goes, and
   * what share of the memory's speed each stage reaches. Measuring costs the work less than 3% on the CPU, and nothing at
   * other times. On a GPU a token's pass, which is one recorded graph otherwise, is launched stage by stage meanwhile; the
   * table ends with what the graph then saves.
   *
   * @param fn Uses the model, by `generate`, `model.model`, `lm_head` or the model itself; what it gives is awaited. Other
   *   calls of the same model that run meanwhile are counted, too.
   * @returns The times by stage and by layer, which show themselves as a table; `plot()` draws them.
   * @throws {Error} while another profile of the model runs; and what `fn` throws.
   * @example
   * const profile = await model.profile(() => model.generate({ input_ids, max_new_tokens: 100 }));
   * profile;        // in a cell: a table
   * profile.plot(); // bars
   */
  async profile(fn: () => unknown, options: ProfileOptions = {}): Promise<Profile> {
    this.#checkOpen();
    return profile(this.#core.native, fn, options);
  }

  /** The model itself where it is already there; moving is loading anew. */
  to(device: string): this {
    if (device === this.device || (device.startsWith("cuda") && this.device === "cuda")) return this;
    throw new Error(
      `The model lies on "${this.device}"; load it with { device: ${inspect(device)} } to have it on another device, where there is one`,
    );
  }
  /** Models here only infer; for porters' sake. */
  eval(): this {
    return this;
  }

  /** Waits for the work under way, then frees weights, caches and tensors. Later calls are errors that say so. */
  async dispose(): Promise<void> {
    this.#disposed ??= Promise.allSettled(this.#calls).then(() => this.#core.native.dispose());
    await this.#disposed;
  }

  override toString(): string {
    return modelTree(this.config);
  }
  [inspect.custom](): string {
    return this.toString();
  }
  [jupyterDisplay](): MimeBundle {
    return { [mime.text]: this.toString() };
  }
}
