/**
 * Which tokens of a GGUF vocabulary are cut out of the text before it is tokenized, which of them
 * `skip_special_tokens` leaves out, and which swallow the white space around them.
 */
import type { AddedTokenJson } from "./spec";

/** `tokenizer.ggml.token_type`. */
export const TokenType = { normal: 1, unknown: 2, control: 3, userDefined: 4 } as const;

/** What a file says that decides about its special tokens. */
export interface SpecialRules {
  architecture: string;
  /** `tokenizer.ggml.model`. */
  model: string;
  /** `tokenizer.ggml.pre`. */
  pre: string;
  /** Ids that the file names as the beginning or an end of texts. */
  named: ReadonlySet<number>;
}

/** How models spell what ends a text or a turn. Such a token is special whatever the file's converter typed it as. */
const ends = new Set([
  "<|end|>",
  "<|endoftext|>",
  "<|end_of_text|>",
  "<|eot_id|>",
  "<|eom_id|>",
  "<|im_end|>",
  "<end_of_turn>",
]);

/**
 * The added token that an entry of the vocabulary is; undefined for an ordinary one.
 *
 * A user-defined token is text of its own (`<think>`), never cut but shown; many converters give Phi-3's `<|user|>` and
 * the like this type, which are no text.
 */
export function addedToken(
  { id, content, type }: { id: number; content: string; type: number | undefined },
  rules: SpecialRules,
): AddedTokenJson | undefined {
  const phi3 = rules.architecture === "phi3" && rules.model === "llama";
  const special =
    type === TokenType.control ||
    type === TokenType.unknown ||
    rules.named.has(id) ||
    ends.has(content) ||
    (phi3 && type === TokenType.userDefined && /^<\|.*\|>$/.test(content));
  if (content === "" || (!special && type !== TokenType.userDefined)) return undefined;
  return { id, content, special, normalized: false, single_word: false, ...stripped(content, special, rules) };
}

/** The Phi models' tokenizer.json has their special tokens swallow white space; GGUF has no field for it. */
function stripped(content: string, special: boolean, { architecture, model, pre }: SpecialRules) {
  const strip = (lstrip: boolean, rstrip: boolean) => ({ lstrip, rstrip });
  if (architecture !== "phi3") return strip(false, false);
  // Phi-3 and Phi-3.5.
  if (model === "llama") return strip(false, !["<unk>", "<s>", "<|endoftext|>"].includes(content));
  // Phi-4.
  if (pre === "dbrx") return strip(special, special);
  // Phi-4-mini.
  return strip(false, pre === "gpt-4o" && !["<|endoftext|>", "<|endofprompt|>"].includes(content));
}
