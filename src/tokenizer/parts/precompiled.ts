/**
 * SentencePiece's own table of replacements: a trie of byte sequences in a double array (as the library darts writes
 * it), and the texts that they become, ended by zeros.
 */
import { TokenizerError } from "./bounds";

const utf8 = new TextEncoder();
const text = new TextDecoder();

/** @param map The table in base64, `precompiled_charsmap`. @throws TokenizerError where it is damaged. */
export function precompiled(map: unknown): (text: string) => string {
  if (typeof map !== "string" || map === "") throw new TokenizerError("a Precompiled has no precompiled_charsmap");
  const data = Buffer.from(map, "base64");
  const size = data.length >= 4 ? data.readUInt32LE(0) : 0;
  if (size === 0 || size % 4 !== 0 || data.length < 4 + size)
    throw new TokenizerError("its precompiled_charsmap is damaged");
  const units = Uint32Array.from({ length: size / 4 }, (_, i) => data.readUInt32LE(4 + 4 * i));
  const texts = data.subarray(4 + size);
  const segments = new Intl.Segmenter("en", { granularity: "grapheme" });

  /** What the shortest prefix that has a replacement becomes; undefined where none has. */
  const replacement = (piece: string): string | undefined => {
    const bytes = utf8.encode(piece);
    let unit = units[0] as number;
    let at = offsetOf(unit);
    for (const byte of bytes) {
      if (byte === 0) return undefined;
      at ^= byte;
      unit = units[at] ?? 0;
      if ((unit & 0x800000ff) !== byte) return undefined;
      at ^= offsetOf(unit);
      if ((unit >>> 8) & 1) {
        const start = (units[at] ?? 0) & 0x7fffffff;
        const end = texts.indexOf(0, start);
        return text.decode(texts.subarray(start, end < 0 ? texts.length : end));
      }
    }
    return undefined;
  };

  return (given) => {
    let result = "";
    for (const { segment } of segments.segment(given)) {
      const whole = utf8.encode(segment).length < 6 ? replacement(segment) : undefined;
      if (whole !== undefined) result += whole;
      else for (const character of segment) result += replacement(character) ?? character;
    }
    return result;
  };
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 512) >>> 6);
}
