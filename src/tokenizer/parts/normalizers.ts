/** tokenizer.json's `normalizer`: what happens to a text before it is cut, as the Rust library does it. */
import type { JsonNode } from "../spec";
import { checkLength, enter, TokenizerError } from "./bounds";
import { toByteLetters } from "./bytes";
import { matchesOf } from "./pieces";
import { precompiled } from "./precompiled";
import { objectOf } from "./pre_tokenizers";
import { patternOf } from "./regex";

/** Rewrites a text. */
export type Normalizer = (text: string) => string;

/** One letter at a time: JavaScript writes a sigma at a word's end otherwise. */
const lowercase: Normalizer = (text) => text.replaceAll("Σ", "σ").toLowerCase();
const stripAccents: Normalizer = (text) => text.replace(/\p{M}/gu, "");

function replace(node: JsonNode): Normalizer {
  const pattern = patternOf(node.pattern);
  const { content } = node;
  if (typeof content !== "string") throw new TokenizerError("a Replace has no content");
  return (text) => {
    const parts: string[] = [];
    let last = 0;
    let length = text.length;
    for (const [start, stop] of matchesOf(pattern, text)) {
      length += content.length - (stop - start);
      checkLength(length);
      parts.push(text.slice(last, start), content);
      last = stop;
    }
    return last === 0 && parts.length === 0 ? text : parts.join("") + text.slice(last);
  };
}

function strip(node: JsonNode): Normalizer {
  const [left, right] = [node.strip_left !== false, node.strip_right !== false];
  return (text) => {
    let [start, end] = [0, text.length];
    const blank = (at: number) => /\p{White_Space}/u.test(text[at] as string);
    if (left) while (start < end && blank(start)) start++;
    if (right) while (end > start && blank(end - 1)) end--;
    return text.slice(start, end);
  };
}

/** BERT's: control characters out, Chinese characters apart, accents and case away where it says so. */
function bert(node: JsonNode): Normalizer {
  const lower = node.lowercase !== false;
  const accents = typeof node.strip_accents === "boolean" ? node.strip_accents : lower;
  const chinese =
    /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
  return (given) => {
    let text = given;
    if (node.clean_text !== false) {
      text = text.replace(/\p{C}|\ufffd/gu, (character) => (/[\t\n\r]/.test(character) ? character : ""));
      text = text.replace(/\p{White_Space}/gu, " ");
    }
    if (node.handle_chinese_chars !== false) text = text.replace(chinese, " $& ");
    if (accents) text = text.normalize("NFD").replace(/\p{Mn}/gu, "");
    return lower ? lowercase(text) : text;
  };
}

/** What the toolkit Nmt takes out, and takes for a space. */
const nmtRemoved = new RegExp(`[${"\\x01-\\x08\\x0b\\x0e-\\x1f\\x7f\\x8f\\x9f"}]`, "g");
const nmtSpaces = /[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]/g;

/** @throws TokenizerError for one that is not known, or lacks what it needs. */
export function normalizer(node: JsonNode | null): Normalizer {
  if (node === null) return (text) => text;
  const made = make(node);
  return (text) => {
    enter(`normalizer (${String(node.type)})`);
    const result = made(text);
    checkLength(result.length);
    return result;
  };
}

function make(node: JsonNode): Normalizer {
  switch (node.type) {
    case "Sequence": {
      const { normalizers } = node;
      if (!Array.isArray(normalizers)) throw new TokenizerError("a Sequence has no normalizers");
      const steps = normalizers.map((step) => normalizer(objectOf(step)));
      return (text) => steps.reduce((rewritten, step) => step(rewritten), text);
    }
    case "NFC":
    case "NFD":
    case "NFKC":
    case "NFKD": {
      const { type } = node;
      return (text) => text.normalize(type);
    }
    case "Lowercase":
      return lowercase;
    case "StripAccents":
      return stripAccents;
    case "Strip":
      return strip(node);
    case "Prepend": {
      const { prepend } = node;
      if (typeof prepend !== "string") throw new TokenizerError("a Prepend has nothing to prepend");
      return (text) => (text === "" ? text : prepend + text);
    }
    case "Replace":
      return replace(node);
    case "BertNormalizer":
      return bert(node);
    case "Nmt":
      return (text) => text.replace(nmtRemoved, "").replace(nmtSpaces, " ");
    case "ByteLevel":
      return toByteLetters;
    case "Precompiled":
      return precompiled(node.precompiled_charsmap);
    default:
      throw new TokenizerError(`the normalizer ${JSON.stringify(node.type)} is not known`);
  }
}
