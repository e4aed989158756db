/**
 * Conversations, and the chat templates (Jinja, by @huggingface/jinja) that make texts of them. Templates are rendered
 * with bounds on time and size: one comes with a model from the network and must not be able to stop the process.
 */
import { inspect } from "node:util";
import type { OptionNames } from "../options";
import { type TokenizerOptions, tokenizerOptions } from "./batch";
import { Environment, Interpreter, type JinjaValue, Template } from "./libraries";

/** One message of a conversation. The model's chat template may read more fields than these. */
export interface Message {
  /** Who speaks: "system", "user", "assistant", and what else the model's template knows. */
  role: string;
  /** Text, or whatever the model's template understands. */
  content: unknown;
  /** More that the model's template reads, such as `tool_calls`. */
  [key: string]: unknown;
}

/** What `apply_chat_template` takes; the names are transformers'. */
export interface ChatTemplateOptions extends Omit<TokenizerOptions, "add_special_tokens"> {
  /** false: the text itself instead of its ids. Default: true. */
  tokenize?: boolean;
  /** Ends with the words that open the assistant's answer. Default: false. */
  add_generation_prompt?: boolean;
  /** true (default): a {@link BatchEncoding}; false: the ids alone. */
  return_dict?: boolean;
  /** Jinja source, or the name of one of the tokenizer's templates. Default: the tokenizer's own. */
  chat_template?: string;
  /** Tools that the model may call, as JSON schemas; handed to the template. */
  tools?: unknown[];
  /** Texts that the model may draw on; handed to the template. */
  documents?: unknown[];
}

/** Their names, for checking; `add_special_tokens` is accepted and ignored: the template writes them. */
export const chatOptions: OptionNames<ChatTemplateOptions> = {
  ...tokenizerOptions,
  tokenize: true,
  add_generation_prompt: true,
  return_dict: true,
  chat_template: true,
  tools: true,
  documents: true,
};

/** Whether something is several conversations. */
export function isConversations(conversation: Message[] | Message[][]): conversation is Message[][] {
  return Array.isArray(conversation) && Array.isArray(conversation[0]);
}

/** @throws TypeError when something is no conversation. */
export function checkMessages(messages: unknown): asserts messages is Message[] {
  const valid = (message: unknown) => typeof (message as Message | null)?.role === "string";
  if (!Array.isArray(messages) || !messages.every(valid)) {
    const found = inspect(messages, { depth: 1, breakLength: Infinity });
    throw new TypeError(`Expected messages like [{ role: "user", content: "…" }] but received ${found}.`);
  }
}

const longestTemplate = 500_000;
const longestText = 10_000_000;
const longestList = 100_000;
const longestMs = 3_000;

/**
 * Renders a chat template.
 *
 * @param source Jinja source.
 * @param variables What the template may name: `messages`, `add_generation_prompt`, special tokens, …
 * @throws Error when the template is damaged, raises an exception of its own, or takes too long or too much.
 */
export function renderTemplate(source: string, variables: Record<string, unknown>): string {
  if (source.length > longestTemplate) {
    throw new Error(`The chat template has ${source.length} characters; expected at most ${longestTemplate}.`);
  }
  try {
    const template = new Template(source);
    const environment = new Environment();
    for (const [name, value] of Object.entries({ ...globals, ...variables })) environment.set(name, value);
    return String(new BoundedInterpreter(environment).run(template.parsed).value);
  } catch (error) {
    const { message } = error as Error;
    throw new Error(`The chat template cannot be rendered: ${message.replace(/\.?$/, ".")}`, { cause: error });
  }
}

/** Checks, at every node that it evaluates, how long it has run and how large its values have grown. */
class BoundedInterpreter extends Interpreter {
  readonly #start = performance.now();

  override evaluate(statement: unknown, environment: unknown): JinjaValue {
    if (performance.now() - this.#start > longestMs) {
      throw new Error(`it ran for more than ${longestMs / 1000} seconds`);
    }
    const result = super.evaluate(statement, environment);
    const { value } = result;
    if (typeof value === "string" && value.length > longestText) {
      throw new Error(`it made a text of more than ${longestText} characters`);
    }
    if (Array.isArray(value) && value.length > longestList) {
      throw new Error(`it made a list of more than ${longestList} elements`);
    }
    return result;
  }
}

/** Python's names for what every template may use. */
const globals: Record<string, unknown> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  raise_exception: (message: unknown) => {
    throw new Error(String(message));
  },
  range,
  strftime_now: (format: string) => strftime(format, new Date()),
};

function range(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second];
  const count = Math.max(0, Math.ceil((stop - start) / step));
  if (!(count <= longestList)) throw new Error(`range() has more than ${longestList} elements or a step of 0`);
  return Array.from({ length: count }, (_, i) => start + i * step);
}

/** The codes of Python's strftime that dates in chat templates use. */
function strftime(format: string, date: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const named = (options: Intl.DateTimeFormatOptions) => date.toLocaleDateString("en-US", options);
  const codes: Record<string, () => string> = {
    a: () => named({ weekday: "short" }),
    A: () => named({ weekday: "long" }),
    b: () => named({ month: "short" }),
    B: () => named({ month: "long" }),
    d: () => two(date.getDate()),
    m: () => two(date.getMonth() + 1),
    y: () => two(date.getFullYear() % 100),
    Y: () => String(date.getFullYear()),
    H: () => two(date.getHours()),
    I: () => two(date.getHours() % 12 || 12),
    M: () => two(date.getMinutes()),
    S: () => two(date.getSeconds()),
    p: () => (date.getHours() < 12 ? "AM" : "PM"),
    "%": () => "%",
  };
  return format.replace(/%([a-zA-Z%])/g, (text, code: string) => codes[code]?.() ?? text);
}
