/** Values as text, as Python prints them, and texts by characters (code points), as Python counts them. */
import { dumps } from "./json";
import { spend, spendGrowth, spendText } from "./limits";
import {
  Dict,
  Float,
  Func,
  Generator,
  Range,
  Struct,
  TemplateError,
  Tuple,
  Undefined,
  type Value,
  View,
} from "./values";

const wide = /[\ud800-\udfff]/;

/** The characters of a text. */
export function characters(text: string): string[] {
  spend(text.length);
  return wide.test(text) ? Array.from(text) : text.split("");
}

/** How many characters a text has. */
export function textLength(text: string): number {
  if (!wide.test(text)) return text.length;
  let length = 0;
  for (const _ of text) length++;
  return length;
}

/** Where the character of a number begins, in JavaScript's units. */
export function unitOf(text: string, character: number): number {
  if (!wide.test(text)) return character;
  let unit = 0;
  for (let i = 0; i < character && unit < text.length; i++) unit += (text.codePointAt(unit) as number) > 0xffff ? 2 : 1;
  return unit;
}

/** `str(value)`. */
export function str(value: Value): string {
  if (typeof value === "string") return value;
  if (value instanceof Undefined) return "";
  if (value instanceof Dict && value.asJson) return dumps(value);
  const text = repr(value);
  spendText(text.length);
  return text;
}

/** `repr(value)`. */
export function repr(value: Value): string {
  spend(1);
  if (value === null) return "None";
  if (typeof value === "string") return quoted(value);
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number" || typeof value === "bigint") return String(value);
  if (value instanceof Float) return floatText(value.value);
  if (value instanceof Tuple) return value.length === 1 ? `(${repr(value[0])},)` : `(${reprs(value)})`;
  if (Array.isArray(value)) return `[${reprs(value)}]`;
  if (value instanceof Dict) {
    return `{${joined(value.entries(), ([key, item]) => `${repr(key)}: ${repr(item)}`)}}`;
  }
  if (value instanceof View) return `${value.kind}([${reprs(value.items)}])`;
  if (value instanceof Range) {
    const { start, stop, step } = value;
    return `range(${start}, ${stop}${step === 1 ? "" : `, ${step}`})`;
  }
  if (value instanceof Undefined) return "Undefined";
  if (value instanceof Generator) return "<generator object>";
  if (value instanceof Struct) return `<${value.type}>`;
  return value instanceof Func ? `<function ${value.name}>` : "<Namespace>";
}

function reprs(values: readonly Value[]): string {
  // Element by element: a tuple's map would make a tuple.
  return joined(values, repr);
}

function joined<T>(values: readonly T[], text: (value: T) => string): string {
  let result = "";
  for (const [i, value] of values.entries()) {
    const next = text(value);
    spendGrowth(result.length + next.length, next.length);
    result += i === 0 ? next : `, ${next}`;
  }
  return result;
}

const shortEscapes: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\" };

function quoted(text: string): string {
  spend(text.length);
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/[\\'"]|[^\x20-\x7e\xa1-\xac\xae-\u02ff]/gu, (character) => {
    if (character === "'" || character === '"') return character === quote ? `\\${character}` : character;
    const short = shortEscapes[character];
    if (short !== undefined) return short;
    if (!/[\p{C}\p{Z}]/u.test(character)) return character;
    const code = character.codePointAt(0) as number;
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
    return code < 0x10000 ? `\\u${code.toString(16).padStart(4, "0")}` : `\\U${code.toString(16).padStart(8, "0")}`;
  });
  return quote + escaped + quote;
}

/** A float's shortest digits, with a point or an exponent where Python has one. */
export function floatText(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  if (Object.is(value, -0)) return "-0.0";
  const [mantissa, exponent] = value.toExponential().split("e") as [string, string];
  const power = Number(exponent);
  if (value !== 0 && (power < -4 || power >= 16)) return `${mantissa}e${exponentText(power)}`;
  const plain = String(value);
  return plain.includes(".") ? plain : `${plain}.0`;
}

/** An exponent as Python writes it: a sign, two digits at least. */
export function exponentText(power: number): string {
  return `${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
}

/** Digits behind the point, ties to even, as Python rounds. */
export function fixedText(value: number, digits: number): string {
  if (!Number.isFinite(value)) return floatText(value);
  if (digits > 100) throw new TemplateError("a number has at most 100 digits behind its point");
  if (Math.abs(value) >= 1e21) {
    const whole = BigInt(value).toString();
    return digits > 0 ? `${whole}.${"0".repeat(digits)}` : whole;
  }
  const rounded = value.toFixed(digits);
  const exact = value.toFixed(100);
  const cut = exact.length - 100 + digits;
  // toFixed takes the larger of two that are as near.
  const tie = /^50*$/.test(exact.slice(cut)) && digits < 100;
  if (!tie) return rounded;
  const lower = exact.slice(0, digits === 0 ? cut - 1 : cut);
  return Number(lower.at(-1)) % 2 === 0 ? lower : rounded;
}
