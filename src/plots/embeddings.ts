/** Vectors on a plane: those that lie apart in the two directions in which all lie the furthest apart. */
import { inspect } from "node:util";
import { checkOptions } from "../options";
import { Tensor } from "../tensor";
import { principalComponents } from "./components";
import { Figure } from "./figure";
import type { Panel, Point } from "./plot";
import { percent } from "./said";
import { palette } from "./style";
import { shorten, textWidth } from "./words";

/** The options of {@link plotEmbeddings}. */
export interface PlotEmbeddingsOptions {
  /** Neighbours named of each vector, from 0 to 20. Default: 3. */
  nearest?: number;
  /** Default: `Vectors on a plane`. */
  title?: string;
}

/** Vectors that are compared each with each. */
const most = 200;
/** The picture's panel, in pixels: labels that would lie on others are left out of it. */
const [wide, high] = [560, 360];

/**
 * Draws vectors in their first two principal components, with the share of the variance that each shows, and names the
 * nearest of each by the cosine of all their numbers.
 *
 * @param vectors (n, d), from 2 to 200 of them.
 * @param labels What each of them is.
 * @throws TypeError or RangeError for another shape, or another number of labels.
 * @example
 * const words = [" Paris", " London", " Rome", " red", " green", " blue"];
 * const ids = words.map((word) => tokenizer.encode(word)[0]!);
 * plotEmbeddings((await model.model.embed_tokens([ids])).squeeze(0), words);
 */
export function plotEmbeddings(vectors: Tensor, labels: string[], options: PlotEmbeddingsOptions = {}): Figure {
  checkOptions(options, { nearest: true, title: true }, "plotEmbeddings");
  if (!(vectors instanceof Tensor))
    throw new TypeError(`Expected a tensor for plotEmbeddings but received ${inspect(vectors, { depth: 0 })}`);
  const [n = 0, d = 0] = vectors.dims;
  if (vectors.dims.length !== 2 || n < 2 || n > most)
    throw new RangeError(
      `Expected vectors of shape [n, d], n from 2 to ${most}, but received [${vectors.dims.join(", ")}]`,
    );
  if (!Array.isArray(labels) || labels.length !== n)
    throw new RangeError(`Expected ${n} labels for plotEmbeddings but received ${inspect(labels?.length)}`);
  const { nearest = 3, title = "Vectors on a plane" } = options;
  if (!Number.isInteger(nearest) || nearest < 0 || nearest > 20)
    throw new RangeError(`Expected nearest from 0 to 20 but received ${inspect(nearest)}`);
  const data = vectors.data as Float32Array;
  if (!data.every(Number.isFinite)) throw new RangeError("Expected finite numbers for plotEmbeddings");
  const { places, shares } = principalComponents(data, n, d);
  const near = neighbours(data, n, d, nearest).map((list) =>
    list.map(({ other, cosine }) => `${labels[other]} ${cosine.toFixed(2)}`).join(", "),
  );
  const panel: Panel = {
    x: { kind: "linear", name: `first component (${percent(shares[0])} of the variance)`, range: around(places, 0) },
    y: { kind: "linear", name: `second (${percent(shares[1])})`, range: around(places, 1) },
    marks: [{ mark: "points", points: points(places, labels, near), colour: palette.first }],
    ...{ width: wide, height: high },
  };
  return new Figure({
    title,
    caption: `${n} vectors of ${d} numbers; two axes show ${percent(shares[0] + shares[1])} of their variance. Near on the plane need not be near: the nearest are by the cosine of all numbers`,
    panels: [panel],
    table: {
      name: "Every vector as a table",
      head: ["vector", "first", "second", "nearest"],
      rows: places.map(([x, y], i) => [labels[i] as string, x.toPrecision(3), y.toPrecision(3), near[i] as string]),
    },
  });
}

/** As far as the places reach and a little more, for labels. */
function around(places: readonly [number, number][], side: 0 | 1): [number, number] {
  const all = places.map((place) => place[side]);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const room = high - low || 1;
  const more = side === 0 ? 0.14 : 0.06;
  return [low - more * room, high + more * room];
}

/** Where a label may stand, and its box there: that of a text `width` pixels wide at a point. */
const sides = ["right", "left", "above", "below"] as const;
const boxes: Record<(typeof sides)[number], (width: number) => [left: number, right: number, up: number]> = {
  right: (width) => [7, 9 + width, 0],
  left: (width) => [-9 - width, -7, 0],
  above: (width) => [-width / 2, width / 2, 13],
  below: (width) => [-width / 2, width / 2, -13],
};

/** A label stands beside its point where neither another one nor a point does. */
function points(places: readonly [number, number][], labels: readonly string[], near: readonly string[]): Point[] {
  const [across, up] = [around(places, 0), around(places, 1)];
  const at = places.map(([x, y]): [number, number] => [
    ((x - across[0]) / (across[1] - across[0])) * wide,
    ((y - up[0]) / (up[1] - up[0])) * high,
  ]);
  const taken = at.map(([x, y]) => ({ left: x - 4, right: x + 4, y, tall: 4 }));
  return places.map(([x, y], i): Point => {
    const [label, [left, height]] = [shorten(labels[i] as string, 16), at[i] as [number, number]];
    const side = sides.find((one) => {
      const [from, to, above] = boxes[one](textWidth(label, 12));
      const box = { left: left + from, right: left + to, y: height + above, tall: 6 };
      const free = taken.every(
        (other) =>
          other.right < box.left || other.left > box.right || Math.abs(other.y - box.y) > other.tall + box.tall,
      );
      if (free) taken.push(box);
      return free;
    });
    const about = [labels[i], near[i] && `nearest: ${near[i]}`].filter(Boolean).join("\n");
    return { x, y, about, ...(side === undefined ? {} : { label, side }) };
  });
}

function neighbours(data: Float32Array, n: number, d: number, count: number): { other: number; cosine: number }[][] {
  const length = Array.from({ length: n }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < d; j++) sum += (data[i * d + j] as number) ** 2;
    return Math.sqrt(sum) || 1;
  });
  return Array.from({ length: n }, (_, i) => {
    const all = Array.from({ length: n }, (_other, other) => {
      let sum = 0;
      for (let j = 0; j < d; j++) sum += (data[i * d + j] as number) * (data[other * d + j] as number);
      return { other, cosine: sum / ((length[i] as number) * (length[other] as number)) };
    });
    return all
      .filter(({ other }) => other !== i)
      .sort((a, b) => b.cosine - a.cosine)
      .slice(0, count);
  });
}
