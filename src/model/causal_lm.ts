/** A whole model: the stack, the head, and generation. */
import { inspect } from "node:util";
import { generate } from "../generation/generate";
import type { GenerationConfig } from "../generation/generation_config";
import type { GenerateArguments } from "../generation/options";
import type { GenerateOutput, MoreThanIds } from "../generation/outputs";
import { editedCore } from "../insight/edited_native";
import type { Edit } from "../insight/edit_types";
import { refuseWithinHook } from "../insight/hooks";
import { InsightModel } from "../insight/model_methods";
import { jupyterDisplay, type MimeBundle, mime } from "../host";
import type { Dtype, ModelConfig } from "../native";
import type { Tensor } from "../tensor";
import { families } from "../weights/families";
import type { IdsInput } from "./inputs";
import { MemoryUse } from "./memory";
import { type CausalLMOptions, causalLMOptions, forwardArguments, keepPositions } from "./forward_options";
import type { Core } from "./core";
import { LmHead, Phi3Model } from "./modules";
import type { CausalLMOutput } from "./outputs";
import { type Profile, type ProfileOptions, profile } from "./profile";
import { modelTree } from "./tree";

/** Of a model and its views, together. */
interface Life {
  /** Calls under way, each made of several native ones: `dispose` waits for them. */
  readonly calls: Set<Promise<unknown>>;
  disposed: Promise<void> | undefined;
}

export interface Phi3ForCausalLM {
  /**
   * Calling the model: token ids, (T) or (rows, T), to the scores of the token after each position, (rows, T, vocab).
   */
  (input_ids: IdsInput, options?: CausalLMOptions): Promise<CausalLMOutput>;
  /** The same with the ids among the options, as a tokenizer gives them. */
  (options: CausalLMOptions): Promise<CausalLMOutput>;
}

/**
 * A model: Phi-3, and Llama, Mistral, Qwen and SmolLM, which are Phi-3s with their projections unstacked and a few things
 * more. Made by {@link AutoModelForCausalLM.from_pretrained}. Its calls run on a thread of the model's own, in the order in which
 * they were made. As a cell's last value it shows its layers, as PyTorch prints them.
 *
 * @example
 * const { logits } = await model(input_ids);
 * logits.shape; // => [1, 5, 49152]
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface above says how an instance is called.
export class Phi3ForCausalLM extends InsightModel {
  /** The stack of blocks: ids to vectors. */
  readonly model: Phi3Model;
  /** The head: vectors to scores. */
  readonly lm_head: LmHead;
  /** The id, folder or file it came from. */
  readonly name_or_path: string;
  readonly #core: Core;
  /** What the views of a model have in common with it. */
  readonly #life: Life;

  /** @internal */
  constructor(core: Core, name_or_path: string, life: Life = { calls: new Set(), disposed: undefined }) {
    super();
    this.#core = core;
    this.#life = life;
    this.name_or_path = name_or_path;
    this.model = new Phi3Model(core);
    this.lm_head = new LmHead(core);
  }

  protected override _call(...args: unknown[]): Promise<CausalLMOutput> {
    return this.during(() => this.#forward(args));
  }

  async #forward(args: unknown[]): Promise<CausalLMOutput> {
    const { logits_to_keep, ...options } = forwardArguments("model", args, causalLMOptions);
    const { last_hidden_state, ...rest } = await this.model(options);
    const logits = await this.lm_head(keepPositions(last_hidden_state, logits_to_keep));
    return { ...rest, 0: logits, logits };
  }

  /** @internal */
  protected override async during<T>(work: () => Promise<T>): Promise<T> {
    this.#checkOpen();
    refuseWithinHook(this.#core.native);
    const call = work();
    this.#life.calls.add(call);
    try {
      return await call;
    } finally {
      this.#life.calls.delete(call);
    }
  }

  #checkOpen(): void {
    if (this.#life.disposed) throw new Error("The model was disposed; load it again with from_pretrained");
  }

  /**
   * Sizes and special ids, as transformers names them.
   *
   * @example model.config.num_hidden_layers; // => 30
   */
  get config(): ModelConfig {
    return this.#core.config;
  }
  /**
   * Defaults of `generate`: those of the model's generation_config.json. They may be assigned to.
   *
   * @example model.generation_config.eos_token_id; // => [2]
   */
  get generation_config(): GenerationConfig {
    return this.#core.generation_config;
  }
  /** Where the model's weights lie, and its work is done. */
  get device(): "cpu" | "cuda" {
    return this.#core.native.device;
  }
  /** What arithmetic is done in, which weights, keys and values are kept in on a GPU; "float32" on the CPU. */
  get dtype(): Dtype {
    return this.#core.native.dtype;
  }
  /** @internal */
  override get core(): Core {
    return this.#core;
  }

  /**
   * Continues each sequence of `input_ids`, and gives all that is known of it.
   *
   * @param options One of {@link MoreThanIds} among them.
   * @throws As the form that gives ids alone.
   * @example
   * const { logits } = await model.generate({ input_ids, max_new_tokens: 3, output_logits: true });
   * logits!.map(({ shape }) => shape); // => [[1, 49152], [1, 49152], [1, 49152]]
   */
  generate(options: GenerateArguments & MoreThanIds): Promise<GenerateOutput>;
  /**
   * The same with the ids apart from the options.
   *
   * @throws As the form that gives ids alone.
   */
  generate(input_ids: IdsInput, options: Omit<GenerateArguments, "input_ids"> & MoreThanIds): Promise<GenerateOutput>;
  /**
   * Continues each sequence of `input_ids`, each by itself, until a token ends it, `max_new_tokens` have come, or the
   * model's context is full.
   *
   * @param options What a tokenizer gives, and {@link GenerateOptions}.
   * @returns The ids, prompt included: int64, (rows, prompt + new).
   * @throws TypeError or RangeError for an option that does not exist or is out of its range, ids that cannot be, and
   *   a prompt longer than the context.
   * @throws DOMException named `AbortError`, when `signal` or the notebook's interrupt stopped it; what `signal` was given as
   *   its reason, where it was given one.
   * @example
   * const ids = await model.generate({ input_ids, max_new_tokens: 2 });
   * tokenizer.decode(ids); // => "The capital of France is Paris."
   * @example
   * const inputs = tokenizer([prompt, "The sky is"], { padding: true });
   * const ids = await model.generate({ ...inputs, max_new_tokens: 1 });
   * tokenizer.batch_decode(ids.slice(null, -1).unsqueeze(-1)); // => [" Paris", " a"]
   */
  generate(options: GenerateArguments): Promise<Tensor>;
  /**
   * The same with the ids apart from the options.
   *
   * @throws As the form above.
   * @example (await model.generate(input_ids, { max_new_tokens: 5 })).shape; // => [1, 10]
   */
  generate(input_ids: IdsInput, options?: Omit<GenerateArguments, "input_ids">): Promise<Tensor>;
  async generate(
    first: GenerateArguments | IdsInput,
    second?: Omit<GenerateArguments, "input_ids">,
  ): Promise<Tensor | GenerateOutput> {
    return this.during(() => generate(this.#core, first, second, this.name_or_path));
  }

  /**
   * The same model with every pass edited, whatever it is asked: calls, `generate`, `logit_lens`, `log_probs` and the others.
   * A view: weights and memory are the model's own, and `dispose` is that of both. Views of views have the edits of both, the
   * older first.
   *
   * @throws TypeError or RangeError for what is no edit, or does not fit the model.
   * @example
   * const without = model.with_edits([ablate({ layer: 23, heads: [4] })]);
   * const lens = await without.logit_lens(prompt, { watch: [" Paris"] });
   * lens.watch[0]!.log_prob.at(-1)![0]! < -1; // => true
   */
  with_edits(edits: readonly Edit[]): Phi3ForCausalLM {
    return new Phi3ForCausalLM(editedCore(this.#core, edits), this.name_or_path, this.#life);
  }

  /**
   * How many numbers the weights are; a head tied to the embeddings counts once.
   *
   * @example model.num_parameters(); // => 134515008
   */
  num_parameters(): number {
    const c = this.config;
    const attention = c.num_attention_heads * c.head_dim;
    const qkv = attention + 2 * c.num_key_value_heads * c.head_dim;
    const { qk_norm } = families[c.model_type];
    const small = 2 * c.hidden_size + (c.attention_bias ? qkv : 0) + (qk_norm ? 2 * c.head_dim : 0);
    const layer = c.hidden_size * (qkv + attention + 3 * c.intermediate_size) + small;
    const embeddings = c.vocab_size * c.hidden_size * (c.tie_word_embeddings ? 1 : 2);
    return embeddings + c.num_hidden_layers * layer + c.hidden_size;
  }

  /**
   * Bytes that the model holds on its device now: weights, the caches of its sequences, workspace.
   *
   * @throws Error when the model was disposed.
   * @example
   * model.memory(); // a line each for weights, cache and workspace
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
   * @throws Error while another profile of the model runs; and what `fn` throws.
   * @throws TypeError or RangeError when `fn` is no function, or an option cannot be.
   * @example
   * const profile = await model.profile(() => model.generate({ input_ids, max_new_tokens: 20 }));
   * profile; // a table: a line a stage
   * profile.plot(); // bars
   */
  async profile(fn: () => unknown, options: ProfileOptions = {}): Promise<Profile> {
    this.#checkOpen();
    return profile(this.#core.native.original ?? this.#core.native, fn, options);
  }

  /**
   * The model itself, where it lies on that device already: code written for PyTorch runs as it is.
   *
   * @throws Error for any other device: a model is loaded onto its device, not moved there.
   * @example model.to(model.device) === model; // => true
   */
  to(device: string): this {
    if (device === this.device || (device.startsWith("cuda") && this.device === "cuda")) return this;
    throw new Error(
      `The model lies on "${this.device}"; load it with { device: ${inspect(device)} } to have it on another device, where there is one`,
    );
  }
  /**
   * The model itself: models here only infer, so that there is no other mode. Code written for PyTorch runs as it is.
   *
   * @example model.eval() === model; // => true
   */
  eval(): this {
    return this;
  }

  /**
   * Waits for the work under way, then frees weights, caches and tensors. Later calls are errors that say so.
   *
   * @example
   * const other = await AutoModelForCausalLM.from_pretrained(id);
   * await other.dispose();
   */
  async dispose(): Promise<void> {
    const { native } = this.#core;
    this.#life.disposed ??= Promise.allSettled(this.#life.calls).then(() => (native.original ?? native).dispose());
    await this.#life.disposed;
  }

  /** The layers, line for line as PyTorch prints them. */
  override toString(): string {
    return modelTree(this.config);
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
