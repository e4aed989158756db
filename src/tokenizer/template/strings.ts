/** Python's ways to cut, pad and replace texts. */
import { blank, isBlank } from "./lexer";
import { spend, spendText } from "./limits";
import { characters, textLength } from "./text";
import { TemplateError, type Value } from "./values";

/** `strip`, `lstrip`, `rstrip`: takes characters of a set, or white space, from the ends. */
export function stripped(text: string, set: string | undefined, side: "left" | "right" | "both"): string {
  if (set !== undefined && (textLength(set) !== set.length || textLength(text) !== text.length)) {
    const letters = characters(text);
    const wanted = new Set(characters(set));
    const [start, end] = ends(letters.length, (i) => wanted.has(letters[i] as string), side);
    return letters.slice(start, end).join("");
  }
  const inSet = set === undefined ? isBlank : (code: number) => set.includes(String.fromCharCode(code));
  const [start, end] = ends(text.length, (i) => inSet(text.charCodeAt(i)), side);
  return text.slice(start, end);
}

function ends(length: number, strip: (i: number) => boolean, side: "left" | "right" | "both"): [number, number] {
  let [start, end] = [0, length];
  if (side !== "right") while (start < end && strip(start)) start++;
  if (side !== "left") while (end > start && strip(end - 1)) end--;
  return [start, end];
}

/** Adds characters at one side. */
export function pad(text: string, count: number, fill: Value, side: "left" | "right"): string {
  if (typeof fill !== "string" || textLength(fill) !== 1)
    throw new TemplateError("The fill character must be exactly one character long");
  if (count <= 0) return text;
  spendText(text.length + count * fill.length);
  return side === "left" ? fill.repeat(count) + text : text + fill.repeat(count);
}

/** Replaces at most `count` times; -1: every time. */
export function replaced(text: string, old: string, by: string, count: number): string {
  spend(text.length);
  const parts = old === "" ? ["", ...characters(text), ""] : text.split(old);
  const times = count < 0 ? parts.length - 1 : Math.min(count, parts.length - 1);
  spendText(text.length + times * (by.length - old.length));
  return (
    parts.slice(0, times + 1).join(by) +
    parts
      .slice(times + 1)
      .map((part) => old + part)
      .join("")
  );
}

/** `split(separator, count)`, or `rsplit`. */
export function split(text: string, separator: string, count: number, fromRight: boolean): string[] {
  if (separator === "") throw new TemplateError("empty separator");
  const parts = text.split(separator);
  if (parts.length - 1 <= count) return parts;
  if (fromRight) {
    const first = parts.length - count;
    return [parts.slice(0, first).join(separator), ...parts.slice(first)];
  }
  return [...parts.slice(0, count), parts.slice(count).join(separator)];
}

const runs = new RegExp(`[^${blank}]+`, "g");

/** `split()` by runs of white space. */
export function spaceSplit(text: string, count: number, fromRight: boolean): string[] {
  const words = [...text.matchAll(runs)];
  if (words.length - 1 <= count) return words.map(([word]) => word);
  if (fromRight) {
    const first = words[words.length - count - 1] as RegExpMatchArray;
    const rest = count === 0 ? [] : words.slice(-count).map(([word]) => word);
    return [text.slice(0, (first.index as number) + first[0].length).replace(new RegExp(`^[${blank}]+`), ""), ...rest];
  }
  const next = words[count] as RegExpMatchArray;
  return [...words.slice(0, count).map(([word]) => word), stripped(text.slice(next.index), undefined, "right")];
}

const lineEnd = "\\n\\r\\v\\f\\x1c-\\x1e\\x85\\u2028\\u2029";
const lineWithEnd = new RegExp(`[^${lineEnd}]*(?:\\r\\n|[${lineEnd}]|$)`, "g");
const lastEnd = new RegExp(`(?:\\r\\n|[${lineEnd}])$`);

/** `splitlines()`: by every character that Python takes for the end of a line. */
export function splitLines(text: string, keep = false): string[] {
  const lines = text.match(lineWithEnd) ?? [];
  if (lines.at(-1) === "") lines.pop();
  return keep ? lines : lines.map((line) => line.replace(lastEnd, ""));
}

/** Each word's first letter large, the others small. */
export function titled(text: string): string {
  return text.replace(/\p{L}[\p{L}\p{M}]*/gu, (word) => {
    const [first = "", ...rest] = word;
    return first.toUpperCase() + rest.join("").toLowerCase();
  });
}
