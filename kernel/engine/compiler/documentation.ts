/** Documentation comments as text. */
import ts from "typescript";

export const textOf = (parts: readonly ts.SymbolDisplayPart[] | undefined): string =>
  ts.displayPartsToString(parts as ts.SymbolDisplayPart[]);

/** Documentation as text: links are their words. */
export function documentationOf(parts: readonly ts.SymbolDisplayPart[] | undefined): string {
  return textOf(parts).replace(/\{@link(?:code|plain)?\s+(?:[^}|]*\|)?\s*([^}|]*?)\s*\}/g, "$1");
}

/** The tags of a comment, one a line. */
export function tagsText(tags: readonly ts.JSDocTagInfo[] | undefined): string {
  return (tags ?? []).map(({ name, text }) => `@${name} ${documentationOf(text)}`.trimEnd()).join("\n");
}
