/** tokenizer.json's `pre_tokenizer`: cuts a text into words, as the Rust library does. */
import { gpt2Words, type JsonNode } from "../spec";
import { checkLength, TokenizerError } from "./bounds";
import { toByteLetters } from "./bytes";
import { type Behavior, behaviors, cut, matchesOf, type Piece } from "./pieces";
import { patternOf, toRegExp, word } from "./regex";

/** Cuts pieces further. */
export type PreTokenizer = (pieces: Piece[]) => Piece[];

const each =
  (one: (piece: Piece) => Piece[]): PreTokenizer =>
  (pieces) =>
    pieces.flatMap(one);

const splitAt =
  (pattern: RegExp, behavior: Behavior, invert = false): PreTokenizer =>
  (pieces) => {
    const result: Piece[] = [];
    for (const piece of pieces)
      for (const part of cut(piece, matchesOf(pattern, piece.text), behavior, invert)) result.push(part);
    return result;
  };

/** What Rust takes for punctuation: Unicode's, and ASCII's signs. */
const punctuation = "[\\p{P}$+<=>^`|~]";

/** @throws TokenizerError for one that is not known, or lacks what it needs. */
export function preTokenizer(node: JsonNode | null): PreTokenizer {
  if (node === null) return (pieces) => pieces;
  const behavior = (fallback: Behavior): Behavior => {
    const { behavior: given = fallback } = node;
    const found = behaviors.find((name) => name.toLowerCase() === String(given).toLowerCase().replaceAll("_", ""));
    if (!found) throw new TokenizerError(`the ${String(node.type)} has no behavior ${JSON.stringify(given)}`);
    return found;
  };
  switch (node.type) {
    case "Sequence": {
      const { pretokenizers } = node;
      if (!Array.isArray(pretokenizers)) throw new TokenizerError("a Sequence has no pretokenizers");
      const steps = pretokenizers.map((step) => preTokenizer(objectOf(step)));
      return (pieces) => steps.reduce((cutSoFar, step) => step(cutSoFar), pieces);
    }
    case "ByteLevel": {
      const words = toRegExp(gpt2Words);
      const prefix = node.add_prefix_space === true;
      const regex = node.use_regex !== false;
      return (pieces) => {
        const spaced = prefix
          ? pieces.map((piece) => (piece.text.startsWith(" ") ? piece : { ...piece, text: ` ${piece.text}` }))
          : pieces;
        const parts = regex ? splitAt(words, "Isolated")(spaced) : spaced;
        return parts.map(({ text, first }) => ({ text: toByteLetters(text), first }));
      };
    }
    case "Split":
      return splitAt(patternOf(node.pattern), behavior("Isolated"), node.invert === true);
    case "Metaspace":
      return metaspace(node);
    case "Whitespace":
      return splitAt(new RegExp(`[${word}]+|[^${word}\\p{White_Space}]+`, "gu"), "Removed", true);
    case "WhitespaceSplit":
      return splitAt(/\p{White_Space}/gu, "Removed");
    case "BertPreTokenizer": {
      const apart = splitAt(new RegExp(punctuation, "gu"), "Isolated");
      return (pieces) => apart(splitAt(/\p{White_Space}/gu, "Removed")(pieces));
    }
    case "Punctuation":
      return splitAt(new RegExp(punctuation, "gu"), behavior("Isolated"));
    case "Digits":
      return splitAt(/\p{N}/gu, node.individual_digits === true ? "Isolated" : "Contiguous");
    case "CharDelimiterSplit":
      return splitAt(patternOf(node.delimiter), "Removed");
    case "FixedLength": {
      const { length = 5 } = node;
      if (!Number.isSafeInteger(length) || (length as number) < 1)
        throw new TokenizerError(`a FixedLength has the length ${JSON.stringify(length)}`);
      return each((piece) => fixedLength(piece, length as number));
    }
    default:
      throw new TokenizerError(`the pre-tokenizer ${JSON.stringify(node.type)} is not known`);
  }
}

/** @throws TokenizerError for what is no part of a tokenizer. */
export function objectOf(node: unknown): JsonNode {
  if (typeof node === "object" && node !== null && !Array.isArray(node)) return node as JsonNode;
  throw new TokenizerError(`a part is ${JSON.stringify(node) ?? "missing"} where an object was expected`);
}

/** What a Metaspace, as pre-tokenizer or decoder, says of its letter and of the one before a text. */
export function metaspaceOptions(node: JsonNode): { letter: string; scheme: "always" | "first" | "never" } {
  const { replacement = "▁", add_prefix_space } = node;
  const scheme = String(node.prepend_scheme ?? (add_prefix_space === false ? "never" : "always")).toLowerCase();
  if (typeof replacement !== "string" || [...replacement].length !== 1)
    throw new TokenizerError(`a Metaspace has the replacement ${JSON.stringify(replacement)}`);
  if (scheme !== "always" && scheme !== "first" && scheme !== "never")
    throw new TokenizerError(`a Metaspace has the prepend_scheme ${JSON.stringify(scheme)}`);
  return { letter: replacement, scheme };
}

function metaspace(node: JsonNode): PreTokenizer {
  const { letter, scheme } = metaspaceOptions(node);
  const split = node.split !== false;
  const pattern = patternOf({ String: letter });
  return each((piece) => {
    let text = piece.text.replaceAll(" ", letter);
    const wanted = scheme === "always" || (scheme === "first" && piece.first);
    if (wanted && !text.startsWith(letter)) text = letter + text;
    const whole = { text, first: piece.first };
    return split ? cut(whole, matchesOf(pattern, text), "MergedWithNext") : [whole];
  });
}

function fixedLength({ text, first }: Piece, length: number): Piece[] {
  const pieces: Piece[] = [];
  const letters = Array.from(text);
  checkLength(letters.length);
  for (let at = 0; at < letters.length; at += length)
    pieces.push({ text: letters.slice(at, at + length).join(""), first: first && at === 0 });
  return pieces;
}
