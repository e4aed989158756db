/**
 * Chat templates by name: those in additional_chat_templates/, beside the one that a model has by default, and which of
 * them a call asks for.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { templatesFolder } from "../hub/wanted";
import { readText } from "../weights/regular";
import type { ChatTemplateOptions } from "./chat";

type Templates = string | Record<string, string> | undefined;

/** Bytes of a template; the longest take 20 thousand. */
const largest = 1e6;

/**
 * The templates of a model's folder, by their files' names.
 *
 * @throws WeightsError where one is no file, or too large.
 */
export async function namedTemplates(folder: string): Promise<Record<string, string>> {
  const place = join(folder, templatesFolder);
  const files = await readdir(place).catch(() => []);
  const templates: Record<string, string> = {};
  for (const name of files.filter((file) => file.endsWith(".jinja")).sort()) {
    const text = await readText(join(place, name), largest);
    if (text !== undefined) templates[name.replace(/\.jinja$/, "")] = text;
  }
  return templates;
}

/** The model's template as "default" among the others; alone where there are none. */
export function withNames(own: Templates, named: Record<string, string>): Templates {
  if (Object.keys(named).length === 0) return own;
  const all = { ...(typeof own === "string" ? { default: own } : own), ...named };
  const [only, ...others] = Object.keys(all);
  return only === "default" && others.length === 0 ? all.default : all;
}

/**
 * The template that a call asks for: by its name, or as Jinja source; where it asks for none, the one for tools when there
 * are some, else the default one.
 *
 * @param own The tokenizer's.
 * @returns undefined where there is none.
 */
export function chosenTemplate(own: Templates, { chat_template, tools }: ChatTemplateOptions): string | undefined {
  if (chat_template !== undefined) return (typeof own === "object" ? own[chat_template] : undefined) ?? chat_template;
  return typeof own === "object" ? ((tools === undefined ? undefined : own.tool_use) ?? own.default) : own;
}

/** What is said where {@link chosenTemplate} finds none. @param model The model's id or path. */
export function noTemplate(own: Templates, model: string): Error {
  const of = `The tokenizer of ${model} has`;
  if (typeof own === "object") {
    const names = Object.keys(own).sort().join(", ");
    return new Error(`${of} no chat template named "default"; give one of ${names}, or your own, as chat_template.`);
  }
  return new Error(`${of} no chat template; give one as chat_template, or plain text to the tokenizer.`);
}
