/** Values as text: as Node prints them, nested objects as deep as they are readable, and cut where nobody would read on. */
import { inspect } from "node:util";

/** Lines and characters of a text that is cut; a longer line counts for several. */
const LONGEST = { lines: 200, characters: 20_000 };
/** Up to these a value is shown deeper than Node's two levels. */
const READABLE = { lines: 40, characters: 3_000 };
const DEPTH = 2;
const DEEPEST = 12;

export interface TextOptions {
  /** With ANSI escapes. */
  colors?: boolean;
  /** Everything: no level, item or line is left out. */
  full?: boolean;
}

/** The text of a value; one that cannot be printed is said to be so. */
export function textOf(value: unknown, { colors = false, full = false }: TextOptions = {}): string {
  try {
    if (full) {
      const all = { depth: Number.POSITIVE_INFINITY, maxArrayLength: Number.POSITIVE_INFINITY };
      return typeof value === "string"
        ? value
        : inspect(value, { ...all, maxStringLength: Number.POSITIVE_INFINITY, colors });
    }
    return shorten(deepen(value, colors));
  } catch (error) {
    return `[a value that cannot be shown: ${String(error)}]`;
  }
}

/** Goes a level deeper as long as that says more and stays readable. */
function deepen(value: unknown, colors: boolean): string {
  let text = inspect(value, { depth: DEPTH, colors });
  for (let depth = DEPTH + 1; depth <= DEEPEST && /\[[^\]\n]+\]/.test(text); depth++) {
    // One line for as many levels as fit into it.
    const deeper = inspect(value, { depth, colors, compact: depth + 1 });
    if (deeper === text || !isReadable(deeper)) {
      break;
    }
    text = deeper;
  }
  return text;
}

function isReadable(text: string): boolean {
  return text.length <= READABLE.characters && text.split("\n").length <= READABLE.lines;
}

/** The beginning of a long text and how much is missing. */
function shorten(text: string): string {
  const lines = text.split("\n");
  if (text.length <= LONGEST.characters && lines.length <= LONGEST.lines) {
    return text;
  }
  let kept = lines.slice(0, LONGEST.lines).join("\n");
  if (kept.length > LONGEST.characters) {
    kept = kept.slice(0, LONGEST.characters).replace(CUT_ESCAPE, "");
  }
  const reset = kept.includes("\x1b") ? "\x1b[39m" : "";
  const missing = [
    lines.length > LONGEST.lines ? `${(lines.length - LONGEST.lines).toLocaleString("en")} lines` : "",
    `${(text.length - kept.length).toLocaleString("en")} characters`,
  ].filter(Boolean);
  return `${kept}${reset}\n… ${missing.join(", ")} more; display.full(value) shows all`;
}

/** An escape sequence or a pair of surrogates that the cut has gone through. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are escape sequences.
const CUT_ESCAPE = /(?:\x1b\[?[\d;]*|[\ud800-\udbff])$/;
