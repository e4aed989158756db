/**
 * The script that makes a lens live: the map of all positions, buttons for what its colours say, and of the position that is
 * picked a column with the top tokens of each layer. It gets the still form's root and the numbers, as `lensData` packs them.
 */
import type { LensResult } from "../insight/logit_lens";
import { liveBar, liveFrame, livePercent, livePut, liveRow } from "./live";
import { liveMap } from "./map_live";

/** A colour of the map: its name, and how its numbers are packed. */
export interface LensColour {
  name: string;
  /** What the palest and the strongest colour stand for. */
  ends: string;
  /** base64 of a byte a cell, row after row: how strong its colour is. */
  strengths: string;
}

/** The same before it is packed. */
export interface Coloured extends Omit<LensColour, "strengths"> {
  /** Of each layer and position, from 0 to 1. */
  strength: number[][];
}

/** Nats a unit of a packed number. */
const unit = 1 / 2000;
const base64 = (array: Uint16Array | Uint32Array | Uint8Array): string =>
  Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("base64");
const packedNats = (nats: number[]): string =>
  base64(Uint16Array.from(nats, (one) => Math.min(65_535, Math.round(Math.abs(one) / unit))));

/** All that a lens knows, in the layers' order from above: tokens as numbers of a list, the rest as packed numbers. */
export function lensData(lens: LensResult, colours: readonly Coloured[], title: string) {
  const known = new Map<string, number>();
  const number = (label: string): number => {
    if (!known.has(label)) known.set(label, known.size);
    return known.get(label) as number;
  };
  const down = <T>(rows: readonly T[]): T[] => rows.toReversed();
  const tokens = Uint32Array.from(down(lens.tokens).flat(2), number);
  return {
    ...{ title, about: [lens.about], layers: down(lens.labels), prompt: lens.prompt, positions: lens.positions, unit },
    k: lens.tokens[0]?.[0]?.length ?? 0,
    words: [...known.keys()],
    tokens: base64(known.size < 65_536 ? Uint16Array.from(tokens) : tokens),
    nats: packedNats(
      down(lens.probabilities)
        .flat(2)
        .map((p) => Math.log(Math.max(p, 1e-30))),
    ),
    entropy: packedNats(down(lens.entropy).flat()),
    kl: packedNats(down(lens.kl).flat()),
    ranks: lens.watch.map(({ label, rank }) => [label, base64(Uint32Array.from(down(rank).flat()))]),
    colours: colours.map(
      ({ name, ends, strength }): LensColour => ({
        ...{ name, ends },
        strengths: base64(Uint8Array.from(down(strength).flat(), (one) => Math.round(255 * one))),
      }),
    ),
  };
}

export const liveLens = `function (root, data) {
  const map = ${liveMap};
  const bytes = (packed) => Uint8Array.from(atob(packed), (char) => char.charCodeAt(0));
  const whole = (packed) => new Uint16Array(bytes(packed).buffer);
  const { layers, prompt, positions, k, words, unit } = data;
  const [nats, entropy, kl] = [whole(data.nats), whole(data.entropy), whole(data.kl)];
  const tokens = words.length < 65536 ? whole(data.tokens) : new Uint32Array(bytes(data.tokens).buffer);
  const ranks = data.ranks.map(([label, packed]) => [label, new Uint32Array(bytes(packed).buffer)]);
  const colours = data.colours.map(({ strengths }) => bytes(strengths));
  const cell = (row, column) => row * prompt.length + column;
  const chance = (i) => Math.exp(-nats[i] * unit);
  const percent = ${livePercent};
  let shown = 0;
  const put = ${livePut};
  const frame = ${liveFrame};
  const ground = ${liveBar};
  const tableRow = ${liveRow};
  const [place, column] = frame(root, {
    ...{ ...data, cell: "cell", shows: "that position through the layers" },
    name: "The picked position through the layers",
  });
  const bar = put(place, "div", undefined, "display: flex; flex-wrap: wrap; gap: 4px; align-items: center; padding: 4px 0");
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "What colours say");
  bar.append("Colour: ");
  const buttons = data.colours.map(({ name }, i) => {
    const button = put(bar, "button", name, "font: inherit; font-size: 0.9em; cursor: pointer; color: inherit; background: transparent; border: 1px solid rgba(128, 128, 128, 0.6); border-radius: 3px; padding: 1px 6px");
    button.type = "button";
    button.addEventListener("click", () => { shown = i; press(); draw(); });
    return button;
  });
  const ends = put(bar, "span", undefined, "padding-left: 6px; font-size: 0.9em");
  const press = () => {
    buttons.forEach((button, i) => {
      button.setAttribute("aria-pressed", String(i === shown));
      button.style.outline = i === shown ? "2px solid #e8762d" : "";
    });
    ends.textContent = data.colours[shown].ends;
  };
  press();
  const pick = (row, at) => {
    column.replaceChildren();
    put(column, "div", "Position " + positions[at] + " (" + prompt[at] + "): what each layer would have said next", "font-weight: 600; padding: 4px 0");
    const table = put(put(column, "div", undefined, "overflow-x: auto"), "table", undefined, "border-collapse: collapse; font-size: 0.9em");
    layers.forEach((layer, r) => {
      const line = tableRow(table, layer, r === row);
      for (let i = cell(r, at) * k; i < (cell(r, at) + 1) * k; i++) {
        const td = put(line, "td", undefined, "text-align: left; padding: 1px 6px; white-space: pre; " + ground(chance(i)));
        put(td, "span", words[tokens[i]], "font-family: monospace; display: inline-block; max-width: 14em; overflow: hidden; text-overflow: ellipsis; vertical-align: bottom");
        td.append(" " + percent(chance(i)));
      }
      for (const [label, rank] of ranks) put(line, "td", label + ": rank " + rank[cell(r, at)].toLocaleString("en-US"), "text-align: left; padding: 1px 6px; white-space: pre");
    });
  };
  const wide = Math.min(96, Math.max(36, 14 + 7.3 * Math.max(...prompt.map((word) => word.length), ...Array.from(tokens.filter((_, i) => i % k === 0), (word) => words[word].length))));
  const draw = map(put(place, "div"), {
    ...{ name: data.title, rows: layers, columns: prompt, width: Math.round(wide), lines: 3, pick, picks: "column" },
    strength: (row, at) => colours[shown][cell(row, at)] / 255,
    text: (row, at) => words[tokens[cell(row, at) * k]],
    say: (row, at) => {
      const i = cell(row, at);
      const top = Array.from({ length: k }, (_, n) => words[tokens[i * k + n]] + " " + percent(chance(i * k + n)));
      return [
        layers[row] + ", position " + positions[at] + " (" + prompt[at] + "): " + top.join(", "),
        "entropy " + (entropy[i] * unit).toFixed(2) + ", KL " + (kl[i] * unit).toFixed(2) + " nats" + ranks.map(([label, rank]) => "; " + label + ": rank " + rank[i].toLocaleString("en-US")).join(""),
      ];
    },
  });
}`;
