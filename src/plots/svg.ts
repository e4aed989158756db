/**
 * The few shapes that the static pictures of plots are made of: text, rectangles, lines and axes, as SVG source. Colours
 * stand on a transparent ground and read on a white page as on a dark one.
 */
import { escapeMarkup } from "../markup";
import { columns, wrap } from "./words";

/** Colours that keep their contrast on light and dark pages alike. */
export const palette = {
  ink: "#7a7a7a",
  grid: "#7a7a7a40",
  first: "#3d8ef0",
  second: "#e8762d",
  rest: "#9a9a9a",
} as const;

/** A coordinate with no more digits than a screen shows. */
const at = (value: number): string => String(Math.round(value * 100) / 100);

export interface TextOptions {
  anchor?: "start" | "middle" | "end";
  size?: number;
  weight?: number;
  fill?: string;
  /** Turned a quarter to the left, for the name of a vertical axis. */
  vertical?: boolean;
}

export function text(x: number, y: number, value: string, options: TextOptions = {}): string {
  const { anchor = "start", size = 13, weight, fill = palette.ink, vertical } = options;
  const turn = vertical ? ` transform="rotate(-90 ${at(x)} ${at(y)})"` : "";
  const bold = weight ? ` font-weight="${weight}"` : "";
  return `<text x="${at(x)}" y="${at(y)}" font-size="${size}" text-anchor="${anchor}" fill="${fill}"${bold}${turn} xml:space="preserve">${escapeMarkup(value)}</text>`;
}

export function rect(x: number, y: number, width: number, height: number, fill: string, title?: string): string {
  const inner = title === undefined ? "/>" : `><title>${escapeMarkup(title)}</title></rect>`;
  return `<rect x="${at(x)}" y="${at(y)}" width="${at(Math.max(width, 0))}" height="${at(height)}" rx="2" fill="${fill}"${inner}`;
}

export function line(x1: number, y1: number, x2: number, y2: number, stroke: string = palette.grid): string {
  return `<line x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}" stroke="${stroke}"/>`;
}

export function polyline(points: readonly (readonly [number, number])[], stroke: string): string {
  const path = points.map(([x, y]) => `${at(x)},${at(y)}`).join(" ");
  return `<polyline points="${path}" fill="none" stroke="${stroke}" stroke-width="2" stroke-linejoin="round"/>`;
}

/** A whole picture; `alt` is what a screen reader says of it. */
export function document(width: number, height: number, alt: string, shapes: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeMarkup(alt)}" font-family="DejaVu Sans, Verdana, Segoe UI, sans-serif">`,
    ...shapes,
    "</svg>",
  ].join("\n");
}

/** About `count` round numbers (1, 2 or 5 times a power of ten apart) from 0 to at least `max`. */
export function ticks(max: number, count = 5): number[] {
  if (!(max > 0) || !Number.isFinite(max)) return [0, 1];
  const raw = max / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= raw * (1 - 1e-9)) as number);
  const marks = [];
  for (let i = 0; i * step < max + step * (1 - 1e-9); i++) marks.push(Number((i * step).toPrecision(12)));
  return marks;
}

/** The width of `value` at `size` in pixels, about: safe for setting a margin, where a few more or less do no harm. */
export const textWidth = (value: string, size: number): number => columns(value) * 0.62 * size;

/** A picture's title in as many lines as its width asks for, a line in smaller letters below, and the height of it all. */
export function heading(title: string, width: number, subtitle?: string): { shapes: string[]; height: number } {
  const [left, size] = [12, 16];
  const lines = wrap(title, Math.floor((width - 2 * left) / textWidth("m", size)), 4);
  const shapes = lines.map((one, i) => text(left, 26 + 21 * i, one, { size, weight: 600 }));
  let height = 26 + 21 * (lines.length - 1);
  if (subtitle !== undefined) {
    height += 20;
    shapes.push(text(left, height, subtitle, { size: 12 }));
  }
  return { shapes, height: height + 18 };
}
