/** Tensors as PyTorch prints them (torch/_tensor_str.py's rules at its default options: precision 4, 80 columns). */
import { sizeOf } from "./shape";

const precision = 4;
const threshold = 1000;
const edge = 3;
const columns = 80;

/** What printing must know of a tensor. */
export interface Printable {
  readonly dims: readonly number[];
  /** All elements, row-major. */
  readonly values: ArrayLike<number | bigint | boolean>;
  readonly floating: boolean;
  /** Said after the elements: `dtype=torch.int32`. */
  readonly suffixes: readonly string[];
}

/** The text, `tensor([[1., 2.]])`. */
export function formatTensor({ dims, values, floating, suffixes }: Printable): string {
  const prefix = "tensor(";
  const size = sizeOf(dims);
  if (size === 0) {
    const shape = dims.length === 1 ? [] : [`size=(${dims.join(", ")}${dims.length === 1 ? "," : ""})`];
    return withSuffixes(`${prefix}[]`, [...shape, ...suffixes], prefix.length);
  }
  const summarize = size > threshold;
  const shown = summarize ? edgeIndices(dims) : Array.from({ length: size }, (_, i) => i);
  const format = floating
    ? floatFormatter(shown.map((i) => Number(values[i])))
    : plainFormatter(shown.map((i) => name(values[i] as number)));
  const body = nested(dims, 0, prefix.length, summarize, (i) => format(values[i] as number));
  return withSuffixes(prefix + body, suffixes, prefix.length);
}

const name = (value: number | bigint | boolean): string =>
  typeof value === "boolean" ? (value ? "True" : "False") : String(value);

type Format = (value: number | bigint | boolean) => string;

function plainFormatter(names: string[]): Format {
  const width = Math.max(...names.map((one) => one.length));
  return (value) => name(value).padStart(width);
}

/** One form for all numbers shown: whole, with decimals, or in scientific notation. */
function floatFormatter(values: number[]): Format {
  const finite = values.filter((value) => Number.isFinite(value) && value !== 0);
  const sizes = finite.map(Math.abs);
  const [least, most] = [Math.min(...sizes), Math.max(...sizes)];
  const whole = finite.every(Number.isInteger);
  const scientific = finite.length > 0 && (most / least > 1000 || most > 1e8 || least < 1e-4);
  const text = (value: number): string => {
    if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
    if (scientific) return exponential(value);
    return whole ? `${fixed(value, 0)}.` : fixed(value, precision);
  };
  const width = Math.max(1, ...finite.map((value) => text(value).length));
  return (value) => text(Number(value)).padStart(width);
}

/** Python's `{:.nf}`: exact ties go to the even digit, and zero keeps its sign. */
function fixed(value: number, digits: number): string {
  const scale = 10 ** digits;
  const doubled = Math.abs(value) * 2 * scale;
  let text = Math.abs(value).toFixed(digits);
  if (doubled % 2 === 1 && doubled / (2 * scale) === Math.abs(value) && ((doubled - 1) / 2) % 2 === 0)
    text = ((doubled - 1) / 2 / scale).toFixed(digits);
  return value < 0 || Object.is(value, -0) ? `-${text}` : text;
}

/** Python's `{:.4e}`: an exponent has at least two digits. */
function exponential(value: number): string {
  const text = Math.abs(value)
    .toExponential(precision)
    .replace(/e([+-])(\d)$/, "e$10$2");
  return value < 0 || Object.is(value, -0) ? `-${text}` : text;
}

/** Row-major indices of the elements that a summary shows. */
function edgeIndices(dims: readonly number[]): number[] {
  let indices = [0];
  for (const dim of dims) {
    const kept = dim > 2 * edge ? [0, 1, 2, dim - 3, dim - 2, dim - 1] : Array.from({ length: dim }, (_, i) => i);
    indices = indices.flatMap((index) => kept.map((i) => index * dim + i));
  }
  return indices;
}

function nested(
  dims: readonly number[],
  first: number,
  indent: number,
  summarize: boolean,
  format: (index: number) => string,
): string {
  const [dim, ...inner] = dims;
  if (dim === undefined) return format(first).trim();
  const stride = sizeOf(inner);
  const cut = summarize && dim > 2 * edge;
  const item = (i: number): string =>
    inner.length === 0 ? format(first + i) : nested(inner, first + i * stride, indent + 1, summarize, format);
  const range = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => item(from + i));
  if (inner.length > 0) {
    const items = cut ? [...range(0, edge), "...", ...range(dim - edge, dim)] : range(0, dim);
    return `[${items.join(`,${"\n".repeat(dims.length - 1)}${" ".repeat(indent + 1)}`)}]`;
  }
  const items = cut ? [...range(0, edge), " ...", ...range(dim - edge, dim)] : range(0, dim);
  const width = (items[0] ?? "").length + 2;
  const perLine = Math.max(1, Math.floor((columns - indent) / width));
  const lines: string[] = [];
  for (let i = 0; i < items.length; i += perLine) lines.push(items.slice(i, i + perLine).join(", "));
  return `[${lines.join(`,\n${" ".repeat(indent + 1)}`)}]`;
}

function withSuffixes(text: string, suffixes: readonly string[], indent: number): string {
  let result = text;
  let last = text.length - text.lastIndexOf("\n") + 1;
  for (const suffix of suffixes) {
    if (last + suffix.length + 2 > columns) {
      result += `,\n${" ".repeat(indent)}${suffix}`;
      last = indent + suffix.length;
    } else {
      result += `, ${suffix}`;
      last += suffix.length + 2;
    }
  }
  return `${result})`;
}
