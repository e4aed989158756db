/**
 * A JSON object's members one by one, each value as its text: what is made of a large object is then as large as the
 * reader wants. JSON.parse makes 30 bytes and more of one where a file is hostile (`{},{},{},…`).
 */

/** Thrown where text is no JSON object. */
export class NotJson extends Error {}

const space = /[ \t\r\n]*/y;

/**
 * @param text A JSON object and nothing else. Its values are to be parsed by whoever takes them.
 * @throws NotJson where it is none.
 */
export function* members(text: string): Generator<[name: string, value: string]> {
  let at = skip(text, 0);
  if (text[at] !== "{") throw new NotJson();
  at = skip(text, at + 1);
  if (text[at] === "}") return ended(text, at + 1);
  for (;;) {
    if (text[at] !== '"') throw new NotJson();
    const last = stringEnd(text, at);
    const colon = skip(text, last + 1);
    if (text[colon] !== ":") throw new NotJson();
    const start = skip(text, colon + 1);
    const end = valueEnd(text, start);
    yield [parsed(text.slice(at, last + 1)) as string, text.slice(start, end).trimEnd()];
    at = skip(text, end + 1);
    if (text[end] === "}") return ended(text, end + 1);
  }
}

/** The value of JSON text. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new NotJson();
  }
}

/** Whether text is a JSON object of strings alone, checked without making it. */
export function isFlat(text: string): boolean {
  try {
    for (const [, value] of members(text))
      if (value[0] !== '"' || stringEnd(value, 0) !== value.length - 1) return false;
    return true;
  } catch {
    return false;
  }
}

function skip(text: string, from: number): number {
  space.lastIndex = from;
  space.exec(text);
  return space.lastIndex;
}

function ended(text: string, from: number): void {
  if (skip(text, from) !== text.length) throw new NotJson();
}

const [quote, backslash, comma] = [34, 92, 44];
const opening = new Set([123, 91]);
const closing = new Set([125, 93]);

/** Where the comma or bracket stands that ends the value that begins here. */
function valueEnd(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === quote) at = stringEnd(text, at);
    else if (opening.has(code)) depth++;
    else if (closing.has(code)) {
      if (depth-- === 0) return code === 125 ? at : notJson();
    } else if (code === comma && depth === 0) return at;
  }
  return notJson();
}

/**
 * Where the quote stands that ends the string that begins here. By hand: an expression for it overflows its stack where a
 * string holds a million escapes.
 *
 * @throws NotJson where it does not end.
 */
export function stringEnd(text: string, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === backslash) at++;
    else if (code === quote) return at;
  }
  return notJson();
}

function notJson(): never {
  throw new NotJson();
}
