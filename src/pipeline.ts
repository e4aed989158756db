/** `pipeline`: a tokenizer and a model put to work on text. */
import { inspect } from "node:util";
import { Callable } from "./callable";
import { optionOf, padded, textsAtOnce, unpadded } from "./generation/batching";
import { Conversation } from "./generation/conversation";
import { tokenOptions } from "./generation/option_names";
import type { TokenOptions } from "./generation/options";
import { AutoModelForCausalLM, type ModelLoadOptions, type Phi3ForCausalLM } from "./model";
import { checkOptions, nearest, type OptionNames, pickOptions } from "./options";
import type { Tensor } from "./tensor";
import { AutoTokenizer, type Message, type PreTrainedTokenizer } from "./tokenizer";
import { type TokenizerLoadOptions, tokenizerLoadOptions } from "./tokenizer/auto";

/**
 * What decides how a {@link TextGenerationPipeline} continues a text: what `generate` takes, and what is given back of
 * it.
 */
export interface PipelineOptions extends TokenOptions {
  /** true (default): the prompt (or conversation) and its continuation; false: the continuation alone. */
  return_full_text?: boolean | null;
  /** BOS and the like before the prompt, where the model wants them. Default: true for text, false for conversations. */
  add_special_tokens?: boolean | null;
}

/** What {@link pipeline} takes: a model, its tokenizer, and the defaults of every call. */
export interface PipelineParts extends PipelineOptions {
  /** The model that continues the texts. */
  model: Phi3ForCausalLM;
  /** Its tokenizer. */
  tokenizer: PreTrainedTokenizer;
}

/** One continued text. */
export interface TextOutput {
  /** The prompt and its continuation; the continuation alone with `return_full_text: false`. */
  generated_text: string;
}
/** One continued conversation. */
export interface ChatOutput {
  /** The messages, with the answer at the end. */
  generated_text: Message[];
}

const names: OptionNames<PipelineOptions> = { ...tokenOptions, return_full_text: true, add_special_tokens: true };
const tasks = ["text-generation"];

export interface TextGenerationPipeline {
  /** Continues a text; `options` go before the pipeline's own. */
  (prompt: string, options?: PipelineOptions): Promise<TextOutput[]>;
  /** Continues several texts, some of them at once where each becomes what it becomes alone. */
  (prompts: string[], options?: PipelineOptions): Promise<TextOutput[][]>;
  /** Answers a conversation, by the tokenizer's chat template, and gives the answer's text alone. */
  (chat: Message[], options: PipelineOptions & { return_full_text: false }): Promise<TextOutput[]>;
  /**
   * Answers a conversation, and gives it back with the answer (where the pipeline's own options do not say otherwise).
   */
  (chat: Message[], options?: PipelineOptions): Promise<ChatOutput[]>;
  /** Answers several conversations, some of them at once likewise. */
  (chats: Message[][], options?: PipelineOptions): Promise<ChatOutput[][]>;
}

/**
 * Continues texts and conversations; made by {@link pipeline}, and called as a function. What it throws is what
 * `model.generate` throws, and a `TypeError` for what is neither a text nor a conversation. The keys and values of the last
 * conversation are kept: its next turn computes only what is new. Each of `num_return_sequences` is an entry of the result.
 *
 * @example
 * const generator = pipeline("text-generation", { model, tokenizer, max_new_tokens: 3 });
 * const chat = [{ role: "user", content: "Say hello." }];
 * const [{ generated_text }] = await generator(chat);
 * generated_text.map(({ role }) => role); // => ["user", "assistant"]
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface above says how an instance is called.
export class TextGenerationPipeline extends Callable {
  /** What it does. */
  readonly task = "text-generation";
  /** The model that continues the texts. */
  readonly model: Phi3ForCausalLM;
  /** The model's tokenizer. */
  readonly tokenizer: PreTrainedTokenizer;
  readonly #defaults: PipelineOptions;
  readonly #conversation = new Conversation();

  /** @internal */
  constructor({ model, tokenizer, ...defaults }: PipelineParts) {
    super();
    checkOptions(defaults, names, "pipeline");
    if (typeof model?.generate !== "function")
      throw new TypeError(`Expected a model for pipeline but received ${inspect(model, { depth: 0 })}`);
    if (typeof tokenizer?.encode !== "function")
      throw new TypeError(`Expected a tokenizer for pipeline but received ${inspect(tokenizer, { depth: 0 })}`);
    this.model = model;
    this.tokenizer = tokenizer;
    this.#defaults = defaults;
  }

  protected override async _call(...args: unknown[]): Promise<unknown> {
    const [input, options] = args as [unknown, PipelineOptions | undefined];
    checkOptions(options, names, "the pipeline");
    const merged = { ...this.#defaults, ...options };
    for (const name of ["return_full_text", "add_special_tokens"] as const)
      if (merged[name] !== undefined && merged[name] !== null && typeof merged[name] !== "boolean")
        throw new TypeError(`Expected true or false for ${name} but received ${inspect(merged[name])}`);
    if (typeof input === "string" || isChat(input)) return this.#one(input, merged);
    if (Array.isArray(input) && input.length > 0 && input.every((item) => typeof item === "string" || isChat(item))) {
      const results: (TextOutput | ChatOutput)[][] = [];
      const count = textsAtOnce(this.model, merged);
      for (let first = 0; first < input.length; first += count) {
        const some = input.slice(first, first + count) as (string | Message[])[];
        if (some.length === 1) results.push(await this.#one(some[0] as string, merged));
        else results.push(...(await this.#several(some, merged)));
      }
      return results;
    }
    throw new TypeError(
      `Expected a string, messages of { role, content }, or an array of either but received ${inspect(input, { depth: 1 })}`,
    );
  }

  async #one(input: string | Message[], options: PipelineOptions): Promise<(TextOutput | ChatOutput)[]> {
    const { return_full_text, add_special_tokens, ...rest } = options;
    const ids = this.#prompt(input, options);
    const generation = { ...rest, tokenizer: this.tokenizer };
    const sequences =
      typeof input === "string"
        ? await this.model.generate({ ...generation, input_ids: ids })
        : await this.#conversation.generate(this.model, ids, generation);
    return Array.from(sequences, (row) => this.#output(input, ids, numbersOf(row), return_full_text));
  }

  /** Several at once, each of whose results is what it is alone; of conversations nothing is kept. */
  async #several(inputs: (string | Message[])[], options: PipelineOptions): Promise<(TextOutput | ChatOutput)[][]> {
    const { return_full_text, add_special_tokens, ...rest } = options;
    const prompts = inputs.map((input) => this.#prompt(input, options));
    const sequences = await this.model.generate({ ...rest, tokenizer: this.tokenizer, ...padded(prompts) });
    const rows = Array.from(sequences, numbersOf);
    const each = rows.length / inputs.length;
    const width = Math.max(...prompts.map(({ length }) => length));
    return inputs.map((input, i) => {
      const ids = prompts[i] as number[];
      return rows
        .slice(i * each, (i + 1) * each)
        .map((row) => unpadded(this.model, options, row, width - ids.length))
        .map((row) => this.#output(input, ids, row, return_full_text));
    });
  }

  /** The ids that are continued; as in transformers, of no text the one that texts begin with. */
  #prompt(input: string | Message[], options: PipelineOptions): number[] {
    const ids = this.#encode(input, options);
    if (ids.length > 0) return ids;
    const bos = optionOf(this.model, options, "bos_token_id") ?? this.tokenizer.bos_token_id;
    if (bos === undefined) throw new RangeError("Expected a text, since the model has no bos_token_id to begin with");
    return [bos];
  }

  #encode(input: string | Message[], { add_special_tokens }: PipelineOptions): number[] {
    if (typeof input === "string")
      return this.tokenizer.encode(input, { add_special_tokens: add_special_tokens ?? true });
    const text = this.tokenizer.apply_chat_template(input, { tokenize: false, ...asContinuation(isContinued(input)) });
    return this.tokenizer.encode(text, { add_special_tokens: add_special_tokens ?? false });
  }

  /** What is given back of a prompt and all ids. */
  #output(
    input: string | Message[],
    prompt: number[],
    all: number[],
    return_full_text: boolean | null | undefined,
  ): TextOutput | ChatOutput {
    const answer = this.#answer(prompt, all);
    if (return_full_text === false) return { generated_text: answer };
    if (typeof input === "string") return { generated_text: input + answer };
    if (isContinued(input)) return { generated_text: continuedChat(input, answer) };
    return { generated_text: [...input, { role: "assistant", content: answer }] };
  }

  /** The text behind a prompt. */
  #answer(prompt: number[], all: number[]): string {
    const skip = { skip_special_tokens: true };
    // Decoding the prompt too keeps the space that a decoder drops from a text's first token.
    const before = this.tokenizer.decode(prompt, skip);
    const whole = this.tokenizer.decode(all, skip);
    return whole.startsWith(before)
      ? whole.slice(before.length)
      : this.tokenizer.decode(all.slice(prompt.length), skip);
  }

  /**
   * Frees the keys and values of the last conversation, which are kept so that its next turn computes only what is new.
   *
   * @example
   * const generator = pipeline("text-generation", { model, tokenizer, max_new_tokens: 3 });
   * await generator([{ role: "user", content: "Say hello." }]);
   * generator.reset();
   */
  reset(): void {
    this.#conversation.reset();
  }
}

const numbersOf = (row: Tensor): number[] => Array.from(row.data as BigInt64Array, Number);

const isContinued = (chat: Message[]): boolean => chat.at(-1)?.role === "assistant";

/** A conversation that ends with the assistant's words is gone on with, any other is answered. */
function asContinuation(continued: boolean): { continue_final_message: boolean; add_generation_prompt: boolean } {
  return { continue_final_message: continued, add_generation_prompt: !continued };
}

/** The conversation with more in its last message: behind its text, or the last of its parts that is text. */
function continuedChat(chat: Message[], more: string): Message[] {
  const last = chat.at(-1) as Message;
  const { content } = last;
  if (!Array.isArray(content)) return [...chat.slice(0, -1), { ...last, content: `${String(content)}${more}` }];
  const at = content.findLastIndex((part) => typeof part?.text === "string");
  const grown = content.map((part, i) => (i === at ? { ...part, text: `${part.text}${more}` } : part));
  return [...chat.slice(0, -1), { ...last, content: grown }];
}

function isChat(input: unknown): input is Message[] {
  return (
    Array.isArray(input) &&
    input.length > 0 &&
    input.every((item) => typeof item === "object" && item !== null && "role" in item && "content" in item)
  );
}

/**
 * Makes a generator of text, of a model and a tokenizer at hand; the name is transformers'.
 *
 * @param task "text-generation", the one there is.
 * @param parts The model, its tokenizer, and the defaults of every call.
 * @throws Error for another task.
 * @throws TypeError when a part is missing, or for an option that does not exist.
 * @example
 * const generator = pipeline("text-generation", { model, tokenizer, max_new_tokens: 2 });
 * const [{ generated_text }] = await generator("The capital of France is");
 * generated_text; // => "The capital of France is Paris."
 */
export function pipeline(task: string, parts: PipelineParts): TextGenerationPipeline;
/**
 * Loads a model and its tokenizer, and makes a generator of text of them.
 *
 * @param task "text-generation", the one there is.
 * @param model An id of the hub, a GGUF file of the hub ("owner/name:Q4_K_M"), a folder or a .gguf file.
 * @throws As {@link AutoModelForCausalLM.from_pretrained} does.
 * @example
 * const generator = await pipeline("text-generation", id);
 * await generator(prompt, { max_new_tokens: 2, return_full_text: false }); // => [{ generated_text: " Paris." }]
 */
export function pipeline(task: string, model: string, options?: ModelLoadOptions): Promise<TextGenerationPipeline>;
export function pipeline(
  task: string,
  second: PipelineParts | string,
  options: ModelLoadOptions = {},
): TextGenerationPipeline | Promise<TextGenerationPipeline> {
  if (!tasks.includes(task)) {
    const near = nearest(String(task), tasks);
    throw new Error(
      `Expected the task "text-generation", the one there is, but received ${inspect(task)}${near ? `; did you mean "${near}"?` : ""}`,
    );
  }
  if (typeof second === "string") return load(second, options);
  if (typeof second !== "object" || second === null)
    throw new TypeError(
      `Expected { model, tokenizer, … } or a model's name for pipeline but received ${inspect(second)}`,
    );
  return new TextGenerationPipeline(second);
}

async function load(name: string, options: ModelLoadOptions): Promise<TextGenerationPipeline> {
  const ofTokenizer = pickOptions<TokenizerLoadOptions>(options, tokenizerLoadOptions);
  const tokenizer = await AutoTokenizer.from_pretrained(name, ofTokenizer);
  const model = await AutoModelForCausalLM.from_pretrained(name, options);
  return new TextGenerationPipeline({ model, tokenizer });
}
