/** The few shapes that still pictures are made of: text, rectangles and lines, as SVG source on a transparent ground. */
import { escapeMarkup } from "../markup";
import { fonts, palette } from "./style";
import { textWidth, wrap } from "./words";

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

export interface RectOptions {
  /** What it is, for whoever points at it. */
  title?: string;
  /** Of its corners. */
  radius?: number;
}

export function rect(x: number, y: number, width: number, height: number, fill: string, options: RectOptions = {}) {
  const { title, radius = 2 } = options;
  const inner = title === undefined ? "/>" : `><title>${escapeMarkup(title)}</title></rect>`;
  return `<rect x="${at(x)}" y="${at(y)}" width="${at(Math.max(width, 0))}" height="${at(height)}" rx="${radius}" fill="${fill}"${inner}`;
}

/** A rectangle's edge. */
export function frame(x: number, y: number, width: number, height: number, stroke: string): string {
  return `<rect x="${at(x)}" y="${at(y)}" width="${at(width)}" height="${at(height)}" rx="2" fill="none" stroke="${stroke}" stroke-width="2"/>`;
}

export function line(
  x1: number,
  y1: number,
  x2: number,
  y2: number,
  stroke: string = palette.grid,
  dashes = "",
): string {
  const dashed = dashes && ` stroke-dasharray="${dashes}"`;
  return `<line x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}" stroke="${stroke}"${dashed}/>`;
}

export function polyline(points: readonly (readonly [number, number])[], stroke: string): string {
  const path = points.map(([x, y]) => `${at(x)},${at(y)}`).join(" ");
  return `<polyline points="${path}" fill="none" stroke="${stroke}" stroke-width="2" stroke-linejoin="round"/>`;
}

/** A whole picture; `alt` is what a screen reader says of it. */
export function document(width: number, height: number, alt: string, shapes: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeMarkup(alt)}" font-family="${fonts.picture}">`,
    ...shapes,
    "</svg>",
  ].join("\n");
}

/** A picture's title in as many lines as its width asks for, a line in smaller letters below, and the height of it all. */
export function heading(title: string, width: number, subtitle?: string): { shapes: string[]; height: number } {
  const [left, size] = [12, 16];
  const lines = wrap(title, Math.floor((width - 2 * left) / textWidth("m", size)), 4);
  const shapes = lines.map((one, i) => text(left, 26 + 21 * i, one, { size, weight: 600 }));
  let height = 26 + 21 * (lines.length - 1);
  for (const one of subtitle === undefined ? [] : wrap(subtitle, Math.floor((width - 2 * left) / textWidth("m", 12)))) {
    height += 20;
    shapes.push(text(left, height, one, { size: 12 }));
  }
  return { shapes, height: height + 18 };
}

/** A picture of points within the picture. */
export function image(x: number, y: number, width: number, height: number, address: string): string {
  return `<image x="${at(x)}" y="${at(y)}" width="${at(width)}" height="${at(height)}" preserveAspectRatio="none" href="${address}"/>`;
}
