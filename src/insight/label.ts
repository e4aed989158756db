/** Tokens as a reader knows them: the text of each, and characters that several tokens make together. */
import type { StreamTokenizer } from "../generation/streamer";
import type { Core } from "../model/core";
import { makeVisible, tokenLabel } from "../plots/token_label";

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

/** As plots call a token of a text: its characters, and of the pieces of a character which of them it is. */
export const pieceLabel = ({ text, piece: [index, count] }: TokenText): string =>
  count === 1 ? makeVisible(text) : `${makeVisible(text)} ${index + 1}/${count}`;

/** How the tokens of a text are written: by the model's own tokenizer, or by their numbers where its files hold none. */
export async function writing(
  core: Core,
  ids: Int32Array,
): Promise<{ label: (id: number) => string; texts?: TokenText[] }> {
  const tokenizer = await core.tokenizer().catch(() => undefined);
  if (tokenizer === undefined) return { label: String };
  return { label: (id) => tokenLabel(tokenizer, id), texts: tokenTexts(tokenizer, Array.from(ids)) };
}
