/** Which positions of a prompt are looked at. */
import { inspect } from "node:util";

/** All, the last, or those with these numbers; negative ones count from the end. */
export type Positions = "all" | "last" | number | readonly number[];

/**
 * The positions, rising, of so many.
 *
 * @throws TypeError or RangeError for what names none.
 */
export function chosenPositions(positions: Positions | null | undefined, count: number): number[] {
  if (positions === undefined || positions === null || positions === "all")
    return Array.from({ length: count }, (_, i) => i);
  if (positions === "last") return [count - 1];
  const list: unknown = typeof positions === "number" ? [positions] : positions;
  if (!Array.isArray(list) || list.length === 0)
    throw new TypeError(`Expected "all", "last" or numbers for positions but received ${inspect(positions)}`);
  return chosenNumbers(list, count, "positions");
}

/**
 * Numbers below `count`, rising, each once; negative ones count from the end.
 *
 * @throws RangeError for one that is not there.
 */
export function chosenNumbers(list: readonly unknown[], count: number, what: string): number[] {
  const numbers = list.map((item) => {
    const number = item as number;
    if (!Number.isInteger(number) || number < -count || number >= count)
      throw new RangeError(`Expected ${what} from ${-count} to ${count - 1} but received ${inspect(item)}`);
    return number < 0 ? number + count : number;
  });
  return [...new Set(numbers)].sort((a, b) => a - b);
}
