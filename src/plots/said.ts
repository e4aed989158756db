/** How numbers, tokens and costs are said below every drawing. */
import type { NamedToken } from "../insight/results";

export { costLine } from "../insight/shown";

/** Bytes in the unit that suits them. */
export function bytesText(bytes: number): string {
  if (bytes >= 2 ** 30) return `${(bytes / 2 ** 30).toFixed(2)} GiB`;
  if (bytes >= 2 ** 20) return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  return bytes >= 1024 ? `${(bytes / 1024).toFixed(1)} KiB` : `${bytes} bytes`;
}

/** A probability in percent, with two digits at least. */
export const percent = (p: number): string =>
  p >= 0.0995 ? `${(p * 100).toFixed(1)}%` : `${(p * 100).toPrecision(2)}%`;

/** The same with no more digits than the eye compares: 77%, 3.1%, 0.042%. */
export const roughly = (p: number): string =>
  `${p >= 0.0995 ? (p * 100).toFixed(0) : p >= 0.00995 ? (p * 100).toFixed(1) : (p * 100).toPrecision(2)}%`;

/** With so many digits behind the point; what is 0 then has no sign. */
export const fixed = (value: number, digits = 2): string =>
  value
    .toFixed(digits)
    .replace(/^-(?=[0.]+$)/, "")
    .replace("-", "−");

/** With its sign, the plus as well. */
export const signed = (value: number, digits = 2): string => fixed(value, digits).replace(/^(?!−)/, "+");

/** A token's score, or the difference to another's: "␣Paris − ␣London". */
export const contrast = (token: NamedToken, against: NamedToken | null): string =>
  against === null ? token.label : `${token.label} − ${against.label}`;
