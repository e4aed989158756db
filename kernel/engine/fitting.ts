/** What fits a word that is typed. */

/** Those of `all` that begin with `word` or, if none does, begin with it in other capitals. */
export function fitting<T>(all: readonly T[], word: string, textOf: (each: T) => string): T[] {
  const exact = all.filter((each) => textOf(each).startsWith(word));
  if (exact.length > 0) return exact;
  const wanted = word.toLowerCase();
  return all.filter((each) => textOf(each).toLowerCase().startsWith(wanted));
}
