/** The pieces that a text is cut into before it becomes tokens, and the five ways to cut at a match. */

/** A piece of the text. */
export interface Piece {
  text: string;
  /** Whether it begins where the whole text begins. */
  first: boolean;
}

/** Where a pattern matches: from, to. */
export type Matches = Iterable<readonly [start: number, stop: number]>;

export const behaviors = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"] as const;
export type Behavior = (typeof behaviors)[number];

/**
 * Cuts a text at what matches.
 *
 * @param invert Takes what does not match for what does.
 */
export function cut(piece: Piece, matches: Matches, behavior: Behavior, invert = false): Piece[] {
  const { text } = piece;
  const spans: [start: number, stop: number, match: boolean][] = [];
  let last = 0;
  for (const [start, stop] of matches) {
    if (start > last) spans.push([last, start, invert]);
    spans.push([start, stop, !invert]);
    last = stop;
  }
  if (last < text.length) spans.push([last, text.length, invert]);
  const kept = behavior === "Removed" ? spans.filter(([, , match]) => !match) : merged(spans, behavior);
  const pieces: Piece[] = [];
  for (const [start, stop] of kept) {
    if (stop > start) pieces.push({ text: text.slice(start, stop), first: piece.first && start === 0 });
  }
  return pieces;
}

type Span = [start: number, stop: number, match: boolean];

function merged(spans: Span[], behavior: Behavior): Span[] {
  if (behavior === "Isolated") return spans;
  const backwards = behavior === "MergedWithNext";
  const result: Span[] = [];
  let before = false;
  for (const span of backwards ? spans.toReversed() : spans) {
    const [start, stop, match] = span;
    const last = result.at(-1);
    const joins = behavior === "Contiguous" ? match === before : match && !before;
    if (joins && last) {
      if (backwards) last[0] = start;
      else last[1] = stop;
    } else result.push([start, stop, match]);
    before = match;
  }
  return backwards ? result.reverse() : result;
}

/** The matches of an expression with the flag "g". */
export function* matchesOf(pattern: RegExp, text: string): Generator<[number, number]> {
  pattern.lastIndex = 0;
  for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
    const stop = found.index + found[0].length;
    if (found[0] === "") pattern.lastIndex = stop + ((text.codePointAt(stop) ?? 0) > 0xffff ? 2 : 1);
    yield [found.index, stop];
  }
}
