/** Ranges of cells, as IPython writes them: `3`, `1-4 7`, `5-`. */
import type { HistoryCell } from "../../src/magic";

/**
 * The cells of the ranges, in the order of the ranges; all of them where none is given.
 *
 * @throws {Error} for what is no range, and for another session's cells, which this kernel does not keep.
 */
export function cellsIn(history: readonly HistoryCell[], ranges: readonly string[]): HistoryCell[] {
  if (ranges.length === 0) return [...history];
  return ranges.flatMap((range) => {
    if (range.includes("/"))
      throw new Error(`Expected cells of this session but received ${range}: a kernel keeps no others`);
    const found = /^(\d+)(?:([-:])(\d*))?$/.exec(range);
    if (!found) throw new Error(`Expected a range of cells, such as 3 or 1-4, but received ${range}`);
    const [, first, sign, last] = found;
    const from = Number(first);
    // `1-3` holds the third, `1:3` does not.
    const to =
      sign === undefined ? from : last === "" ? Number.POSITIVE_INFINITY : Number(last) - (sign === ":" ? 1 : 0);
    return history.filter(({ count }) => count >= from && count <= to);
  });
}
