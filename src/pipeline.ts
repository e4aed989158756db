/** `pipeline`: a tokenizer and a model put to work on text. */
import { inspect } from "node:util";
import { Callable } from "./callable";
import { type TokenOptions, tokenOptions } from "./generation/options";
import { AutoModelForCausalLM, type ModelLoadOptions, type Phi3ForCausalLM } from "./model";
import { checkOptions, nearest, type OptionNames, pickOptions } from "./options";
import { AutoTokenizer, type Message, type PreTrainedTokenizer } from "./tokenizer";
import { type TokenizerLoadOptions, tokenizerLoadOptions } from "./tokenizer/auto";

export interface PipelineOptions extends TokenOptions {
  /** true (default): the prompt (or conversation) and its continuation; false: the continuation alone. */
  return_full_text?: boolean;
  /** BOS and the like before the prompt, where the model wants them. Default: true for text, false for conversations. */
  add_special_tokens?: boolean;
}

/** The object form of {@link pipeline}. */
export interface PipelineParts extends PipelineOptions {
  model: Phi3ForCausalLM;
  tokenizer: PreTrainedTokenizer;
}

/** One continuation; of a conversation the messages with the answer at the end. */
export interface TextOutput {
  generated_text: string;
}
export interface ChatOutput {
  generated_text: Message[];
}

const names: OptionNames<PipelineOptions> = { ...tokenOptions, return_full_text: true, add_special_tokens: true };
const tasks = ["text-generation"];

export interface TextGenerationPipeline {
  (prompt: string, options?: PipelineOptions): Promise<TextOutput[]>;
  (prompts: string[], options?: PipelineOptions): Promise<TextOutput[][]>;
  (chat: Message[], options: PipelineOptions & { return_full_text: false }): Promise<TextOutput[]>;
  (chat: Message[], options?: PipelineOptions): Promise<ChatOutput[]>;
  (chats: Message[][], options?: PipelineOptions): Promise<ChatOutput[][]>;
}

/** Continues texts and conversations; made by {@link pipeline}. */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface above says how an instance is called.
export class TextGenerationPipeline extends Callable {
  readonly task = "text-generation";
  readonly model: Phi3ForCausalLM;
  readonly tokenizer: PreTrainedTokenizer;
  readonly #defaults: PipelineOptions;

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
      if (merged[name] !== undefined && typeof merged[name] !== "boolean")
        throw new TypeError(`Expected true or false for ${name} but received ${inspect(merged[name])}`);
    if (typeof input === "string" || isChat(input)) return [await this.#one(input, merged)];
    if (Array.isArray(input) && input.length > 0 && input.every((item) => typeof item === "string" || isChat(item))) {
      const results: TextOutput[][] = [];
      for (const item of input) results.push([(await this.#one(item, merged)) as TextOutput]);
      return results;
    }
    throw new TypeError(
      `Expected a string, messages of { role, content }, or an array of either but received ${inspect(input, { depth: 1 })}`,
    );
  }

  async #one(input: string | Message[], options: PipelineOptions): Promise<TextOutput | ChatOutput> {
    const { return_full_text = true, add_special_tokens, ...generation } = options;
    const prompt =
      typeof input === "string"
        ? input
        : (this.tokenizer.apply_chat_template(input, { tokenize: false, add_generation_prompt: true }) as string);
    const ids = this.tokenizer.encode(prompt, { add_special_tokens: add_special_tokens ?? typeof input === "string" });
    const output = await this.model.generate({ ...generation, input_ids: ids });
    const all = Array.from(output.data as BigInt64Array, Number);
    const skip = { skip_special_tokens: true };
    // Decoding the prompt too keeps the space that a decoder drops from a text's first token.
    const before = this.tokenizer.decode(ids, skip);
    const whole = this.tokenizer.decode(all, skip);
    const answer = whole.startsWith(before)
      ? whole.slice(before.length)
      : this.tokenizer.decode(all.slice(ids.length), skip);
    if (!return_full_text) return { generated_text: answer };
    if (typeof input === "string") return { generated_text: input + answer };
    return { generated_text: [...input, { role: "assistant", content: answer }] };
  }
}

function isChat(input: unknown): input is Message[] {
  return (
    Array.isArray(input) &&
    input.length > 0 &&
    input.every((item) => typeof item === "object" && item !== null && "role" in item && "content" in item)
  );
}

/**
 * Makes a generator of text, of a model and a tokenizer at hand, or of a model's name.
 *
 * @param task "text-generation".
 * @example
 * const generator = pipeline("text-generation", { model, tokenizer, max_new_tokens: 50 });
 * const [{ generated_text }] = await generator("The capital of France is");
 * const other = await pipeline("text-generation", "HuggingFaceTB/SmolLM2-135M-Instruct");
 */
export function pipeline(task: string, parts: PipelineParts): TextGenerationPipeline;
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
