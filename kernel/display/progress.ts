/**
 * `progress(iterable)`: a bar below the cell while a loop runs, as tqdm has it. One output, changed in place at most ten times
 * a second; when the loop ends, a line stands there that says how far it came and how long it took.
 */
import { randomUUID } from "node:crypto";
import { type MimeBundle, mime } from "../../src/host";
import { escapeHtml } from "./markup";

/** Between two changes of the bar, in milliseconds. */
const CHANGE_MS = 100;
/** Characters of the bar in text. */
const WIDTH = 30;

export interface ProgressOptions {
  /** What is being done. */
  label?: string;
  /** How many items there will be, where the iterable does not say. */
  total?: number;
  /** What is counted. */
  unit?: string;
}

/** How far a loop is. */
export interface ProgressState extends Required<Pick<ProgressOptions, "label" | "unit">> {
  total?: number;
  done: number;
  seconds: number;
  /** Undefined while the loop runs. */
  end?: "finished" | "stopped";
}

/** Shows data, or changes what was shown under the same id. */
export type ShowBar = (data: MimeBundle, options: { display_id: string; update: boolean }) => void;

/**
 * The items of `source`, with a bar that shows how many have been taken. Give it a number to count from 0.
 * An asynchronous iterable gives an asynchronous one.
 */
export function progress(
  source: unknown,
  options: ProgressOptions,
  show: ShowBar,
): Iterable<unknown> | AsyncIterable<unknown> {
  const iterable = typeof source === "number" ? count(source) : source;
  if (typeof iterable === "object" && iterable !== null && Symbol.asyncIterator in iterable) {
    return overAsync(iterable as AsyncIterable<unknown>, new Bar(options, options.total, show));
  }
  if (
    (typeof iterable === "object" || typeof iterable === "string") &&
    iterable !== null &&
    Symbol.iterator in Object(iterable)
  ) {
    const total = options.total ?? (typeof source === "number" ? source : sizeOf(iterable));
    return over(iterable as Iterable<unknown>, new Bar(options, total, show));
  }
  throw new TypeError(
    `Expected something to iterate over, or a number, for progress but received ${iterable === null ? "null" : typeof iterable}`,
  );
}

function* count(end: number): Generator<number> {
  for (let i = 0; i < end; i++) {
    yield i;
  }
}

function sizeOf(iterable: unknown): number | undefined {
  const { length, size } = Object(iterable) as { length?: unknown; size?: unknown };
  const found = length ?? size;
  return typeof found === "number" ? found : undefined;
}

function* over(iterable: Iterable<unknown>, bar: Bar): Generator<unknown> {
  let finished = false;
  bar.start();
  try {
    for (const item of iterable) {
      yield item;
      bar.step();
    }
    finished = true;
  } finally {
    bar.end(finished);
  }
}

async function* overAsync(iterable: AsyncIterable<unknown>, bar: Bar): AsyncGenerator<unknown> {
  let finished = false;
  bar.start();
  try {
    for await (const item of iterable) {
      yield item;
      bar.step();
    }
    finished = true;
  } finally {
    bar.end(finished);
  }
}

class Bar {
  readonly #label: string;
  readonly #unit: string;
  readonly #total: number | undefined;
  readonly #showBar: ShowBar;
  readonly #id = randomUUID();
  #done = 0;
  #begun = 0;
  #shown = 0;

  constructor({ label = "", unit = "" }: ProgressOptions, total: number | undefined, show: ShowBar) {
    this.#showBar = show;
    this.#label = label;
    this.#unit = unit;
    this.#total = total;
  }

  start(): void {
    this.#begun = performance.now();
    this.#show(false);
  }

  step(): void {
    this.#done += 1;
    if (performance.now() - this.#shown >= CHANGE_MS) {
      this.#show(true);
    }
  }

  end(finished: boolean): void {
    this.#show(true, finished ? "finished" : "stopped");
  }

  #show(update: boolean, end?: ProgressState["end"]): void {
    this.#shown = performance.now();
    const seconds = (this.#shown - this.#begun) / 1_000;
    const state = { label: this.#label, unit: this.#unit, total: this.#total, done: this.#done, seconds, end };
    this.#showBar(progressBundle(state), { display_id: this.#id, update });
  }
}

/** The bar as HTML and as text. */
export function progressBundle(state: ProgressState): MimeBundle {
  const { label, total, done, end } = state;
  const share = total === undefined || total === 0 ? undefined : Math.min(1, done / total);
  const facts = factsOf(state);
  const full = Math.floor((share ?? 0) * WIDTH);
  const bar = share === undefined ? "" : `|${"█".repeat(full)}${" ".repeat(WIDTH - full)}| `;
  const percent = share === undefined ? "" : `${Math.floor(share * 100)}% `;
  const text = `${label === "" ? "" : `${label}: `}${end ? "" : percent + bar}${facts}`;
  const color = "var(--jp-brand-color1, #2196f3)";
  const track = `<div style="flex:1;max-width:320px;height:8px;border-radius:4px;background:var(--jp-layout-color3, rgba(128,128,128,.3));overflow:hidden"><div style="width:${((share ?? 0) * 100).toFixed(1)}%;height:100%;background:${color}"></div></div>`;
  const mark = { finished: "✓", stopped: "■" };
  const name = label === "" ? "" : `<span>${escapeHtml(label)}</span>`;
  const middle = end ? `<span aria-hidden="true">${mark[end]}</span>` : share === undefined ? "" : track;
  const html = `<div role="status" style="display:flex;align-items:center;gap:10px;font-size:13px;color:var(--jp-content-font-color1, inherit)">${name}${middle}<span style="font-variant-numeric:tabular-nums;opacity:.85">${escapeHtml(end ? facts : percent + facts)}</span></div>`;
  return { [mime.html]: html, [mime.text]: text };
}

/** "12/40 files, 00:03, 4.1 files/s, 00:07 left" */
function factsOf({ total, done, unit, seconds, end }: ProgressState): string {
  const name = unit === "" ? "" : ` ${unit}`;
  const counted = total === undefined || end === "finished" ? `${done}${name}` : `${done}/${total}${name}`;
  const rate = seconds > 0 ? done / seconds : 0;
  const speed =
    done > 0 && rate > 0
      ? rate >= 1
        ? `${figure(rate)}${name || " it"}/s`
        : `${figure(1 / rate)} s/${unit || "it"}`
      : "";
  const left = end === undefined && total !== undefined && rate > 0 ? `${clock((total - done) / rate)} left` : "";
  const took = end === "stopped" ? `stopped after ${clock(seconds)}` : end ? `in ${clock(seconds)}` : clock(seconds);
  return [counted, took, speed, left].filter(Boolean).join(", ");
}

function figure(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en") : value.toPrecision(2);
}

/** 4.2 s, 01:05, 2:03:04 */
function clock(seconds: number): string {
  if (seconds < 10) {
    return `${seconds.toFixed(1)} s`;
  }
  const whole = Math.round(seconds);
  const two = (value: number): string => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60];
  return `${hours > 0 ? `${hours}:` : ""}${two(minutes)}:${two(whole % 60)}`;
}
