/** A small picture of points that a page or an SVG holds as data: thousands of cells in a few kilobytes. */
import { indexedPng } from "./indexed_png";
import { colourOf } from "./style";

/** Strengths that are told apart. */
const levels = 32;

/**
 * A picture of points from the ground of cells to the full colour.
 *
 * @param strength Of each point, row by row, from 0 to 1; nothing is drawn for NaN.
 * @param times Points of the file a point, so that no viewer makes them run into each other.
 * @returns As an address that holds the data.
 */
export function rasterAddress(width: number, height: number, strength: Float32Array, times: number): string {
  const colours = new Uint8Array(3 * (levels + 1));
  for (let level = 0; level < levels; level++) {
    const colour = Number.parseInt(colourOf(level, [0, levels - 1], "paper").slice(1, 7), 16);
    colours.set([colour >> 16, (colour >> 8) & 255, colour & 255], 3 * (level + 1));
  }
  const [wide, high] = [width * times, height * times];
  const points = new Uint8Array(wide * high);
  for (let y = 0; y < high; y++)
    for (let x = 0; x < wide; x++) {
      const one = strength[Math.floor(y / times) * width + Math.floor(x / times)] as number;
      points[y * wide + x] = Number.isNaN(one) ? 0 : 1 + Math.round((levels - 1) * Math.min(1, Math.max(0, one)));
    }
  const file = indexedPng(wide, high, points, { colours, cover: Uint8Array.of(0) });
  return `data:image/png;base64,${file.toString("base64")}`;
}
