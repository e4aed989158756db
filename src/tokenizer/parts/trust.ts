/** Which regular expressions are known to take a time that is linear in a text: those of the models that are known. */
import { knownWords } from "../gguf_pre";
import { gpt2Words } from "../spec";

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
