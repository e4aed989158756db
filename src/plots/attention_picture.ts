/** The still picture of attention: small maps of all heads, and one of them large. */
import type { HeadMap, Weights } from "./attention";
import { rasterAddress } from "./raster";
import { ticks } from "./scale";
import { colourOf, palette } from "./style";
import { document, frame, heading, image, rect, text } from "./svg";
import { shorten, textWidth } from "./words";

const [left, room, gap] = [12, 720, 8];
/** Points of a small map's side at most. */
const small = 64;

/** The maps of several layers are rows; of one layer they fill rows of nine. */
function thumbnails({ maps }: Weights) {
  const layers = [...new Set(maps.map(({ layer }) => layer))];
  const each = maps.length / layers.length;
  const [across, side] =
    layers.length > 1 ? [each, Math.min(44, Math.floor((room - 40) / each) - 4)] : [Math.min(9, each), 72];
  const step = side + (layers.length > 1 ? 4 : gap);
  const top = layers.length > 1 ? 0 : 14;
  const places = maps.map((_, i) => ({
    x: left + (layers.length > 1 ? 40 : 0) + (i % across) * step,
    y: Math.floor(i / across) * (step + top),
  }));
  return { side, places, height: Math.ceil(maps.length / across) * (step + top), several: layers.length > 1, across };
}

/** The greatest strength in each part of a map's triangle, of at most `small` parts to a side. */
function pooled({ values, most }: HeadMap, rows: readonly number[], tokens: number) {
  const [height, width] = [Math.min(rows.length, small), Math.min(tokens, small)];
  const strength = new Float32Array(width * height).fill(Number.NaN);
  rows.forEach((own, r) => {
    for (let t = 0; t <= own; t++) {
      const at = Math.floor((r * height) / rows.length) * width + Math.floor((t * width) / tokens);
      const one = (values[r * tokens + t] as number) / most;
      if (!((strength[at] as number) > one)) strength[at] = one;
    }
  });
  return { width, height, strength };
}

/** The picture's source; `shown` is the map that is drawn large: below the small ones, or above those of several layers. */
export function attentionPicture(weights: Weights, shown: number, title: string, caption: string): string {
  const { maps, labels, rows } = weights;
  const tiles = thumbnails(weights);
  const large = largeMap(weights, maps[shown] as HeadMap);
  const width = Math.round(Math.max(560, large.width, ...tiles.places.map(({ x }) => x + tiles.side)) + left);
  const { shapes, height } = heading(title, width, caption);
  const [top, below] = tiles.several
    ? [height + 4 + large.height + 16, height + 4]
    : [height + 4, height + 4 + tiles.height + 16];
  maps.forEach((map, i) => {
    const place = tiles.places[i] as { x: number; y: number };
    const y = top + place.y + (tiles.several ? 0 : 14);
    const { width: w, height: h, strength } = pooled(map, rows, labels.length);
    const times = Math.ceil((2 * tiles.side) / Math.max(w, h));
    shapes.push(image(place.x, y, tiles.side, tiles.side, rasterAddress(w, h, strength, times)));
    if (i === shown) shapes.push(frame(place.x - 2, y - 2, tiles.side + 4, tiles.side + 4, palette.second));
    if (!tiles.several) shapes.push(text(place.x, y - 5, `L${map.layer}H${map.head}`, { size: 11 }));
    else if (i % tiles.across === 0) shapes.push(text(left, y + tiles.side / 2 + 4, `L${map.layer}`, { size: 12 }));
  });
  shapes.push(`<g transform="translate(0 ${below})">`, ...large.shapes, "</g>");
  const end = tiles.several ? top + tiles.height : below + large.height;
  return document(width, end + 6, `${title}: ${caption}`, shapes);
}

/** One head's map: with its tokens' names and in each cell its percent, as far as cells have room for them. */
function largeMap(weights: Weights, map: HeadMap) {
  const { labels, rows } = weights;
  const cell = Math.max(1, Math.min(30, Math.floor(600 / labels.length)));
  return cell >= 12 ? namedMap(weights, map, cell) : pointsMap(labels.length, rows, map, cell);
}

function namedMap({ labels, rows }: Weights, { values, most }: HeadMap, cell: number) {
  const names = labels.map((label) => shorten(label, 14));
  const margin = names.reduce((far, name) => Math.max(far, textWidth(name, 12)), 0) + 10;
  const [x, shapes] = [left + margin, [] as string[]];
  rows.forEach((own, r) => {
    shapes.push(text(x - 6, cell * (r + 0.5) + 4, names[own] as string, { anchor: "end", size: 12 }));
    for (let token = 0; token <= own; token++) {
      const weight = values[r * labels.length + token] as number;
      const [across, down] = [x + cell * token, cell * r];
      shapes.push(rect(across, down, cell - 1, cell - 1, colourOf(weight, [0, most], "paper"), { radius: 1 }));
      if (cell < 24 || weight < 0.005) continue;
      const number = { anchor: "middle", size: 10, fill: palette.onPaper } as const;
      shapes.push(text(across + cell / 2, down + cell / 2 + 4, (100 * weight).toFixed(0), number));
    }
  });
  const foot = cell * rows.length + 6;
  names.forEach((name, token) => {
    shapes.push(text(x + cell * (token + 0.5) + 4, foot, name, { anchor: "end", size: 12, vertical: true }));
  });
  return { shapes, width: x + cell * labels.length, height: foot + margin };
}

/** Of many tokens: points, and the tokens' numbers at the sides. */
function pointsMap(tokens: number, rows: readonly number[], { values, most }: HeadMap, cell: number) {
  const x = left + 40;
  const strength = Float32Array.from(values, (weight, i) =>
    i % tokens > (rows[Math.floor(i / tokens)] as number) ? Number.NaN : weight / most,
  );
  const [width, height] = [cell * tokens, cell * rows.length];
  const shapes = [image(x, 0, width, height, rasterAddress(tokens, rows.length, strength, Math.ceil(4 / cell)))];
  const step = ticks(0, tokens, 8)[1] as number;
  rows.forEach((own, r) => {
    if (own % step === 0) shapes.push(text(x - 6, cell * (r + 0.5) + 4, String(own), { anchor: "end", size: 12 }));
  });
  for (let token = 0; token < tokens; token += step)
    shapes.push(text(x + cell * (token + 0.5), height + 16, String(token), { anchor: "middle", size: 12 }));
  return { shapes, width: x + width, height: height + 24 };
}
