/**
 * Turns token ids back into text, all at once or as they come. The same decoder serves both, so that the pieces of a
 * stream joined are the text of the whole.
 */
import type { OptionNames } from "../options";
import { bounded, enter } from "./parts/bounds";
import { cleanUpSpaces, decoderSteps, finish, run, type Step } from "./parts/decoders";
import { knownExpressions } from "./parts/trust";
import type { JsonNode } from "./spec";

/** What `decode` and its like take; the names are transformers'. */
export interface DecodeOptions {
  /** Leaves special tokens such as `<|im_end|>` out. Default: false. */
  skip_special_tokens?: boolean;
  /**
   * Takes out spaces before punctuation. Default: what the tokenizer's files say. A byte-pair tokenizer (every model here
   * has one) never does: its spaces are the text's own, and transformers 5 leaves them too.
   */
  clean_up_tokenization_spaces?: boolean;
}
export const decodeOptions: OptionNames<DecodeOptions> = {
  skip_special_tokens: true,
  clean_up_tokenization_spaces: true,
};

/** Decodes one sequence, piece by piece; what a later token could still change is held back. */
export interface StreamDecoder {
  /** The text that these tokens make certain. */
  push(tokens: readonly string[]): string;
  /** The rest. */
  end(): string;
}

/** Makes a decoder for each sequence. */
export type DecoderFactory = () => StreamDecoder;

/** The decoder that tokenizer.json's `decoder` describes. @throws TokenizerError for one that is not known. */
export function decoderFactory(node: JsonNode | null): DecoderFactory {
  const steps = decoderSteps(node);
  const trusted = knownExpressions(node);
  return () => new ChainDecoder(steps(), trusted);
}

class ChainDecoder implements StreamDecoder {
  /** Characters of all tokens so far, some of which may be held back. */
  #length = 0;

  constructor(
    readonly steps: Step[],
    /** Whether its time is known to be linear in the text. */
    readonly trusted: boolean,
  ) {}

  push(tokens: readonly string[]): string {
    const length = tokens.reduce((sum, token) => sum + token.length, 0);
    this.#length += length;
    const text = () => {
      let result = "";
      for (const token of tokens) result += run(this.steps, token).join("");
      return result;
    };
    if (this.trusted) return text();
    enter("decoder");
    // All of them at once: many that take long are as bad as one.
    return bounded(length, false, text);
  }

  end(): string {
    enter("decoder");
    return bounded(this.#length, this.trusted, () => finish(this.steps).join(""));
  }
}

/** Cleans as {@link cleanUpSpaces} does, holding back what the next characters may turn into a pattern. */
export class CleaningDecoder implements StreamDecoder {
  readonly #inner: StreamDecoder;
  /** What is held back, in pieces: joining them each time would take a time square in the text. */
  #held: string[] = [];
  /** The last character before what comes next. */
  #last = "";

  constructor(inner: StreamDecoder) {
    this.#inner = inner;
  }

  push(tokens: readonly string[]): string {
    const piece = this.#inner.push(tokens);
    if (piece === "") return "";
    // Where no pattern can lie across, nor come to lie there once others are replaced; what is held has no such place.
    let at = piece.length - 1;
    while (at >= 0 && !apart(at > 0 ? (piece[at - 1] as string) : this.#last, piece[at] as string)) at--;
    this.#last = piece.at(-1) as string;
    if (at < 0) {
      this.#held.push(piece);
      return "";
    }
    const text = this.#held.join("") + piece.slice(0, at);
    this.#held = [piece.slice(at)];
    return cleanUpSpaces(text);
  }

  end(): string {
    return cleanUpSpaces(this.#held.join("") + this.#inner.end());
  }
}

/** Whether a text can be cleaned in two halves, between two of its characters. */
function apart(left: string, right: string): boolean {
  if (left === "") return false;
  if (right === " ") return !/[ 'n]/.test(left);
  return !/[ 'vr]/.test(left) && !/[.?!,']/.test(right);
}
