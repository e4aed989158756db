/**
 * Rewrites the parts of tokenizer.json that @huggingface/tokenizers 0.2.0 takes otherwise than the Rust library into
 * parts that mean the same and are taken alike.
 */
import { type AddedTokenJson, gpt2Words, type JsonNode, split, type TokenizerJson } from "./spec";

/** Equivalent parts, and what has to be done to a text before it is encoded with them. */
export interface Repaired {
  json: TokenizerJson;
  /** Takes out the white space that added tokens swallow. */
  strip: (text: string) => string;
}

/** The given object stays as it is. */
export function repaired(json: TokenizerJson): Repaired {
  const pre_tokenizer = json.pre_tokenizer && repairPreTokenizer(json.pre_tokenizer);
  const added_tokens = json.added_tokens.map((token) =>
    token.normalized ? token : { ...token, lstrip: false, rstrip: false },
  );
  return { json: { ...json, pre_tokenizer, added_tokens }, strip: stripper(json.added_tokens) };
}

/** The library's `lstrip` and `rstrip` know JavaScript's white space, Rust's know Unicode's. */
function stripper(added: AddedTokenJson[]): (text: string) => string {
  const tokens = new Map(added.filter(({ normalized }) => !normalized).map((token) => [token.content, token]));
  if (![...tokens.values()].some(({ lstrip, rstrip }) => lstrip || rstrip)) return (text) => text;
  const longestFirst = [...tokens.keys()].sort((a, b) => b.length - a.length);
  const alternatives = longestFirst.map((content) => content.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("|");
  const pattern = new RegExp(`(${alternatives})`, "u");
  return (text) => {
    // Text and tokens in turn: every odd part is a token.
    const parts = text.split(pattern);
    for (let i = 1; i < parts.length; i += 2) {
      const { lstrip, rstrip } = tokens.get(parts[i] as string) ?? {};
      if (lstrip) parts[i - 1] = (parts[i - 1] as string).replace(/\p{White_Space}+$/u, "");
      if (rstrip) parts[i + 1] = (parts[i + 1] as string).replace(/^\p{White_Space}+/u, "");
    }
    return parts.join("");
  };
}

function repairPreTokenizer(node: JsonNode): JsonNode {
  switch (node.type) {
    case "Sequence": {
      const parts = node.pretokenizers;
      return Array.isArray(parts) ? { ...node, pretokenizers: parts.map(repairPreTokenizer) } : node;
    }
    case "Digits":
      // Its digits are ASCII's; Rust's are every script's, fractions and Roman numerals too.
      return split(node.individual_digits === true ? "\\p{N}" : "\\p{N}+");
    case "ByteLevel":
      // Its white space is JavaScript's, which counts U+FEFF in and U+0085 out; the words are cut apart before.
      if (node.use_regex === false || node.add_prefix_space === true) return node;
      return { type: "Sequence", pretokenizers: [split(gpt2Words), { ...node, use_regex: false }] };
    case "WhitespaceSplit":
      // The same two characters again.
      return { ...split("\\p{White_Space}+"), behavior: "Removed" };
    case "Split":
      return { ...node, pattern: foldCase(node.pattern) };
    case "Metaspace": {
      if (node.split === false) return node;
      // It leaves the words together; Rust's begin with each replacement.
      const space = typeof node.replacement === "string" ? node.replacement : "▁";
      return { type: "Sequence", pretokenizers: [node, split(`${space}[^${space}]*|[^${space}]+`)] };
    }
    default:
      return node;
  }
}

/** Without regard to case ſ is an s and K (the kelvin) a k to Rust; the library folds ASCII alone. */
function foldCase(pattern: unknown): unknown {
  const { Regex } = (pattern ?? {}) as { Regex?: unknown };
  if (typeof Regex !== "string") return pattern;
  const wider = (body: string) =>
    body.replace(/\[[^\]]*\]|[sk]/gi, (part) => {
      const letters = part.replace(/s/gi, "sſ").replace(/k/gi, "k\u212a");
      return part.startsWith("[") ? letters : `[${letters}]`;
    });
  // Groups of letters and classes of them, as contractions are: no escapes, no groups inside.
  return { Regex: Regex.replace(/\(\?i:([^()\\]*)\)/g, (_, body: string) => `(?i:${wider(body)})`) };
}
