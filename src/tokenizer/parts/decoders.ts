/**
 * tokenizer.json's `decoder`: from tokens to text, token by token, so that a stream and a whole sequence take one way, in
 * a time linear in the tokens. The results are the Rust library's.
 */
import type { JsonNode } from "../spec";
import { checkLength, TokenizerError } from "./bounds";
import { asciiOf, fromByteLetters } from "./bytes";
import { matchesOf } from "./pieces";
import { metaspaceOptions, objectOf } from "./pre_tokenizers";
import { patternOf } from "./regex";

/** Rewrites tokens as they come; what a later one could still change is held back. */
export interface Step {
  push(token: string): string[];
  end(): string[];
}

const nothing: string[] = [];

/** One token for one, and whether it is the first. */
class Each implements Step {
  #first = true;
  constructor(readonly rewrite: (token: string, first: boolean) => string) {}
  push(token: string): string[] {
    const first = this.#first;
    this.#first = false;
    return [this.rewrite(token, first)];
  }
  end(): string[] {
    return nothing;
  }
}

/** Runs of tokens like `<0xE4>` are bytes: valid UTF-8 as a whole, or a replacement character for each. */
class ByteFallback implements Step {
  #bytes: number[] = [];

  push(token: string): string[] {
    // Rust's numbers may have a plus sign.
    const byte = /^<0x([0-9A-Fa-f]{2}|\+[0-9A-Fa-f])>$/.exec(token)?.[1];
    if (byte === undefined) return [...this.#flush(), token];
    this.#bytes.push(Number.parseInt(byte, 16));
    return nothing;
  }
  end(): string[] {
    return this.#flush();
  }
  #flush(): string[] {
    if (this.#bytes.length === 0) return nothing;
    const bytes = Uint8Array.from(this.#bytes);
    this.#bytes = [];
    try {
      return [new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)];
    } catch {
      return Array.from(bytes, () => "\ufffd");
    }
  }
}

/** BPE's ends of words become spaces, but for the last token's. */
class BpeSuffix implements Step {
  #held: string | undefined;
  constructor(readonly suffix: string) {}
  push(token: string): string[] {
    const before = this.#held;
    this.#held = token;
    return before === undefined ? nothing : [before.replaceAll(this.suffix, " ")];
  }
  end(): string[] {
    return this.#held === undefined ? nothing : [this.#held.replaceAll(this.suffix, "")];
  }
}

/** Speech: a token that repeats is one, and one stands for silence. */
class Ctc implements Step {
  #last: string | undefined;
  constructor(readonly rewrite: (token: string) => string) {}
  push(token: string): string[] {
    if (token === this.#last) return nothing;
    this.#last = token;
    const text = this.rewrite(token);
    return text === "" ? nothing : [text];
  }
  end(): string[] {
    return nothing;
  }
}

/** Bytes to text; a character may lie across tokens. */
class ByteLevel implements Step {
  readonly #text = new TextDecoder("utf-8", { ignoreBOM: true });
  /** Whether a character may have begun that is not whole. */
  #open = false;

  push(token: string): string[] {
    const plain = asciiOf(token);
    if (plain !== undefined && !this.#open) return [plain];
    this.#open = plain === undefined;
    return [this.#text.decode(fromByteLetters(token), { stream: true })];
  }
  end(): string[] {
    return [this.#text.decode()];
  }
}

/** Takes up to so many of a character from the ends of a text that comes in parts. */
class StripText implements Step {
  #left: number;
  #held = "";
  constructor(
    readonly character: string,
    start: number,
    readonly stop: number,
  ) {
    this.#left = start;
  }
  push(part: string): string[] {
    let text = part;
    while (this.#left > 0 && text.startsWith(this.character)) {
      text = text.slice(this.character.length);
      this.#left--;
    }
    if (text !== "") this.#left = 0;
    if (this.stop === 0) return [text];
    text = this.#held + text;
    let kept = text.length;
    for (let i = 0; i < this.stop && text.endsWith(this.character, kept) && kept > 0; i++)
      kept -= this.character.length;
    this.#held = text.slice(kept);
    return [text.slice(0, kept)];
  }
  end(): string[] {
    return nothing;
  }
}

/** What needs a whole text gets it at the end. */
class AtEnd implements Step {
  #text = "";
  constructor(readonly steps: Step[]) {}
  push(part: string): string[] {
    this.#text += part;
    return nothing;
  }
  end(): string[] {
    return [...run(this.steps, this.#text), ...finish(this.steps)];
  }
}

/** Through all steps. */
export function run(steps: readonly Step[], token: string): string[] {
  let tokens = [token];
  for (const step of steps)
    tokens = tokens.length === 1 ? step.push(tokens[0] as string) : tokens.flatMap((one) => step.push(one));
  return tokens;
}

/** What the steps have held back, in the order in which it comes out. */
export function finish(steps: readonly Step[]): string[] {
  return steps.flatMap((step, i) => step.end().flatMap((token) => run(steps.slice(i + 1), token)));
}

/** Makes the steps of one sequence. */
export type StepsFactory = () => Step[];

/** @throws TokenizerError for a decoder that is not known, or lacks what it needs. */
export function decoderSteps(node: JsonNode | null): StepsFactory {
  if (node === null) return () => [new Each((token, first) => (first ? token : ` ${token}`))];
  const nodes = flat(node);
  const makers = nodes.map(step);
  const fuse = nodes.findIndex(({ type }) => type === "Fuse" || type === "ByteLevel");
  const after = nodes[fuse + 1];
  if (fuse < 0 || after === undefined) return () => makers.map((make) => make());
  const before = makers.slice(0, fuse + 1);
  if (nodes.length === fuse + 2 && after.type === "Strip") {
    const { character, start, stop } = stripOptions(after);
    return () => [...before.map((make) => make()), new StripText(character, start, stop)];
  }
  const rest = makers.slice(fuse + 1);
  return () => [...before.map((make) => make()), new AtEnd(rest.map((make) => make()))];
}

function flat(node: JsonNode): JsonNode[] {
  if (node.type !== "Sequence") return [node];
  if (!Array.isArray(node.decoders)) throw new TokenizerError("a Sequence has no decoders");
  return node.decoders.flatMap((step) => flat(objectOf(step)));
}

function textOption(node: JsonNode, name: string, fallback?: string): string {
  const { [name]: value = fallback } = node;
  if (typeof value === "string") return value;
  throw new TokenizerError(`its decoder ${String(node.type)} has no ${name}`);
}

function stripOptions(node: JsonNode): { character: string; start: number; stop: number } {
  const count = (name: string) => (typeof node[name] === "number" ? (node[name] as number) : 0);
  return { character: textOption(node, "content", " "), start: count("start"), stop: count("stop") };
}

function step(node: JsonNode): () => Step {
  switch (node.type) {
    case "ByteLevel":
      return () => new ByteLevel();
    case "ByteFallback":
      return () => new ByteFallback();
    case "Fuse":
      // What follows sees that the parts are one text.
      return () => new Each((token) => token);
    case "Replace": {
      const pattern = patternOf(node.pattern);
      const content = textOption(node, "content");
      return () => new Each((token) => replaced(token, pattern, content));
    }
    case "Strip": {
      const { character, start, stop } = stripOptions(node);
      return () => new Each((token) => stripped(token, character, start, stop));
    }
    case "WordPiece": {
      const prefix = textOption(node, "prefix", "##");
      const cleanup = node.cleanup !== false;
      return () =>
        new Each((token, first) => {
          const joined = first ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
          return cleanup ? cleaned(joined) : joined;
        });
    }
    case "BPEDecoder": {
      const suffix = textOption(node, "suffix", "</w>");
      return () => new BpeSuffix(suffix);
    }
    case "Metaspace": {
      const { letter, scheme } = metaspaceOptions(node);
      return () => new Each((token, first) => token.replaceAll(letter, first && scheme !== "never" ? "" : " "));
    }
    case "CTC": {
      const [pad, delimiter] = [textOption(node, "pad_token", "<pad>"), textOption(node, "word_delimiter_token", "|")];
      const cleanup = node.cleanup !== false;
      const rewrite = (token: string) => {
        const text = token.replaceAll(pad, "");
        return cleanup ? cleaned(text).replaceAll(delimiter, " ") : text;
      };
      return () => new Ctc(rewrite);
    }
    default:
      throw new TokenizerError(`the decoder ${JSON.stringify(node.type)} is not known`);
  }
}

function replaced(token: string, pattern: RegExp, content: string): string {
  let [result, last] = ["", 0];
  for (const [start, stop] of matchesOf(pattern, token)) {
    result += token.slice(last, start) + content;
    checkLength(result.length);
    last = stop;
  }
  return result + token.slice(last);
}

function stripped(token: string, character: string, start: number, stop: number): string {
  let [from, to] = [0, token.length];
  for (let i = 0; i < start && token.startsWith(character, from) && from < to; i++) from += character.length;
  for (let i = 0; i < stop && token.endsWith(character, to) && from < to; i++) to -= character.length;
  return token.slice(from, to);
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

/** The Rust library's own taking out of spaces, which has a word more. */
function cleaned(text: string): string {
  return cleanUpSpaces(text).replaceAll(" do not", " don't");
}
