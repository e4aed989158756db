/** What JSX makes where it is calls of a function that the text names, `h` or `React.createElement`. */
import ts from "typescript";
import type { Scan } from "./scan";
import type { Language } from "./transpile";

const PRAGMA = /@jsx[ \t]+([\w$.]+)/;
const FRAGMENT_PRAGMA = /@jsxFrag[ \t]+([\w$.]+)/;

/** Whether a text says itself what its JSX makes. */
export function asksForJsx(text: string): boolean {
  return /@jsx(?:ImportSource)?\b/.test(text);
}

/** The functions that elements and fragments are made by; undefined when the compiler imports its own. */
export function jsxFactories(
  { file, jsx }: Scan,
  language: Language,
): { element: string; fragment: string } | undefined {
  if (!jsx) return undefined;
  const named = PRAGMA.exec(file.text)?.[1];
  const isClassic =
    language.jsx === undefined ? !/@jsxImportSource\b/.test(file.text) : language.jsx === ts.JsxEmit.React;
  if (named === undefined && !isClassic) return undefined;
  return {
    element: named ?? language.jsxFactory ?? "React.createElement",
    fragment: FRAGMENT_PRAGMA.exec(file.text)?.[1] ?? language.jsxFragmentFactory ?? "React.Fragment",
  };
}

/** The name that an expression such as `React.createElement` begins with. */
export function rootOf(expression: string): string {
  return expression.split(".", 1)[0] as string;
}

/** The text whose pragmas name no functions, at the same length. */
export function withoutPragmas(text: string): string {
  return text.replace(/@jsx(?=(?:Frag)?[ \t])/g, "@j-x");
}
