/** What a reader sees of a notebook's live plots, and the things that people do beside them. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type { NotebookPage } from "./lab";

export interface PlotView {
  /** The place that the cell gives, and the picture drawn in it, in pixels. */
  place: { width: number; height: number };
  drawn: { width: number; height: number };
  /** Texts that lie on another one, under the tool bar or outside of the picture. */
  faults: string[];
  /** The colour of the tool bar's ground. */
  toolBarGround: string;
}

interface Box {
  left: number;
  right: number;
  top: number;
  bottom: number;
  width: number;
  height: number;
}
interface Seen {
  place: Box;
  picture: Box;
  texts: { name: string; box: Box }[];
  bar: Box;
  toolBarGround: string;
}

/* The page's own objects, seen from inside the browser. */
interface Shape {
  textContent: string;
  getBoundingClientRect(): { toJSON(): Box };
  querySelector(selector: string): Shape | null;
  querySelectorAll(selector: string): Iterable<Shape>;
}
declare const document: Shape;
declare const getComputedStyle: (element: Shape) => { backgroundColor: string };

/** Every live plot of the page, from top to bottom, once nothing moves any more; by default those of a notebook's cells. */
export async function plots(page: Page, places = ".jp-RenderedPlotly"): Promise<PlotView[]> {
  let [last, same] = ["", 0];
  for (let tries = 0; tries < 100; tries++) {
    const seen = await page.evaluate(look, places);
    const now = JSON.stringify(seen);
    same = now === last ? same + 1 : 0;
    // Plotly waits 0.1 s before it takes a new size.
    if (same >= 4 && seen.every((one) => one !== null)) return seen.map(view);
    last = now;
    await page.waitForTimeout(100);
  }
  throw new Error(`The plots do not come to rest: ${last}`);
}

/** Runs in the page; null for a plot that is not drawn yet. */
function look(places: string): (Seen | null)[] {
  return Array.from(document.querySelectorAll(places), (place) => {
    const [picture, bar] = [place.querySelector("svg.main-svg"), place.querySelector(".modebar-group")];
    if (picture === null || bar === null) return null;
    return {
      place: place.getBoundingClientRect().toJSON(),
      picture: picture.getBoundingClientRect().toJSON(),
      texts: Array.from(place.querySelectorAll(".main-svg text"), (text) => ({
        name: text.textContent,
        box: text.getBoundingClientRect().toJSON(),
      })),
      bar: bar.getBoundingClientRect().toJSON(),
      toolBarGround: getComputedStyle(bar).backgroundColor,
    };
  });
}

const size = ({ width, height }: Box) => ({ width: Math.round(width), height: Math.round(height) });
/** By more than a pixel. */
const overlap = (a: Box, b: Box): boolean =>
  Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
  Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
const inside = (a: Box, b: Box): boolean =>
  a.left >= b.left - 1 && a.right <= b.right + 1 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1;

function view({ place, picture, texts, bar, toolBarGround }: Seen): PlotView {
  const shown = texts.filter(({ name, box }) => name.trim() !== "" && box.width > 0);
  const things = [...shown, { name: "the tool bar", box: bar }];
  const faults = things.flatMap(({ name, box }, i) => [
    ...(inside(box, picture) ? [] : [`"${name}" is cut`]),
    ...things
      .slice(i + 1)
      .flatMap((other) => (overlap(box, other.box) ? [`"${name}" and "${other.name}" overlap`] : [])),
  ]);
  return { place: size(place), drawn: size(picture), faults, toolBarGround };
}

/** That the plots have these heights and fill the width of their cells, and that all their texts can be read. */
export async function assertWhole(page: Page, heights: number[], after: string): Promise<PlotView[]> {
  const seen = await plots(page);
  assert.deepEqual(
    seen.map(({ drawn }) => drawn.height),
    heights,
    `the plots' heights after ${after}`,
  );
  for (const { place, drawn, faults } of seen) {
    assert.deepEqual(drawn, place, `a plot fills its place after ${after}`);
    assert.deepEqual(faults, [], `after ${after}`);
  }
  return seen;
}

/** Toggles the side bar and makes the window narrow, then wide; the plots stay whole and follow the width. */
export async function resize(notebook: NotebookPage, heights: number[]): Promise<void> {
  const { page } = notebook;
  const widths = async (after: string) =>
    (await assertWhole(page, heights, after)).map(({ drawn }) => drawn.width).join();
  const seen = new Set([await widths("the run")]);
  const toggle = async () => {
    await page.keyboard.press("Escape");
    await page.keyboard.press("Control+b");
  };
  await toggle();
  seen.add(await widths("Ctrl+B"));
  await toggle();
  await page.setViewportSize({ width: 760, height: 1000 });
  seen.add(await widths("a window of 760 px"));
  await toggle();
  seen.add(await widths("a window of 760 px and Ctrl+B"));
  await page.setViewportSize({ width: 1600, height: 1000 });
  seen.add(await widths("a window of 1600 px"));
  assert.ok(seen.size >= 4, `the plots' widths were ${[...seen].join(" and ")}`);
  await page.setViewportSize({ width: 1280, height: 1000 });
}

/** Clicks on a legend's entry, twice: of its series line and bar go and come together. */
export async function clickLegend(notebook: NotebookPage, index: number, heights: number[]): Promise<void> {
  const cell = await notebook.cell(index);
  const shown = async () => [
    await cell.locator(".scatterlayer .js-line").count(),
    await cell.locator(".barlayer .point").count(),
  ];
  assert.deepEqual(await shown(), [2, 2]);
  for (const left of [1, 2]) {
    await cell.locator(".legendtoggle").first().click();
    await assertWhole(notebook.page, heights, `a click on the legend that leaves ${left} series`);
    assert.deepEqual(await shown(), [left, left], "lines and bars");
  }
}

/** Draws a rectangle in a plot and clicks twice: it zooms in, and back to what it was. */
export async function zoom(notebook: NotebookPage, index: number, heights: number[]): Promise<void> {
  const { page } = notebook;
  const cell = await notebook.cell(index);
  const marks = async () => (await cell.locator(".xtick, .ytick").allTextContents()).sort();
  const before = await marks();
  const box = await cell.locator(".nsewdrag").first().boundingBox();
  assert(box, "the plot has an area to draw in");
  const at = (part: number) => [box.x + box.width * part, box.y + box.height * part] as const;
  await page.mouse.move(...at(0.3));
  await page.mouse.down();
  await page.mouse.move(...at(0.7), { steps: 5 });
  await page.mouse.up();
  await assertWhole(page, heights, "zooming in");
  assert.notDeepEqual(await marks(), before);
  await page.mouse.dblclick(...at(0.5));
  await assertWhole(page, heights, "a double click");
  assert.deepEqual(await marks(), before);
}
