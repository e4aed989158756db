/**
 * The script that makes a grid of patched runs live: the map of its cells, and of the cell that is picked what was taken
 * from the clean run there and what that gave, with its row and its column as bars. It gets the still form's root and the
 * grid in words.
 */
import { liveBar, liveFrame, livePut, liveRow } from "./live";
import { liveMap } from "./map_live";

/** What the script gets; rows are the layers from above. */
export interface PatchData {
  title: string;
  about: string[];
  /** What the palest and the strongest colours stand for. */
  ends: string;
  layers: string[];
  /** The columns' labels, and what they are called in a sentence. */
  columns: string[];
  places: string[];
  /** Of each column, what its cells take from the clean run. */
  taken: string[];
  /** "restores" or "gives". */
  does: string;
  /** Of each cell its number, and its colour from −1 to 1. */
  numbers: string[][];
  strengths: number[][];
  /** What the score is, of each cell the one that is left, and those of both prompts. */
  score: string;
  scores: string[][];
  both: string;
}

export const livePatch = `function (root, data) {
  const map = ${liveMap};
  const { layers, columns, places, does, numbers, strengths } = data;
  const put = ${livePut};
  const frame = ${liveFrame};
  const ground = ${liveBar};
  const tableRow = ${liveRow};
  const [place, picked] = frame(root, { ...data, cell: "cell", shows: "what was taken there, with its row and column", name: "The picked cell" });
  const sentence = (row, at) => layers[row] + ", " + places[at] + ": " + does + " " + numbers[row][at];
  const score = (row, at) => data.score + " " + data.scores[row][at] + "; " + data.both;
  const bars = (beside, title, cells) => {
    const box = put(beside, "div", undefined, "min-width: 0; overflow-x: auto");
    put(box, "div", title, "padding: 4px 0");
    const table = put(box, "table", undefined, "border-collapse: collapse; font-size: 0.9em; margin: 0");
    for (const [label, row, at, own] of cells)
      put(tableRow(table, label, own), "td", numbers[row][at], "text-align: left; padding: 1px 6px; min-width: 12em; " + ground(strengths[row][at]));
  };
  const pick = (row, at) => {
    picked.replaceChildren();
    put(picked, "div", sentence(row, at), "font-weight: 600; padding: 4px 0");
    put(picked, "div", data.taken[at]);
    put(picked, "div", score(row, at));
    const beside = put(picked, "div", undefined, "display: flex; flex-wrap: wrap; gap: 4px 24px; align-items: flex-start");
    bars(beside, "Through the layers, " + places[at], layers.map((layer, r) => [layer, r, at, r === row]));
    bars(beside, "Along " + layers[row], columns.map((label, c) => [label, row, c, c === at]));
  };
  put(place, "div", data.ends, "padding: 2px 0");
  const room = Math.min(96, 760 / columns.length);
  const longest = Math.max(...numbers.flat().map((number) => number.length));
  map(put(place, "div"), {
    ...{ name: data.title, rows: layers, columns, width: Math.round(Math.max(room, 7.3 * longest + 6)), upright: true, lines: 2, pick },
    strength: (row, at) => strengths[row][at],
    text: (row, at) => numbers[row][at],
    say: (row, at) => [sentence(row, at), score(row, at)],
  });
}`;
