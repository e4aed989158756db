/** One prompt, as text or as ids. */
import { inspect } from "node:util";
import type { Core } from "../model/core";
import { type IdsInput, readBatch } from "../model/inputs";
import type { PreTrainedTokenizer } from "../tokenizer";

/** A text, which the model's own tokenizer reads, or the ids of one. */
export type Prompt = string | IdsInput;

/**
 * Its ids.
 *
 * @throws TypeError or RangeError for several rows, or none.
 */
export async function promptIds(core: Core, prompt: Prompt, where: string): Promise<Int32Array> {
  const input_ids = typeof prompt === "string" ? (await ownTokenizer(core, where)).encode(prompt) : prompt;
  const { rows } = readBatch({ input_ids }, core.config.hidden_size);
  if (rows.length !== 1)
    throw new RangeError(`Expected one prompt for ${where} but received ${rows.length} rows; ask row by row`);
  return rows[0] as Int32Array;
}

/** @throws Error where the model's files hold none. */
export async function ownTokenizer(core: Core, where: string): Promise<PreTrainedTokenizer> {
  try {
    return await core.tokenizer();
  } catch (error) {
    throw new Error(
      `Expected ids for ${where}, since the model's own tokenizer cannot be loaded: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
}

/** A token of one's choice: its id, or a text that is one token, where a word within a text begins with its space. */
export type TokenChoice = number | string;

const piecesOf = (tokenizer: PreTrainedTokenizer, text: string): number[] =>
  tokenizer.encode(text, { add_special_tokens: false });

/**
 * The token that a text is. Where a tokenizer puts a space before every text, as Llama 2's and Phi-3's do, " Paris" is what
 * it makes of "Paris": "▁Paris".
 */
function oneToken(tokenizer: PreTrainedTokenizer, text: string): number | undefined {
  const [id, ...more] = piecesOf(tokenizer, text);
  if (more.length === 0) return id;
  if (!text.startsWith(" ")) return undefined;
  const [word, ...rest] = piecesOf(tokenizer, text.slice(1));
  const spaced = word !== undefined && tokenizer.convert_ids_to_tokens(word)?.startsWith("▁");
  return spaced && rest.length === 0 ? word : undefined;
}

/**
 * The ids of tokens.
 *
 * @throws RangeError for an id that the vocabulary has not, and a text of several tokens.
 */
export async function tokenIds(core: Core, tokens: readonly TokenChoice[], where: string): Promise<number[]> {
  const ids: number[] = [];
  for (const token of tokens) {
    if (typeof token === "string") {
      const tokenizer = await ownTokenizer(core, where);
      const id = oneToken(tokenizer, token);
      if (id === undefined)
        throw new RangeError(
          `Expected a text of one token for ${where} but ${inspect(token)} is ${piecesOf(tokenizer, token).length}; a word within a text begins with its space, as ${inspect(` ${token.trim()}`)}`,
        );
      ids.push(id);
    } else {
      if (!Number.isInteger(token) || token < 0 || token >= core.config.vocab_size)
        throw new RangeError(
          `Expected ids from 0 to ${core.config.vocab_size - 1} for ${where} but received ${inspect(token)}`,
        );
      ids.push(token);
    }
  }
  return ids;
}
