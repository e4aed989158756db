/**
 * The tokenizer that cells use: text to token ids and back. The names are transformers.js'; what Python's transformers
 * offers beyond that (`encode`, `convert_ids_to_tokens`, `pad_token = …`) is there too. The algorithms lie in parts/.
 */
import { inspect } from "node:util";
import { checkOptions } from "../options";
import type { Tensor } from "../tensor";
import {
  type BatchEncoding,
  collate,
  limitOf,
  type ListEncoding,
  type TokenizerOptions,
  tokenizerOptions,
} from "./batch";
import { type ChatTemplateOptions, checkChatOptions, isConversations, type Message, renderChat } from "./chat";
import { Codec, type Decoding } from "./codec";
import { type DecodeOptions, decodeOptions } from "./decode";
import { type Ids, isBatch, toIds } from "./ids";
import { chosenTemplate, noTemplate } from "./named_templates";
import type { TokenizerSpec } from "./spec";
import { SpecialTokens } from "./special";
import type { TokenStream } from "./stream";

/** Calling a tokenizer encodes. */
export interface PreTrainedTokenizer {
  /** Encodes one text, or several, as plain arrays. */
  (
    text: string | string[],
    options: TokenizerOptions & ({ return_tensors: null } | { return_tensor: false }),
  ): ListEncoding;
  /**
   * Encodes one text, or several, as int64 tensors, (rows, T).
   *
   * @throws Error for texts of unlike lengths without `padding`, and where there is no token to pad with.
   * @throws TypeError or RangeError for what is no text, or an option that cannot be.
   */
  (text: string | string[], options?: TokenizerOptions): BatchEncoding;
}

/**
 * Text to token ids and back; made by {@link AutoTokenizer.from_pretrained}, and called as a function to encode. Its
 * ids are those of the model's own tokenizer in Rust; the names are transformers' and transformers.js'.
 *
 * @example
 * const { input_ids } = tokenizer("The capital of France is");
 * input_ids; // => tensor([[504, 3575, 282, 4649, 314]])
 * tokenizer.decode(input_ids[0]); // => "The capital of France is"
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface above says how an instance is called.
export class PreTrainedTokenizer extends SpecialTokens {
  /** The id, folder or file it came from. */
  readonly name_or_path: string;
  /** Tokens that the model takes at most; Infinity where its files do not say. `truncation` cuts there. */
  model_max_length: number;
  /**
   * Where `padding` puts its tokens, free to be set. Where the files do not say it is "left", for every model here
   * generates to the right.
   */
  padding_side: "left" | "right";
  /** Which end `truncation` cuts off, free to be set. Where the files do not say it is "right". */
  truncation_side: "left" | "right";
  /** Jinja source of the chat template, or several by name, free to be set; undefined where there is none. */
  chat_template: string | Record<string, string> | undefined;
  readonly #codec: Codec;

  /** @internal @throws Error when the parts do not make a tokenizer. */
  constructor(spec: TokenizerSpec) {
    const codec = new Codec(spec);
    super(spec, codec.vocabulary);
    this.#codec = codec;
    this.name_or_path = spec.name_or_path;
    this.model_max_length = spec.model_max_length;
    this.padding_side = spec.padding_side;
    this.truncation_side = spec.truncation_side;
    this.chat_template = spec.chat_template;
  }

  /** Encodes one text or several; the same as calling the tokenizer. */
  protected override _call(...args: unknown[]): unknown {
    const [text, options = {}] = args as [string | string[], TokenizerOptions | undefined];
    checkOptions(options, tokenizerOptions, "tokenizer");
    const several = Array.isArray(text);
    const limit = limitOf(options, this);
    const rows = (several ? text : [text]).map((one) => this.#ids(one, options.add_special_tokens ?? true, limit));
    return collate(rows, several, options, this);
  }

  /** @param most Ids at most, the special ones around them included. */
  #ids(text: unknown, special: boolean, most = Infinity): number[] {
    if (typeof text !== "string") {
      throw new TypeError(
        `Expected a string or an array of strings to tokenize but received ${inspect(text, { depth: 0 })}.`,
      );
    }
    return this.#codec.encode(text, { special, most, side: this.truncation_side });
  }

  /**
   * The ids of one text as an array.
   *
   * @param options `add_special_tokens` puts BOS and the like around the text; default: true.
   * @throws TypeError for what is no text.
   * @example tokenizer.encode("The capital"); // => [504, 3575]
   */
  encode(text: string, options: { add_special_tokens?: boolean } = {}): number[] {
    checkOptions(options, { add_special_tokens: true }, "tokenizer.encode");
    return this.#ids(text, options.add_special_tokens ?? true);
  }

  /**
   * The tokens of one text, spelled as the vocabulary spells them: `Ġ` or `▁` is a space.
   *
   * @param options `add_special_tokens` puts BOS and the like around the text; default: false.
   * @throws TypeError for what is no text.
   * @example tokenizer.tokenize("The capital"); // => ["The", "Ġcapital"]
   */
  tokenize(text: string, options: { add_special_tokens?: boolean } = {}): string[] {
    checkOptions(options, { add_special_tokens: true }, "tokenizer.tokenize");
    return this.convert_ids_to_tokens(this.#ids(text, options.add_special_tokens ?? false)) as string[];
  }

  /**
   * The text of one sequence of ids: a number, a bigint, an array, or a tensor of one row. Ids outside the vocabulary
   * are left out.
   *
   * @throws TypeError for what are no token ids, or several sequences.
   * @example tokenizer.decode([504, 3575]); // => "The capital"
   * @example tokenizer.decode(logits.slice(0, -1).argmax(-1)); // => " Paris"
   */
  decode(ids: Ids, options: DecodeOptions = {}): string {
    checkOptions(options, decodeOptions, "tokenizer.decode");
    return this.#codec.decode(ids, this.#decoding(options));
  }

  /**
   * The texts of several sequences: an array of what `decode` takes, or a tensor of two dimensions.
   *
   * @throws TypeError for one sequence, or what are no token ids.
   * @example tokenizer.batch_decode([[504, 3575], [7042]]); // => ["The capital", " Paris"]
   */
  batch_decode(batch: Ids[] | Tensor, options: DecodeOptions = {}): string[] {
    if (!isBatch(batch)) {
      throw new TypeError(
        "Expected an array of sequences or a tensor of two dimensions for batch_decode; decode takes one sequence.",
      );
    }
    const rows: Ids[] = Array.isArray(batch) ? batch : (batch.tolist() as Ids[]);
    return rows.map((row) => this.decode(row, options));
  }

  /**
   * Begins to decode a text of which the ids come bit by bit; {@link TextStreamer} prints by it.
   *
   * @example
   * const stream = tokenizer.stream({ skip_special_tokens: true });
   * for (const id of [504, 3575]) process.stdout.write(stream.push(id)); // prints The capital
   */
  stream(options: DecodeOptions = {}): TokenStream {
    checkOptions(options, decodeOptions, "tokenizer.stream");
    return this.#codec.stream(this.#decoding(options));
  }

  #decoding({ skip_special_tokens, clean_up_tokenization_spaces }: DecodeOptions): Decoding {
    const leftOut = skip_special_tokens ? (id: number) => this._isSpecial(id) : undefined;
    return { leftOut, clean: clean_up_tokenization_spaces };
  }

  /**
   * The token of an id, spelled as the vocabulary spells it; undefined where there is none.
   *
   * @throws TypeError for what is no token id.
   * @example tokenizer.convert_ids_to_tokens(7042); // => "ĠParis"
   */
  convert_ids_to_tokens(ids: number | bigint): string | undefined;
  /**
   * The same of each of several ids.
   *
   * @throws TypeError for what are no token ids.
   * @example tokenizer.convert_ids_to_tokens([504, 7042]); // => ["The", "ĠParis"]
   */
  convert_ids_to_tokens(ids: Ids): (string | undefined)[];
  convert_ids_to_tokens(ids: Ids): string | undefined | (string | undefined)[] {
    const tokens = toIds(ids).map((id) => this.#codec.vocabulary.token(id));
    return typeof ids === "number" || typeof ids === "bigint" ? tokens[0] : tokens;
  }

  /**
   * The id of a token as the vocabulary spells it; where there is no such token the unknown token's, or undefined
   * without one.
   *
   * @example tokenizer.convert_tokens_to_ids("ĠParis"); // => 7042
   */
  convert_tokens_to_ids(tokens: string): number | undefined;
  /**
   * The same of each of several tokens.
   *
   * @example tokenizer.convert_tokens_to_ids(["The", "ĠParis"]); // => [504, 7042]
   */
  convert_tokens_to_ids(tokens: string[]): (number | undefined)[];
  convert_tokens_to_ids(tokens: string | string[]): number | undefined | (number | undefined)[] {
    const id = (token: string) => this.#codec.vocabulary.id(token) ?? this.unk_token_id;
    return Array.isArray(tokens) ? tokens.map(id) : id(tokens);
  }

  /**
   * Puts a conversation into the form that the model was trained on, as text.
   *
   * @throws Error when the tokenizer has no template, or the template rejects the conversation or takes too long.
   * @throws TypeError for what are no messages, or an option that does not exist.
   * @example
   * const chat = [{ role: "user", content: "Hello" }];
   * const text = tokenizer.apply_chat_template(chat, { add_generation_prompt: true, tokenize: false });
   * text.endsWith("<|im_start|>assistant\n"); // => true
   */
  apply_chat_template(conversation: Message[], options: ChatTemplateOptions & { tokenize: false }): string;
  /** The same of several conversations, a text each. @throws As the form for one. */
  apply_chat_template(conversations: Message[][], options: ChatTemplateOptions & { tokenize: false }): string[];
  /** As ids alone, int64, (rows, T). @throws As the form that gives text. */
  apply_chat_template(
    conversation: Message[] | Message[][],
    options: ChatTemplateOptions & { return_dict: false },
  ): Tensor;
  /**
   * As ids and mask, for `model.generate`; several conversations are several rows.
   *
   * @throws As the form that gives text.
   * @example
   * const chat = [{ role: "user", content: "Hello" }];
   * const inputs = tokenizer.apply_chat_template(chat, { add_generation_prompt: true });
   * await model.generate({ ...inputs, max_new_tokens: 5 });
   */
  apply_chat_template(conversation: Message[] | Message[][], options?: ChatTemplateOptions): BatchEncoding;
  apply_chat_template(conversation: Message[] | Message[][], options: ChatTemplateOptions = {}): unknown {
    const several = isConversations(conversation);
    const { chat_template, name_or_path } = this;
    const found = chosenTemplate(chat_template, options ?? {});
    checkChatOptions(options, found ?? "");
    if (found === undefined) throw noTemplate(chat_template, name_or_path);
    const { tokenize = true, return_dict = true } = options;
    const texts = (several ? conversation : [conversation]).map((messages) =>
      renderChat(found, messages, this.special_tokens_map, options, `The chat template of ${name_or_path}`),
    );
    if (!tokenize) return several ? texts : texts[0];
    const limit = limitOf(options, this);
    const rows = texts.map((text) => this.#ids(text, false, limit));
    const encoding = collate(rows, several, options, this) as BatchEncoding;
    return return_dict ? encoding : encoding.input_ids;
  }

  /** Tokens in the vocabulary, those added on top of it left out. */
  get vocab_size(): number {
    return this.#codec.modelSize;
  }

  /** Tokens in the vocabulary, the added ones included: Python's `len(tokenizer)`. */
  get size(): number {
    return this.#codec.size;
  }

  /**
   * Every token with its id.
   *
   * @example tokenizer.get_vocab().get("ĠParis"); // => 7042
   */
  get_vocab(): Map<string, number> {
    return this.#codec.vocabulary.entries();
  }

  /** What it is in a line or a few, as Python prints a tokenizer. */
  override toString(): string {
    const { name_or_path, vocab_size, model_max_length, padding_side, special_tokens_map } = this;
    const facts = { name_or_path, vocab_size, model_max_length, padding_side, special_tokens: special_tokens_map };
    return `PreTrainedTokenizer(${inspect(facts, { breakLength: 100 })})`;
  }

  /** @internal */
  [inspect.custom](): string {
    return this.toString();
  }
}
