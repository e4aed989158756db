/** JSON as Python's `json.dumps` writes it, which is how models have seen it. */
import { spend, spendText } from "./limits";
import { floatText } from "./text";
import { Dict, Float, TemplateError, typeName, type Value } from "./values";

/** `json.dumps`' options, under its names. */
export interface DumpOptions {
  ensure_ascii?: boolean;
  /** What each level is indented by; undefined: all in one line. */
  indent?: string;
  /** Between items, and behind keys. */
  separators?: [string, string];
  sort_keys?: boolean;
}

/** @throws TemplateError for what JSON has no like of, and for too much. */
export function dumps(value: Value, options: DumpOptions = {}): string {
  const { indent } = options;
  const [item, colon] = options.separators ?? [indent === undefined ? ", " : ",", ": "];
  const ascii = (text: string) =>
    options.ensure_ascii
      ? text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      : text;

  const list = (parts: string[], open: string, close: string, depth: number): string => {
    if (parts.length === 0) return open + close;
    const line = (level: number) => (indent === undefined ? "" : `\n${indent.repeat(level)}`);
    let length = 0;
    for (const part of parts) length += part.length + item.length + (indent?.length ?? 0) * (depth + 1);
    spendText(length);
    return open + line(depth + 1) + parts.join(item + line(depth + 1)) + line(depth) + close;
  };

  const write = (node: Value, depth: number): string => {
    spend(1);
    if (node === null) return "null";
    if (typeof node === "string") {
      spend(node.length);
      return ascii(JSON.stringify(node));
    }
    if (typeof node === "boolean" || typeof node === "number" || typeof node === "bigint") return String(node);
    if (node instanceof Float) return jsonFloat(node.value);
    if (Array.isArray(node)) {
      const parts: string[] = [];
      for (const part of node) parts.push(write(part, depth + 1));
      return list(parts, "[", "]", depth);
    }
    if (node instanceof Dict) {
      const entries = node.entries();
      if (options.sort_keys) entries.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
      const parts = entries.map(([key, part]) => ascii(JSON.stringify(keyText(key))) + colon + write(part, depth + 1));
      return list(parts, "{", "}", depth);
    }
    throw new TemplateError(`Object of type ${typeName(node)} is not JSON serializable`);
  };
  return write(value, 0);
}

function jsonFloat(value: number): string {
  if (Number.isFinite(value)) return floatText(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

function keyText(key: Value): string {
  if (typeof key === "string") return key;
  if (key === null) return "null";
  if (key instanceof Float) return jsonFloat(key.value);
  if (typeof key === "boolean" || typeof key === "number" || typeof key === "bigint") return String(key);
  throw new TemplateError(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
}
