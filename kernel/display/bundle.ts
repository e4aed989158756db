/**
 * How a value shows itself: by its own method (`Symbol.for("Jupyter.display")`, `toHTML`), as the figure or the data by MIME
 * type that it is, as a table, or by the text that Node would print.
 */
import { inspect, types } from "node:util";
import { jupyterDisplay, mime, type MimeBundle } from "../../src/host";
import { isPlainObject } from "./plain";
import { isTable, tableHtml } from "./table";
import { type TextOptions, textOf } from "./text";

/** A value with a method of its own, and what the front end should know of its data. */
export interface Shown {
  metadata?: Record<string, unknown>;
  [jupyterDisplay](): MimeBundle;
}

const MIME_TYPE = /^(?:text|image|audio|video|application|model|font)\/[\w.+-]+$/;

/**
 * The MIME bundle of a value; a promise of it where its own method is asynchronous. A method that fails makes this throw, or
 * the promise reject.
 */
export function toBundle(value: unknown, options: TextOptions = {}): MimeBundle | Promise<MimeBundle> {
  const text = (): string => textOf(value, options);
  const method = methodOf(value, jupyterDisplay);
  if (method !== undefined) {
    const bundle = method.call(value);
    return isThenable(bundle) ? Promise.resolve(bundle).then((data) => own(data, text)) : own(bundle, text);
  }
  if (isBundle(value)) {
    return own(value, text);
  }
  const toHtml = mayHaveHtml(value) ? methodOf(value, "toHTML") : undefined;
  if (toHtml !== undefined) {
    const html = toHtml.call(value);
    const make = (data: unknown): MimeBundle => ({ [mime.html]: String(data), [mime.text]: text() });
    return isThenable(html) ? Promise.resolve(html).then(make) : make(html);
  }
  if (isFigure(value)) {
    return { [mime.plotly]: plainNumbers(value), [mime.text]: figureText(value) };
  }
  if (isTable(value)) {
    return { [mime.html]: tableHtml(value), [mime.text]: text() };
  }
  return { [mime.text]: text() };
}

/** What `Symbol.for("Jupyter.display")` gave, completed. */
function own(bundle: unknown, text: () => string): MimeBundle {
  if (!isMimeBundle(bundle)) {
    throw new TypeError(
      `Expected Symbol.for("Jupyter.display") to give data by MIME type but it gave ${inspect(bundle, { depth: 0 })}`,
    );
  }
  return encodeBytes(mime.text in bundle ? bundle : { ...bundle, [mime.text]: text() });
}

/** Data by MIME type, as `raw: true` takes it. */
export function isMimeBundle(value: unknown): value is MimeBundle {
  return typeof value === "object" && value !== null && Object.keys(value).every((key) => key.includes("/"));
}

/** A value that nobody would take for anything but data by MIME type. */
function isBundle(value: unknown): value is MimeBundle {
  if (!isPlainObject(value)) {
    return false;
  }
  const entries = Object.entries(value);
  return entries.length > 0 && entries.every(([type, data]) => MIME_TYPE.test(type) && isDataOf(type, data));
}

function isDataOf(type: string, data: unknown): boolean {
  const isJson = /^application\/(?:.*\+)?json$|^application\/geo/.test(type);
  return typeof data === "string" || data instanceof Uint8Array || (isJson && typeof data === "object");
}

/** Bytes travel as base64. */
export function encodeBytes(bundle: MimeBundle): MimeBundle {
  const entries = Object.entries(bundle).map(([type, data]) => [
    type,
    data instanceof Uint8Array ? Buffer.from(data).toString("base64") : data,
  ]);
  return Object.fromEntries(entries) as MimeBundle;
}

interface Figure {
  data: { type?: unknown }[];
  layout: Record<string, unknown>;
}

/** What plotly.js draws: `{ data: [{ type: "bar", y: [1, 2] }], layout: {} }`. */
function isFigure(value: unknown): value is Figure {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, "data") || !Object.hasOwn(value, "layout")) {
    return false;
  }
  const { data, layout } = value as Record<string, unknown>;
  return Array.isArray(data) && data.every(isPlainObject) && isPlainObject(layout);
}

function figureText({ data, layout }: Figure): string {
  const { title } = layout;
  const name = isPlainObject(title) ? title.text : title;
  const kinds = data.map(({ type }) => String(type ?? "scatter")).join(", ");
  return `Plotly figure${name === undefined ? "" : ` "${String(name)}"`}: ${kinds}`;
}

/** JSON has no typed arrays. */
function plainNumbers(figure: Figure): unknown {
  return JSON.parse(
    JSON.stringify(figure, (_key, value: unknown) =>
      ArrayBuffer.isView(value) && !(value instanceof DataView) ? Array.from(value as Float64Array) : value,
    ),
  );
}

function methodOf(value: unknown, name: string | symbol): ((this: unknown) => unknown) | undefined {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) {
    return undefined;
  }
  const method = (value as Record<string | symbol, unknown>)[name];
  return typeof method === "function" ? (method as () => unknown) : undefined;
}

/** A class with a static method of that name does not mean itself by it, and a proxy may answer to every name. */
function mayHaveHtml(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !types.isProxy(value);
}

/** Whether `await` would wait for it. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return methodOf(value, "then") !== undefined;
}
