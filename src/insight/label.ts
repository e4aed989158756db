/** Tokens as a reader knows them: the text of each, and characters that several tokens make together. */
import type { StreamTokenizer } from "../generation/streamer";
import type { Core } from "../model/core";
import { makeVisible, tokenLabel } from "../plots/token_label";
import type { NamedToken } from "./results";

/** A token's part of a text. */
export interface TokenText {
  /** Its characters; of the pieces of one character, the character. */
  text: string;
  /** Which of how many pieces of `text` it is: [0, 1] where it is all of it. */
  piece: [index: number, count: number];
}

/**
 * The text of each token of a sequence. Where several together make a character, as those of an emoji do, each has that
 * character and says which part of it it is.
 *
 * @param tokenizer Any of this library's.
 * @param ids The tokens of one text, in their order.
 * @example
 * tokenTexts(tokenizer, tokenizer.encode("Hi ☀")).map(({ text }) => text);
 * // => ["Hi", " ", "☀", "☀"]
 */
export function tokenTexts(tokenizer: StreamTokenizer, ids: readonly number[]): TokenText[] {
  const stream = tokenizer.stream({ skip_special_tokens: false });
  const texts: TokenText[] = [];
  let held = 0;
  const close = (text: string): void => {
    for (let i = 0; i < held; i++) texts.push({ text, piece: [i, held] });
    held = 0;
  };
  for (const id of ids) {
    held++;
    const text = stream.push([id]);
    if (text !== "") close(text);
  }
  if (held > 0) close(stream.end());
  return texts;
}

/** How the tokens of a text are written: by the model's own tokenizer, or by their numbers where its files hold none. */
export async function writing(
  core: Core,
  ids: Int32Array,
): Promise<{ label: (id: number) => string; texts?: TokenText[] }> {
  const tokenizer = await core.tokenizer().catch(() => undefined);
  if (tokenizer === undefined) return { label: String };
  return { label: (id) => tokenLabel(tokenizer, id), texts: tokenTexts(tokenizer, Array.from(ids)) };
}

/** Whether these tokens are written by their numbers alone, which would run into one where texts stand close. */
export const areIds = (tokens: readonly { id: number; text: string }[]): boolean =>
  tokens.every(({ id, text }) => text === String(id));

/** Of a token of the vocabulary, its text, decoded by itself, and its label; its number where the files hold no tokenizer. */
export async function naming(core: Core): Promise<(id: number) => NamedToken> {
  const tokenizer = await core.tokenizer().catch(() => undefined);
  if (tokenizer === undefined) return (id) => ({ id, text: String(id), label: String(id) });
  return (id) => ({ id, text: tokenizer.decode([id]), label: tokenLabel(tokenizer, id) });
}

/** The tokens of a prompt at these positions; of the pieces of one character, each has that character. */
export async function namedPrompt(core: Core, ids: Int32Array, positions?: readonly number[]): Promise<NamedToken[]> {
  const { texts } = await writing(core, ids);
  const all = positions ?? Array.from(ids, (_, i) => i);
  return all.map((position) => {
    const id = ids[position] as number;
    const { text, piece } = texts?.[position] ?? { text: String(id), piece: [0, 1] };
    return { id, text, label: texts ? pieceLabel(text, piece) : text };
  });
}

/** A token of a text as plots call it; of the pieces of one character, with its number among them. */
export const pieceLabel = (text: string, [index, count]: readonly [number, number]): string =>
  count === 1 ? makeVisible(text) : `${makeVisible(text)} ${index + 1}/${count}`;
