/**
 * Rewrites the parts of tokenizer.json that @huggingface/tokenizers 0.2.0 takes otherwise than the Rust library into
 * parts that mean the same and are taken alike.
 */
import { gpt2Words, type JsonNode, split, type TokenizerJson } from "./spec";

/** A copy with equivalent parts; the given object stays as it is. */
export function repaired(json: TokenizerJson): TokenizerJson {
  return { ...json, pre_tokenizer: json.pre_tokenizer && repairPreTokenizer(json.pre_tokenizer) };
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
    default:
      return node;
  }
}
