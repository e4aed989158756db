/** What a token looks like on a plot: its own text, with what cannot be seen made visible. */

/** The part of a tokenizer that labels need; every tokenizer of this library has it. */
export interface LabelTokenizer {
  /** The text of ids. */
  decode(ids: number[], options?: { skip_special_tokens?: boolean }): string;
  /** The vocabulary's names of ids; undefined for an id that it has not. */
  convert_ids_to_tokens(ids: number[]): (string | undefined)[];
}

const visible: Record<string, string> = { " ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍", "\u00a0": "⍽" };

/** Replaces white space and control characters by signs that can be seen: `" Paris\n"` is `␣Paris↵`. */
export function makeVisible(text: string): string {
  // Alone it changes nothing that could be seen.
  if (/^[\ufe00-\ufe0f]$/.test(text)) return named(text);
  return text.replace(/[\p{White_Space}\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => {
    const code = char.codePointAt(0) as number;
    // The joiners hold an emoji or a script's letters together: without them the text would be another one.
    if (code === 0x200d || code === 0x200c) return char;
    return visible[char] ?? (code < 0x20 ? String.fromCharCode(0x2400 + code) : named(char));
  });
}

const named = (char: string): string => `‹U+${(char.codePointAt(0) as number).toString(16).toUpperCase()}›`;

/**
 * The label of one token. A decoder drops the space before a text's first token, so the token is decoded behind another
 * and that one's text taken off. A token that is only part of a character is named by its bytes, `‹F0 9F 98›`.
 *
 * @param tokenizer Names the token.
 * @param id The token; one that the vocabulary has not is written `<id>`.
 * @example
 * tokenLabel(tokenizer, 7042);
 * // => '␣Paris'
 */
export function tokenLabel(tokenizer: LabelTokenizer, id: number): string {
  const name = tokenizer.convert_ids_to_tokens([id])[0] ?? `<${id}>`;
  const keep = { skip_special_tokens: false };
  const anchor = anchorOf(tokenizer);
  const before = tokenizer.decode([anchor], keep);
  const both = tokenizer.decode([anchor, id], keep);
  const text = both.startsWith(before) ? both.slice(before.length) : tokenizer.decode([id], keep);
  if (text === "" || text.includes("\ufffd")) return bytesOf(name) ?? makeVisible(name);
  return makeVisible(text);
}

/**
 * The bytes that a name of the byte-level alphabet stands for, `‹F0 9F 98›` with a space before it shown as one: printable
 * Latin letters are themselves there, and the other 68 bytes follow from U+0100 on. Undefined for a name of another alphabet.
 */
function bytesOf(name: string): string | undefined {
  const bytes = Array.from(name, (char) => byteOf.get(char));
  if (bytes.length === 0 || bytes.includes(undefined)) return undefined;
  const spaces = bytes[0] === 0x20 ? 1 : 0;
  const hex = bytes.slice(spaces).map((byte) => (byte as number).toString(16).toUpperCase().padStart(2, "0"));
  return `${spaces > 0 ? visible[" "] : ""}‹${hex.join(" ")}›`;
}

const byteOf = new Map<string, number>();
for (let byte = 0, others = 0; byte < 256; byte++) {
  const itself = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  byteOf.set(String.fromCharCode(itself ? byte : 0x100 + others++), byte);
}

const anchors = new WeakMap<LabelTokenizer, number>();

/** A token of plain letters, which no decoder joins with what follows: the first such in the vocabulary. */
function anchorOf(tokenizer: LabelTokenizer): number {
  const known = anchors.get(tokenizer);
  if (known !== undefined) return known;
  let id = 0;
  while (id < 2000 && !/^[A-Za-z]$/.test(tokenizer.convert_ids_to_tokens([id])[0] ?? "")) id++;
  const anchor = id < 2000 ? id : 0;
  anchors.set(tokenizer, anchor);
  return anchor;
}
