/**
 * Turns token ids back into text, all at once or as they come. The same decoder serves both, so that the pieces of a
 * stream joined are the text of the whole. The results are those of the Rust library `tokenizers`.
 */
import type { JsonNode } from "./spec";

/** Decodes one sequence, piece by piece; what a later token could still change is held back. */
export interface StreamDecoder {
  /** The text that this token makes certain. */
  push(token: string): string;
  /** The rest. */
  end(): string;
}

/** Makes a decoder for each sequence. */
export type DecoderFactory = () => StreamDecoder;

/**
 * The decoder that tokenizer.json's `decoder` describes: byte level (GPT-2, Llama 3, SmolLM2) and SentencePiece with
 * bytes (Llama 2, Phi-3) by code of our own, every other by `whole`, which decodes a whole sequence.
 */
export function decoderFactory(node: JsonNode | null, whole: (tokens: string[]) => string): DecoderFactory {
  if (node?.type === "ByteLevel") return () => new ByteLevelDecoder();
  const steps = node?.type === "Sequence" && Array.isArray(node.decoders) ? (node.decoders as JsonNode[]) : [];
  const [replace, bytes, fuse, strip, ...more] = steps;
  const sentencePiece =
    replace?.type === "Replace" &&
    (replace.pattern as JsonNode | undefined)?.String === "▁" &&
    replace.content === " " &&
    bytes?.type === "ByteFallback" &&
    fuse?.type === "Fuse" &&
    (strip === undefined || (strip.type === "Strip" && strip.content === " " && strip.stop === 0)) &&
    more.length === 0;
  if (sentencePiece) {
    const spaces = typeof strip?.start === "number" ? strip.start : 0;
    return () => new SentencePieceDecoder(spaces);
  }
  return () => new WholeDecoder(whole);
}

/** GPT-2's alphabet: the printable characters that stand for the 256 bytes. */
const byteOf = new Map<string, number>();
for (let byte = 0, spare = 256; byte < 256; byte++) {
  const printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  byteOf.set(String.fromCharCode(printable ? byte : spare++), byte);
}

const utf8 = new TextEncoder();

class ByteLevelDecoder implements StreamDecoder {
  readonly #text = new TextDecoder("utf-8", { ignoreBOM: true });

  push(token: string): string {
    const bytes: number[] = [];
    for (const character of token) {
      const byte = byteOf.get(character);
      // An added token with other characters stands for itself.
      if (byte === undefined) return this.#text.decode(utf8.encode(token), { stream: true });
      bytes.push(byte);
    }
    return this.#text.decode(Uint8Array.from(bytes), { stream: true });
  }

  end(): string {
    return this.#text.decode();
  }
}

class SentencePieceDecoder implements StreamDecoder {
  /** Spaces still to be taken from the text's start. */
  #strip: number;
  /** A run of byte tokens: valid as a whole, or a replacement character for each. */
  #bytes: number[] = [];

  constructor(strip: number) {
    this.#strip = strip;
  }

  push(token: string): string {
    const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)?.[1];
    if (byte !== undefined) {
      this.#bytes.push(Number.parseInt(byte, 16));
      return "";
    }
    return this.#stripped(this.#flush() + token.replaceAll("▁", " "));
  }

  end(): string {
    return this.#stripped(this.#flush());
  }

  #flush(): string {
    if (this.#bytes.length === 0) return "";
    const bytes = Uint8Array.from(this.#bytes);
    this.#bytes = [];
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      return "\ufffd".repeat(bytes.length);
    }
  }

  #stripped(text: string): string {
    let start = 0;
    while (this.#strip > 0 && text[start] === " ") {
      start++;
      this.#strip--;
    }
    if (start < text.length) this.#strip = 0;
    return text.slice(start);
  }
}

/** Any other decoder works on whole sequences: what it gave before is held against what it gives with one token more. */
class WholeDecoder implements StreamDecoder {
  readonly #tokens: string[] = [];
  #given = "";

  constructor(readonly decode: (tokens: string[]) => string) {}

  push(token: string): string {
    this.#tokens.push(token);
    return this.#more(stablePart(this.decode(this.#tokens)));
  }

  end(): string {
    return this.#more(this.decode(this.#tokens));
  }

  #more(text: string): string {
    if (!text.startsWith(this.#given)) return "";
    const more = text.slice(this.#given.length);
    this.#given = text;
    return more;
  }
}

/** Without the last word: later tokens may join it, change the space before it or make half a character whole. */
function stablePart(text: string): string {
  return text.slice(0, Math.max(0, text.lastIndexOf(" ")));
}

/** Takes out the spaces before punctuation and contractions, as transformers' `clean_up_tokenization_spaces` does. */
export function cleanUpSpaces(text: string): string {
  return text
    .replaceAll(" .", ".")
    .replaceAll(" ?", "?")
    .replaceAll(" !", "!")
    .replaceAll(" ,", ",")
    .replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't")
    .replaceAll(" 'm", "'m")
    .replaceAll(" 's", "'s")
    .replaceAll(" 've", "'ve")
    .replaceAll(" 're", "'re");
}

/** Cleans as {@link cleanUpSpaces} does, holding back the last characters, which the next ones may turn into a pattern. */
export class CleaningDecoder implements StreamDecoder {
  readonly #inner: StreamDecoder;
  #text = "";
  #given = 0;

  constructor(inner: StreamDecoder) {
    this.#inner = inner;
  }

  push(token: string): string {
    this.#text += this.#inner.push(token);
    // No pattern is longer than four characters, and one that has been replaced can begin one more.
    return this.#more(-8);
  }

  end(): string {
    this.#text += this.#inner.end();
    return this.#more(undefined);
  }

  #more(end: number | undefined): string {
    const text = cleanUpSpaces(this.#text).slice(0, end);
    const more = text.slice(this.#given);
    this.#given = Math.max(this.#given, text.length);
    return more;
  }
}
