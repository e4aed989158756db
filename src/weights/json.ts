/** JSON files that others wrote: read whole, of a size that there is, and what is made of them is no larger than they warrant. */
import { refuseLfsPointer, WeightsError } from "./error";
import { stringEnd } from "./members";
import { readText } from "./regular";

type Json = Record<string, unknown>;

/** Bytes of a JSON file; the largest tokenizers take 35 MB. */
const largestJson = 256e6;
/** Bytes up to which it does not matter what a file holds. */
const smallJson = 4e6;

/** The object in a JSON file; undefined when there is no such file. */
export async function readJson(file: string): Promise<Json | undefined> {
  const text = await readText(file, largestJson);
  return text === undefined ? undefined : jsonObject(file, text);
}

/** The object that a file's text is. */
export function jsonObject(file: string, text: string): Json {
  refuseLfsPointer(file, text);
  if (text.length > smallJson && !isSparse(text))
    throw new WeightsError(file, `${file} is damaged: it is hardly more than brackets and commas; download it again.`);
  const value = parsed(text) ?? parsed(withoutNan(text));
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new WeightsError(file, `${file} holds no JSON object: it is damaged or truncated; download it again.`);
  }
  return value as Json;
}

/** The value of JSON text; undefined, which JSON has not, where it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Python writes NaN and infinities into JSON, and reads them there: for us they are nothing. */
function withoutNan(text: string): string {
  let made = "";
  for (const [piece, isString] of pieces(text))
    made += isString ? piece : piece.replace(/-?\bInfinity\b|\bNaN\b/g, "null");
  return made;
}

/** Text in strings and what stands between them. A string that does not end is the last piece. */
function* pieces(text: string): Generator<[piece: string, isString: boolean]> {
  for (let at = 0; at < text.length; ) {
    const quote = text.indexOf('"', at);
    const start = quote < 0 ? text.length : quote;
    if (start > at) yield [text.slice(at, start), false];
    if (start === text.length) return;
    at = endOf(text, start);
    yield [text.slice(start, at), true];
  }
}

/** Where the text goes on behind the string that begins here. */
function endOf(text: string, start: number): number {
  try {
    return stringEnd(text, start) + 1;
  } catch {
    return text.length;
  }
}

/** Bytes that JSON.parse takes for an object or a list, a key, and one value more. */
const [perBracket, perKey, perValue] = [60, 100, 25];

/**
 * Whether what JSON.parse makes of text stays below about twelve times its length: `{},{},{}` takes thirty. Vocabularies
 * take five to eight.
 */
function isSparse(text: string): boolean {
  let cost = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 34) at = endOf(text, at) - 1;
    else if (code === 123 || code === 91) cost += perBracket;
    else if (code === 58) cost += perKey;
    else if (code === 44) cost += perValue;
  }
  return cost < 12 * text.length;
}

/** The first key that an object anywhere in valid JSON text has twice; JSON.parse would keep the last in silence. */
export function duplicateKey(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 123) open.push(new Set());
    else if (code === 91) open.push(undefined);
    else if (code === 125 || code === 93) open.pop();
    else if (code === 34) {
      const end = endOf(text, at);
      const keys = open.at(-1);
      if (keys !== undefined && isKey(text, end)) {
        const key = JSON.parse(text.slice(at, end)) as string;
        if (keys.has(key)) return key;
        keys.add(key);
      }
      at = end - 1;
    }
  }
  return undefined;
}

/** Whether a colon follows. */
function isKey(text: string, from: number): boolean {
  let at = from;
  while (" \t\r\n".includes(text[at] ?? "x")) at++;
  return text[at] === ":";
}
