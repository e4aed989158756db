/** Conversations as a chat template is to see them: what callers write in several ways, in the one that it reads. */
import { inspect } from "node:util";
import type { Message } from "./chat";
import { guarded, parse } from "./template";
import { type Dict, fromJs, Dict as TemplateDict, type Value } from "./template/values";

/** The names that a message's reasoning goes by; the first is what templates read. */
const reasoningFields = ["reasoning_content", "thinking", "reasoning"] as const;

/** What `continue_final_message` appends, to be found again in the rendered text. */
const tag = "CONTINUE_FINAL_MESSAGE_TAG ";

/** @throws TypeError when something is no conversation. */
export function checkMessages(messages: unknown): asserts messages is Message[] {
  const valid = (message: unknown) => typeof (message as Message | null)?.role === "string";
  if (!Array.isArray(messages) || messages.length === 0 || !messages.every(valid)) {
    const found = inspect(messages, { depth: 1, breakLength: Infinity });
    throw new TypeError(`Expected messages like [{ role: "user", content: "…" }] but received ${found}.`);
  }
}

/**
 * The messages for a template: without fields that are null, with the reasoning under each of its names, with a tool
 * call's arguments that print as JSON, and with content in parts as one text where the template takes no parts.
 *
 * @throws TypeError where such a template is given parts that are no text.
 */
export function templateMessages(messages: Message[], source: string): Message[] {
  const parts = takesParts(source);
  return messages.map((message) => {
    const prepared: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(message)) {
      if (value !== null && value !== undefined) prepared[name] = value;
    }
    const reasoning = reasoningFields.map((name) => prepared[name]).find((value) => value !== undefined);
    if (reasoning !== undefined) {
      prepared.thinking ??= reasoning;
      prepared.reasoning_content = reasoning;
    }
    if (!parts && isParts(prepared.content)) prepared.content = joinedText(prepared.content);
    return prepared as Message;
  });
}

type Part = { type: string } & Record<string, unknown>;

function isParts(content: unknown): content is Part[] {
  return (
    Array.isArray(content) &&
    content.length > 0 &&
    content.every((part) => typeof (part as Part | null)?.type === "string")
  );
}

function joinedText(parts: Part[]): string {
  const other = parts.find(({ type, text }) => type !== "text" || typeof text !== "string");
  if (other) {
    throw new TypeError(
      `Expected text, which is all that this model's chat template takes, but received a part of the type ${JSON.stringify(other.type)}.`,
    );
  }
  return parts.map(({ text }) => text).join("\n");
}

const partFilters = new Set(["selectattr", "rejectattr", "map", "groupby"]);

/** Whether a template goes through the parts of a message's content. */
function takesParts(source: string): boolean {
  const names = new Set(["content"]);
  let found = false;
  /** Whether a part of the template mentions a content: each is looked at once, as chains of filters nest deeply. */
  const walk = (node: unknown): boolean => {
    if (typeof node !== "object" || node === null) return false;
    const { type, target, name, value } = node as { type?: string; target?: unknown; name?: string; value?: unknown };
    // content, message.content, message["content"], message.get("content")
    let mentions =
      (type === "name" && names.has(name as string)) ||
      (type === "attribute" && name === "content") ||
      (type === "const" && value === "content");
    for (const [key, child] of Object.entries(node)) {
      if (!walk(child)) continue;
      mentions = true;
      if (type === "set" && key === "value" && (target as { type: string }).type === "name")
        names.add((target as { name: string }).name);
      if (type === "for" && key === "items") found = true;
      if (type === "filter" && key === "input" && partFilters.has(name as string)) found = true;
    }
    return mentions;
  };
  guarded(() => walk(parse(source)));
  return found;
}

/** Messages as a template's values. */
export function toTemplate(messages: Message[]): Value[] {
  return messages.map((message) => {
    const converted = fromJs(message) as Dict;
    const calls = converted.get("tool_calls");
    for (const call of Array.isArray(calls) ? calls : []) {
      if (!(call instanceof TemplateDict)) continue;
      const described = call.get("function");
      for (const place of [call, described]) {
        const given = place instanceof TemplateDict ? place.get("arguments") : undefined;
        if (given instanceof TemplateDict) given.asJson = true;
      }
    }
    return converted;
  });
}

/** A conversation whose last message is to be continued. */
export interface Continued {
  messages: Message[];
  /** Cuts what the template wrote behind the last message's end. */
  cut(rendered: string): string;
}

/**
 * Marks the end of the last message.
 *
 * @param field The field to continue: "content", or the reasoning.
 * @throws Error where there is nothing to continue, or the template does not write it.
 */
export function continueFinal(messages: Message[], field: string, source: string): Continued {
  const last = messages.at(-1);
  const given = last?.[field];
  if (last === undefined || given === undefined) {
    throw new Error(`Expected a last message with a ${JSON.stringify(field)} to continue but received none.`);
  }
  const reasoning = (reasoningFields as readonly string[]).includes(field);
  const fields = reasoning ? reasoningFields.filter((name) => last[name] === given) : [field];
  if (!fields.some((name) => source.includes(name))) {
    throw new Error(
      `Expected a field that the chat template reads for continue_final_message but received ${JSON.stringify(field)}.`,
    );
  }
  const marked = { ...last };
  let text: string;
  if (Array.isArray(given)) {
    const at = given.findLastIndex((part) => typeof (part as Part | null)?.text === "string");
    if (at < 0) throw new Error("Expected a text in the last message to continue but received none.");
    text = (given[at] as { text: string }).text;
    marked[field] = given.with(at, { ...(given[at] as object), text: text + tag });
  } else if (typeof given === "string") {
    text = given;
    for (const name of fields) marked[name] = given + tag;
  } else throw new TypeError(`Expected text to continue but received ${inspect(given, { depth: 0 })}.`);
  return {
    messages: [...messages.slice(0, -1), marked],
    cut(rendered) {
      const at = rendered.lastIndexOf(tag.trim());
      if (at < 0 || !rendered.includes(text.trim()))
        throw new Error("The last message cannot be continued: the chat template does not write it as it is.");
      const before = rendered.slice(0, at);
      return rendered.startsWith(tag, at) ? before : before.trimEnd();
    },
  };
}
