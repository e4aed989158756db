/**
 * Conversations, and what `apply_chat_template` takes. The texts are made by the model's chat template, in Jinja, which
 * template/ renders within bounds on time and size: it comes from the network and must not be able to stop the process.
 */
import { checkOptions, type OptionNames } from "../options";
import { type TokenizerOptions, tokenizerOptions } from "./batch";
import { checkMessages, continueFinal, templateMessages, toTemplate } from "./messages";
import { render, TemplateError } from "./template";
import { fromJs } from "./template/values";

/** One message of a conversation. The model's chat template may read more fields than these. */
export interface Message {
  /** Who speaks: "system", "user", "assistant", and what else the model's template knows. */
  role: string;
  /**
   * Text, or parts as OpenAI's interface has them: `[{ type: "text", text: "…" }]`. Parts are joined by newlines where the
   * model's template takes text alone.
   */
  content?: unknown;
  /**
   * More that the model's template reads, such as `tool_calls`; their `arguments` may be objects, which are then written
   * as JSON, and a field that is null is left out.
   */
  [key: string]: unknown;
}

/** What `apply_chat_template` takes; the names are transformers'. */
export interface ChatTemplateOptions extends Omit<TokenizerOptions, "add_special_tokens"> {
  /** false: the text itself instead of its ids. Default: true. */
  tokenize?: boolean;
  /** Ends with the words that open the assistant's answer. Default: false. */
  add_generation_prompt?: boolean;
  /**
   * Leaves the last message open, for the model to go on with it, in place of a new answer: true, or the name of the field
   * to go on with ("reasoning_content"). Default: false.
   */
  continue_final_message?: boolean | string;
  /** true (default): a {@link BatchEncoding}; false: the ids alone. */
  return_dict?: boolean;
  /** Jinja source, or the name of one of the tokenizer's templates. Default: the tokenizer's own. */
  chat_template?: string;
  /** Tools that the model may call, as JSON schemas; handed to the template. */
  tools?: unknown[];
  /** Texts that the model may draw on; handed to the template. */
  documents?: unknown[];
  /** More names for the template, whatever it reads: `{ enable_thinking: false }`. */
  chat_template_kwargs?: Record<string, unknown>;
  /** Whether the model thinks before it answers, where its template asks for that (Qwen3, SmolLM3). */
  enable_thinking?: boolean;
  /** The same, where it goes by this name (DeepSeek V3.1, Granite). */
  thinking?: boolean;
  /** How long the model thinks, where its template asks for that ("low", "medium", "high"). */
  reasoning_effort?: string;
}

/** Their names, for checking; `add_special_tokens` is accepted and ignored: the template writes them. */
const chatOptions: OptionNames<ChatTemplateOptions> = {
  ...tokenizerOptions,
  tokenize: true,
  add_generation_prompt: true,
  continue_final_message: true,
  return_dict: true,
  chat_template: true,
  tools: true,
  documents: true,
  chat_template_kwargs: true,
  enable_thinking: true,
  thinking: true,
  reasoning_effort: true,
};

/** Whether something is several conversations. */
export function isConversations(conversation: Message[] | Message[][]): conversation is Message[][] {
  return Array.isArray(conversation) && Array.isArray(conversation[0]);
}

/**
 * Checks the options of `apply_chat_template`: those above, and any name that the template reads.
 *
 * @throws TypeError for another one.
 */
export function checkChatOptions(options: ChatTemplateOptions, source: string): void {
  const where = "tokenizer.apply_chat_template";
  if (typeof options !== "object" || options === null) checkOptions(options, chatOptions, where);
  const own: ChatTemplateOptions = {};
  for (const [name, value] of Object.entries(options)) {
    const read = /^\w+$/.test(name) && new RegExp(`\\b${name}\\b`).test(source);
    if (name in chatOptions || !read) own[name as keyof typeof own] = value;
  }
  checkOptions(own, chatOptions, where);
}

/** What the names of a template stand for that callers give by options. */
function variables(options: ChatTemplateOptions): Record<string, unknown> {
  const { chat_template_kwargs, tools = null, documents = null, add_generation_prompt = false, ...others } = options;
  const { enable_thinking, thinking, reasoning_effort, ...rest } = others;
  const asked: Record<string, unknown> = { enable_thinking, thinking, reasoning_effort };
  for (const [name, value] of Object.entries(rest)) if (!(name in chatOptions)) asked[name] = value;
  for (const [name, value] of Object.entries(asked)) if (value === undefined) delete asked[name];
  return { ...asked, ...chat_template_kwargs, tools, documents, add_generation_prompt };
}

/**
 * Renders a chat template.
 *
 * @param source Jinja source.
 * @param special The special tokens, by the names under which a template knows them.
 * @param where Names the template in errors.
 * @throws Error when the template is damaged, raises an exception of its own, or takes too long or too much.
 * @throws TypeError for what are no messages.
 */
export function renderChat(
  source: string,
  messages: unknown,
  special: Record<string, unknown>,
  options: ChatTemplateOptions,
  where = "The chat template",
): string {
  checkMessages(messages);
  const { continue_final_message = false, add_generation_prompt = false } = options;
  if (continue_final_message !== false && add_generation_prompt) {
    throw new Error(
      "Expected one of continue_final_message and add_generation_prompt but received both: the first goes on with the last message, the second begins an answer.",
    );
  }
  const field = continue_final_message === true ? "content" : continue_final_message;
  try {
    const prepared = templateMessages(messages, source);
    const continued = field === false ? undefined : continueFinal(prepared, field, source);
    const values = Object.entries({ ...special, ...variables(options) }).map(([name, value]) => [name, fromJs(value)]);
    const rendered = render(source, {
      ...Object.fromEntries(values),
      messages: toTemplate(continued?.messages ?? prepared),
    });
    return continued ? continued.cut(rendered) : rendered;
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new Error(`${where} cannot be rendered: ${error.message.replace(/\.?$/, ".")}`, { cause: error });
  }
}
