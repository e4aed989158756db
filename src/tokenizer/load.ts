/**
 * Reads a tokenizer from a folder: tokenizer.json with the settings that lie beside it (tokenizer_config.json,
 * special_tokens_map.json, chat_template.jinja or .json), joined as transformers joins them.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { readJson } from "../weights/config";
import { readText } from "../weights/regular";
import { namedTemplates, withNames } from "./named_templates";
import {
  type AddedTokenJson,
  bosEosTemplate,
  type JsonNode,
  type SpecialTokenName,
  specialTokenNames,
  type TokenizerJson,
  type TokenizerSpec,
} from "./spec";

type Json = Record<string, unknown>;

/** Ids are places in an array: larger ones are damage. */
const largestId = 2 ** 24;
/** Bytes of a chat template; the longest take 20 thousand. */
const largestTemplate = 1e6;
/** Larger limits are a way of saying "none" (transformers writes 1e30). */
const largestLimit = 1e9;

/** What a folder's files say of its tokenizer, each as it was read. */
export interface TokenizerFiles {
  /** tokenizer.json. */
  json: Json;
  /** tokenizer_config.json. */
  config?: Json | undefined;
  /** special_tokens_map.json. */
  map?: Json | undefined;
  /** chat_template.jinja's text, or what chat_template.json has. */
  template?: unknown;
  /** Those of additional_chat_templates/. */
  named?: Record<string, string>;
}

/**
 * @param folder A folder with tokenizer.json.
 * @throws Error when there is none, or a file is damaged.
 */
export async function readFolderTokenizer(folder: string): Promise<TokenizerSpec> {
  const json = await readJson(join(folder, "tokenizer.json"));
  if (!json) throw new Error(await nothingThere(folder));
  return joinedTokenizer(folder, {
    json,
    config: await readJson(join(folder, "tokenizer_config.json")),
    map: await readJson(join(folder, "special_tokens_map.json")),
    template:
      (await readText(join(folder, "chat_template.jinja"), largestTemplate)) ??
      (await readJson(join(folder, "chat_template.json")))?.chat_template,
    named: await namedTemplates(folder),
  });
}

/**
 * Joins a folder's files to one tokenizer.
 *
 * @throws Error when tokenizer.json is damaged.
 */
export function joinedTokenizer(folder: string, files: TokenizerFiles): TokenizerSpec {
  const { json, config = {}, map = {}, template, named: others = {} } = files;
  const file = join(folder, "tokenizer.json");
  checkParts(file, json);

  const special_tokens: Partial<Record<SpecialTokenName, string>> = {};
  const named: unknown[] = [];
  for (const name of specialTokenNames) {
    const key = `${name}_token`;
    const token = key in config ? config[key] : (map[key] ?? (name === "pad" ? paddingOf(json).pad_token : undefined));
    special_tokens[name] = tokenText(token);
    named.push(token);
  }
  const model_special_tokens = modelTokens(config);
  const additional = config.additional_special_tokens ?? config.extra_special_tokens ?? map.additional_special_tokens;
  const additional_special_tokens = (Array.isArray(additional) ? additional : []).map(tokenText).filter(isString);
  const tokenizer = { ...(json as unknown as TokenizerJson) };
  tokenizer.added_tokens = addedTokens(tokenizer, config, [
    ...named,
    ...Object.values(model_special_tokens),
    ...(Array.isArray(additional) ? additional : []),
  ]);
  applyBosEos(tokenizer, config, special_tokens);
  const limit = config.model_max_length;
  return {
    name_or_path: folder,
    file,
    json: tokenizer,
    special_tokens,
    additional_special_tokens,
    model_special_tokens,
    padding_side: side(config.padding_side ?? paddingOf(json).direction) ?? "left",
    truncation_side: side(config.truncation_side ?? (json.truncation as Json | null | undefined)?.direction) ?? "right",
    chat_template: withNames(templateOf(template ?? config.chat_template), others),
    model_max_length: typeof limit === "number" && limit > 0 && limit < largestLimit ? limit : Infinity,
    clean_up_tokenization_spaces: config.clean_up_tokenization_spaces === true,
  };
}

async function nothingThere(folder: string): Promise<string> {
  const sentencePiece = await stat(join(folder, "tokenizer.model")).catch(() => undefined);
  if (!sentencePiece) return `${folder} has no tokenizer.json: it holds no tokenizer.`;
  const how = "AutoTokenizer.from_pretrained(…).save_pretrained(…) of Python's transformers writes it";
  return `${folder} has a tokenizer.model but no tokenizer.json, which phi3lab needs; ${how}.`;
}

function checkParts(file: string, json: Json): void {
  const { model, added_tokens = [] } = json;
  if (typeof model !== "object" || model === null) throw new Error(`${file} is no tokenizer: it has no "model".`);
  const { vocab } = model as { vocab?: unknown };
  if (typeof vocab === "object" && vocab !== null && !Array.isArray(vocab) && !Object.values(vocab).every(isId)) {
    throw new Error(`${file} is damaged: not every token of its vocabulary has an id; download it again.`);
  }
  const valid = (token: unknown) => {
    const { id, content } = (token ?? {}) as Partial<AddedTokenJson>;
    return isId(id) && isString(content) && content !== "";
  };
  if (!Array.isArray(added_tokens) || !added_tokens.every(valid)) {
    throw new Error(`${file} is damaged: its added_tokens are not all an id with a text; download it again.`);
  }
  for (const part of ["normalizer", "pre_tokenizer", "post_processor", "decoder"]) json[part] ??= null;
  json.added_tokens = added_tokens;
}

function isId(id: unknown): boolean {
  return Number.isSafeInteger(id) && (id as number) >= 0 && (id as number) < largestId;
}

function isString(value: unknown): value is string {
  return typeof value === "string";
}

/** A token is written as its text or as an object with a `content`. */
function tokenText(token: unknown): string | undefined {
  const text = typeof token === "object" && token !== null ? (token as Json).content : token;
  return isString(text) && text !== "" ? text : undefined;
}

/** tokenizer.json's own `padding`. */
function paddingOf(json: Json): Json {
  return typeof json.padding === "object" && json.padding !== null ? (json.padding as Json) : {};
}

/** "left" and "right", however they are written. */
function side(value: unknown): "left" | "right" | undefined {
  const name = String(value).toLowerCase();
  return name === "left" || name === "right" ? name : undefined;
}

/** Special tokens by names that only this model has (`image_token`), said outright or in `extra_special_tokens`. */
function modelTokens(config: Json): Record<string, string> {
  const { extra_special_tokens } = config;
  const extra =
    typeof extra_special_tokens === "object" && !Array.isArray(extra_special_tokens) ? extra_special_tokens : {};
  const known = specialTokenNames.map((name) => `${name}_token`);
  const outright = Object.entries(config).filter(([key]) => key.endsWith("_token") && !known.includes(key));
  const tokens: Record<string, string> = {};
  for (const [name, token] of [...Object.entries(extra ?? {}), ...outright]) {
    const text = tokenText(token);
    if (text !== undefined) tokens[name] = text;
  }
  return tokens;
}

/** tokenizer.json's added tokens, those of tokenizer_config.json, and the named ones marked as special; what is nowhere gets an id behind all others. */
function addedTokens(tokenizer: TokenizerJson, config: Json, named: unknown[]): AddedTokenJson[] {
  const added = new Map(tokenizer.added_tokens.map((token) => [token.content, token]));
  const decoder = config.added_tokens_decoder;
  const more = typeof decoder === "object" && decoder !== null ? (decoder as Record<string, AddedTokenJson>) : {};
  for (const [id, token] of Object.entries(more)) {
    const content = tokenText(token);
    if (content !== undefined && !added.has(content) && /^\d+$/.test(id) && isId(Number(id))) {
      added.set(content, { ...token, content, id: Number(id) });
    }
  }
  const { vocab } = tokenizer.model;
  const size = Array.isArray(vocab) ? vocab.length : Object.keys(vocab ?? {}).length;
  for (const token of named) {
    const content = tokenText(token);
    if (content === undefined) continue;
    const known = added.get(content);
    const flags = typeof token === "object" ? (token as Partial<AddedTokenJson>) : { normalized: false };
    const inVocabulary = vocab && !Array.isArray(vocab) && Object.hasOwn(vocab, content) ? vocab[content] : undefined;
    const next = () => [...added.values()].reduce((after, { id }) => Math.max(after, id + 1), size);
    if (known) added.set(content, { ...known, special: true });
    else added.set(content, { ...flags, id: inVocabulary ?? next(), content, special: true });
  }
  return [...added.values()];
}

/** `add_bos_token` and `add_eos_token`, each where it is said outright, overrule tokenizer.json's post-processor. */
function applyBosEos(tokenizer: TokenizerJson, config: Json, special: Partial<Record<SpecialTokenName, string>>): void {
  const { add_bos_token, add_eos_token } = config;
  if (typeof add_bos_token !== "boolean" && typeof add_eos_token !== "boolean") return;
  const { added_tokens, post_processor } = tokenizer;
  const present = around(post_processor);
  const token = (wanted: unknown, name: "bos" | "eos") => {
    const content = typeof wanted === "boolean" ? wanted && special[name] : present[name];
    return added_tokens.find((candidate) => candidate.content === content)?.content;
  };
  tokenizer.post_processor = bosEosTemplate(token(add_bos_token, "bos"), token(add_eos_token, "eos"));
}

/** The tokens that a post-processor puts before and behind a text. */
function around(node: JsonNode | null): { bos?: string; eos?: string } {
  if (node?.type === "Sequence" && Array.isArray(node.processors)) {
    return Object.assign({}, ...(node.processors as (JsonNode | null)[]).map(around));
  }
  if (node?.type !== "TemplateProcessing" || !Array.isArray(node.single)) return {};
  const parts = node.single as { SpecialToken?: { id?: string }; Sequence?: unknown }[];
  const text = parts.findIndex((part) => part?.Sequence !== undefined);
  const id = (part: (typeof parts)[number] | undefined) => part?.SpecialToken?.id;
  return { bos: id(parts[text - 1]), eos: id(parts[text + 1]) };
}

/** A template, or several by name as older files list them. */
function templateOf(template: unknown): string | Record<string, string> | undefined {
  if (isString(template)) return template;
  if (!Array.isArray(template)) return undefined;
  const named = template as { name?: unknown; template?: unknown }[];
  return Object.fromEntries(
    named
      .filter((entry) => isString(entry?.name) && isString(entry.template))
      .map(({ name, template }) => [name, template]),
  );
}
