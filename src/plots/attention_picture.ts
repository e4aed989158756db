/** The still picture of attention: small maps of all heads, and one of them large. */
import type { HeadMap, Weights } from "./attention";
import { rasterAddress } from "./raster";
import { colourOf, palette } from "./style";
import { document, heading, image, rect, text } from "./svg";
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

/** The greatest strength in each part of a map, of at most `small` parts to a side. */
function pooled({ values, most }: HeadMap, rows: number, tokens: number) {
  const [height, width] = [Math.min(rows, small), Math.min(tokens, small)];
  const strength = new Float32Array(width * height);
  for (let r = 0; r < rows; r++)
    for (let t = 0; t < tokens; t++) {
      const at = Math.floor((r * height) / rows) * width + Math.floor((t * width) / tokens);
      strength[at] = Math.max(strength[at] as number, (values[r * tokens + t] as number) / most);
    }
  return { width, height, strength };
}

/** The picture's source; `shown` is the map that is drawn large. */
export function attentionPicture(weights: Weights, shown: number, title: string, caption: string): string {
  const { maps, labels, rows } = weights;
  const tiles = thumbnails(weights);
  const { shapes: large, width: wide, height: high } = largeMap(weights, maps[shown] as HeadMap);
  const width = Math.round(Math.max(480, wide, ...tiles.places.map(({ x }) => x + tiles.side)) + left);
  const { shapes, height } = heading(title, width, caption);
  const top = height + 4;
  maps.forEach((map, i) => {
    const place = tiles.places[i] as { x: number; y: number };
    const y = top + place.y + (tiles.several ? 0 : 14);
    const { width: w, height: h, strength } = pooled(map, rows.length, labels.length);
    if (i === shown) shapes.push(rect(place.x - 3, y - 3, tiles.side + 6, tiles.side + 6, palette.second));
    shapes.push(
      rect(place.x, y, tiles.side, tiles.side, palette.paper, {
        title: `layer ${map.layer}, head ${map.head}`,
        radius: 0,
      }),
    );
    shapes.push(image(place.x, y, tiles.side, tiles.side, rasterAddress(w, h, strength, palette.first)));
    if (!tiles.several) shapes.push(text(place.x, y - 5, `L${map.layer}H${map.head}`, { size: 11 }));
    else if (i % tiles.across === 0) shapes.push(text(left, y + tiles.side / 2 + 4, `L${map.layer}`, { size: 12 }));
  });
  const below = top + tiles.height + 16;
  shapes.push(`<g transform="translate(0 ${below})">`, ...large, "</g>");
  return document(width, below + high, `${title}: ${caption}`, shapes);
}

/** One head's map with its tokens' names, where cells are large enough, and in each its percent. */
function largeMap({ labels, rows }: Weights, { values, most }: HeadMap) {
  const count = labels.length;
  const cell = Math.max(1, Math.min(30, Math.floor(600 / count)));
  const named = cell >= 12;
  const names = labels.map((label) => shorten(label, 14));
  const margin = named ? names.reduce((far, name) => Math.max(far, textWidth(name, 12)), 0) + 10 : 0;
  const [x, shapes] = [left + margin, [] as string[]];
  const strength = Float32Array.from(values, (weight) => Math.min(1, weight / most));
  if (!named) {
    shapes.push(rect(x, 0, cell * count, cell * rows.length, palette.paper, { radius: 0 }));
    shapes.push(
      image(x, 0, cell * count, cell * rows.length, rasterAddress(count, rows.length, strength, palette.first)),
    );
    return { shapes, width: x + cell * count, height: cell * rows.length + 8 };
  }
  rows.forEach((own, r) => {
    shapes.push(text(x - 6, cell * (r + 0.5) + 4, names[own] as string, { anchor: "end", size: 12 }));
    for (let token = 0; token <= own; token++) {
      const weight = values[r * count + token] as number;
      const fill = colourOf(strength[r * count + token] as number, [0, 1], "paper");
      shapes.push(rect(x + cell * token, cell * r, cell - 1, cell - 1, fill, { radius: 1 }));
      if (cell >= 24 && weight >= 0.005)
        shapes.push(
          text(x + cell * (token + 0.5), cell * (r + 0.5) + 4, (100 * weight).toFixed(0), {
            ...{ anchor: "middle", size: 10, fill: palette.onPaper },
          }),
        );
    }
  });
  const foot = cell * rows.length + 6;
  names.forEach((name, token) => {
    shapes.push(text(x + cell * (token + 0.5) + 4, foot, name, { anchor: "end", size: 12, vertical: true }));
  });
  return { shapes, width: x + cell * count, height: foot + margin };
}
