/** Lines for the reader, about choices that were made for them. */

const printed = new Set<string>();

/** Prints a line once in a process, however often the choice is made; undefined: nothing. */
export function sayOnce(line: string | undefined): void {
  if (line === undefined || printed.has(line)) return;
  printed.add(line);
  console.log(line);
}
