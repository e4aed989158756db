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
  return text.replace(/[\p{White_Space}\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => {
    const code = char.codePointAt(0) as number;
    // The joiners hold an emoji or a script's letters together: without them the text would be another one.
    if (code === 0x200d || code === 0x200c) return char;
    return (
      visible[char] ?? (code < 0x20 ? String.fromCharCode(0x2400 + code) : `‹U+${code.toString(16).toUpperCase()}›`)
    );
  });
}

/**
 * The label of one token. A decoder drops the space before a text's first token, so the token is decoded behind another
 * and that one's text taken off. A token that is only part of a character is named as the vocabulary names it.
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
  if (text === "" || text.includes("\ufffd")) return makeVisible(name);
  return makeVisible(text);
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
