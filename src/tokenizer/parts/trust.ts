/**
 * Which regular expressions are known to take a time that is linear in a text: those of the models that are known; and how
 * much of them there may be, as V8 makes code of an expression in one go, which nothing ends.
 */
import { knownWords } from "../gguf_pre";
import { gpt2Words } from "../spec";
import { TokenizerError } from "./bounds";

/** Characters in all, and classes of Unicode's, of which V8 takes up to two milliseconds each. Models have some thirty. */
const most = { characters: 100_000, classes: 500 };

const known = new Set([gpt2Words, ...knownWords].map(plain));

/** An expression however its line breaks and groups are spelled. */
function plain(expression: string): string {
  return expression.replaceAll("\r", "\\r").replaceAll("\n", "\\n").replaceAll("\\p{N}{1}", "\\p{N}");
}

/** Whether all expressions in a part of tokenizer.json are known. */
export function knownExpressions(node: unknown): boolean {
  if (typeof node !== "object" || node === null) return true;
  const { Regex } = node as { Regex?: unknown };
  if (typeof Regex === "string" && !known.has(plain(Regex))) return false;
  return Object.values(node).every(knownExpressions);
}

/** @throws TokenizerError where a part of tokenizer.json has more expressions than can be got ready in a second or so. */
export function checkExpressions(...parts: unknown[]): void {
  let characters = 0;
  let classes = 0;
  const walk = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    const { Regex } = node as { Regex?: unknown };
    if (typeof Regex === "string") {
      characters += Regex.length;
      if (characters <= most.characters) classes += Regex.match(/\\[bBdDhHpPRsSwW]|\[:/g)?.length ?? 0;
    }
    for (const inner of Object.values(node)) walk(inner);
  };
  walk(parts);
  if (characters > most.characters || classes > most.classes)
    throw new TokenizerError(
      `its expressions have ${characters} characters and ${classes} classes; expected at most ${most.characters} and ${most.classes}`,
    );
}
