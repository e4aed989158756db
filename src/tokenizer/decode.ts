/**
 * Turns token ids back into text, all at once or as they come. The same decoder serves both, so that the pieces of a
 * stream joined are the text of the whole.
 */
import { bounded } from "./parts/bounds";
import { decoderSteps, finish, run, type Step } from "./parts/decoders";
import { knownExpressions } from "./parts/trust";
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

/** The decoder that tokenizer.json's `decoder` describes. @throws TokenizerError for one that is not known. */
export function decoderFactory(node: JsonNode | null): DecoderFactory {
  const steps = decoderSteps(node);
  const trusted = knownExpressions(node);
  return () => new ChainDecoder(steps(), trusted);
}

class ChainDecoder implements StreamDecoder {
  constructor(
    readonly steps: Step[],
    /** Whether its time is known to be linear in the text. */
    readonly trusted: boolean,
  ) {}

  push(token: string): string {
    if (this.trusted) return run(this.steps, token).join("");
    return bounded(token.length, false, () => run(this.steps, token).join(""));
  }

  end(): string {
    return bounded(0, this.trusted, () => finish(this.steps).join(""));
  }
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

/** Cleans as {@link cleanUpSpaces} does, holding back what the next characters may turn into a pattern. */
export class CleaningDecoder implements StreamDecoder {
  readonly #inner: StreamDecoder;
  #held = "";

  constructor(inner: StreamDecoder) {
    this.#inner = inner;
  }

  push(token: string): string {
    const before = this.#held.length;
    this.#held += this.#inner.push(token);
    // Where no pattern can lie across, nor come to lie there once others are replaced; what was held has no such place.
    for (let at = this.#held.length - 1; at >= Math.max(1, before); at--) {
      if (!apart(this.#held[at - 1] as string, this.#held[at] as string)) continue;
      const text = this.#held.slice(0, at);
      this.#held = this.#held.slice(at);
      return cleanUpSpaces(text);
    }
    return "";
  }

  end(): string {
    return cleanUpSpaces(this.#held + this.#inner.end());
  }
}

/** Whether a text can be cleaned in two halves, between two of its characters. */
function apart(left: string, right: string): boolean {
  if (right === " ") return !/[ 'n]/.test(left);
  return !/[ 'vr]/.test(left) && !/[.?!,']/.test(right);
}
