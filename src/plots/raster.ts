/** A small picture of points, as a PNG that a page or an SVG holds as data: thousands of cells in a few kilobytes. */
import { crc32, deflateSync } from "node:zlib";

const chunk = (kind: string, data: Uint8Array): Buffer => {
  const body = Buffer.concat([Buffer.from(kind, "latin1"), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
};

/**
 * A PNG of one hue whose strength is each point's: 0 is the page's own ground, 1 the full colour.
 *
 * @param strength Of each point, row by row, from 0 to 1.
 * @param hue As `#3d8ef0`.
 * @returns As an address that holds the data.
 */
export function rasterAddress(width: number, height: number, strength: ArrayLike<number>, hue: string): string {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // 8 bits a point, by a palette of 256.
  header.set([8, 3, 0, 0, 0], 8);
  const colour = [1, 3, 5].map((at) => Number.parseInt(hue.slice(at, at + 2), 16));
  const palette = Uint8Array.from({ length: 3 * 256 }, (_, i) => colour[i % 3] as number);
  const alpha = Uint8Array.from({ length: 256 }, (_, i) => i);
  const rows = new Uint8Array((width + 1) * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      rows[y * (width + 1) + 1 + x] = Math.round(255 * Math.min(1, Math.max(0, strength[y * width + x] as number)));
  const file = Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    ...[chunk("IHDR", header), chunk("PLTE", palette), chunk("tRNS", alpha)],
    ...[chunk("IDAT", deflateSync(rows, { level: 9 })), chunk("IEND", Buffer.alloc(0))],
  ]);
  return `data:image/png;base64,${file.toString("base64")}`;
}
