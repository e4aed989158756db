/** The global `display` and its kinds: what they show goes below the cell, and can be changed later. */
import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import type { MimeBundle } from "../../src/host";
import { encodeBytes, isMimeBundle, type Shown, toBundle } from "../display/bundle";
import { image } from "../display/image";
import { Markup } from "../display/markup";
import { tableHtml, type TableOptions } from "../display/table";
import { textOf } from "../display/text";
import { jupyterDisplay } from "../../src/host";
import { type Cell, currentCell } from "./cell";

/** A display that can be changed later. */
export interface DisplayHandle {
  readonly display_id: string;
  update(value: unknown, options?: { raw?: boolean; metadata?: Record<string, unknown> }): Promise<void>;
}

export interface DisplayOptions {
  display_id?: string;
  /** The value is a MIME bundle. */
  raw?: boolean;
  metadata?: Record<string, unknown>;
}

const handles = new WeakSet<object>();

/**
 * The MIME bundle of a value. One whose own method fails is shown as text, and the failure is printed.
 */
export async function valueBundle(value: unknown, cell?: Cell): Promise<MimeBundle> {
  const options = { colors: cell?.colors };
  try {
    return await toBundle(value, options);
  } catch (error) {
    cell?.write("stderr", `${textOf(error)}\n`);
    return { "text/plain": textOf(value, options) };
  }
}

/** True for what `display` returns: it stands for an output that is already there. */
export function isHandle(value: unknown): boolean {
  return typeof value === "object" && value !== null && handles.has(value);
}

/** A value as one kind of output; `make` gives what shows itself. */
type Kind = (value: unknown, options: Record<string, unknown>) => unknown;

/** Shows the value as text in a markup language. */
const markup =
  (type: Markup["type"]): Kind =>
  (value) =>
    new Markup(type, String(value));
const bundleOf =
  (make: (value: unknown, options: Record<string, unknown>) => MimeBundle): Kind =>
  (value, options) => {
    const bundle = make(value, options); // Now: what is wrong with the value is the caller's error.
    return { [jupyterDisplay]: () => bundle };
  };

const kinds = {
  html: markup("text/html"),
  markdown: markup("text/markdown"),
  latex: markup("text/latex"),
  svg: bundleOf((value) => ({ "image/svg+xml": String(value), "text/plain": "[image/svg+xml]" })),
  json: bundleOf((value) => ({ "application/json": toJson(value), "text/plain": textOf(value) })),
  table: bundleOf((rows, options) => ({
    "text/html": tableHtml(toRows(rows), tableOptions(options)),
    "text/plain": textOf(rows),
  })),
  full: bundleOf((value) => ({ "text/plain": textOf(value, { full: true, colors: currentCell()?.colors }) })),
  image: (value, options) => image(value, options),
} satisfies Record<string, Kind>;

/** Shows `value` in the running cell. The global `display`. */
export function display(value: unknown, options: DisplayOptions = {}): DisplayHandle {
  return open(options, (next, more) => [next, more], value);
}

Object.assign(
  display,
  Object.fromEntries(
    Object.entries(kinds).map(([name, kind]) => [
      name,
      (value: unknown, options: DisplayOptions & Record<string, unknown> = {}) =>
        open(
          options,
          (next, more) => {
            const shown = (kind as Kind)(next, { ...options, ...more });
            return [shown, { ...more, metadata: more.metadata ?? (shown as Shown).metadata }];
          },
          value,
        ),
    ]),
  ),
);

/** Shows a first value; the handle's later ones are made in the same way. */
function open(
  options: DisplayOptions,
  make: (value: unknown, options: DisplayOptions) => [unknown, DisplayOptions],
  value: unknown,
): DisplayHandle {
  const display_id = options.display_id ?? randomUUID();
  const [first, settings] = make(value, options);
  void show(first, { ...settings, display_id }, false);
  const handle: DisplayHandle = {
    display_id,
    update: async (next, more = {}) => {
      const [shown, changed] = make(next, more);
      await show(shown, { ...changed, display_id }, true);
    },
  };
  handles.add(handle);
  return handle;
}

function show(value: unknown, options: DisplayOptions & { display_id: string }, update: boolean): Promise<void> {
  const cell = currentCell();
  if (cell === undefined) {
    throw new Error("There is no cell to display anything in yet.");
  }
  const { display_id, metadata } = options;
  const place = { display_id, metadata, update };
  if (options.raw) {
    if (!isMimeBundle(value)) {
      throw new TypeError(`Expected data by MIME type for display(…, { raw: true }) but received ${inspect(value)}`);
    }
    cell.show(encodeBytes(value), place);
    return Promise.resolve();
  }
  const printFailure = (error: unknown): void => cell.write("stderr", `${textOf(error)}\n`);
  let bundle: MimeBundle | Promise<MimeBundle>;
  try {
    bundle = toBundle(value, { colors: cell.colors });
  } catch (error) {
    printFailure(error);
    bundle = { "text/plain": textOf(value) };
  }
  if (!(bundle instanceof Promise)) {
    cell.show(bundle, place);
    return Promise.resolve();
  }
  const shown = bundle
    .catch((error: unknown) => {
      printFailure(error);
      return { "text/plain": textOf(value) };
    })
    .then((data) => cell.show(data, place))
    .catch(printFailure)
    .finally(() => cell.pending.delete(shown));
  cell.pending.add(shown);
  return shown;
}

function tableOptions({ columns, rows }: Record<string, unknown>): TableOptions {
  if (rows !== undefined && !(typeof rows === "number" && rows >= 1)) {
    throw new TypeError(`Expected number >= 1 for rows of display.table but received ${inspect(rows)}`);
  }
  return { columns: columns as string[] | undefined, rows: rows as number | undefined };
}

/** A Map's entries have names; other rows are what is iterated over. */
function toRows(rows: unknown): unknown[] {
  if (rows instanceof Map) {
    return [...rows].map(([key, value]) => ({ key, value }));
  }
  if (typeof rows === "object" && rows !== null && Symbol.iterator in rows) {
    return [...(rows as Iterable<unknown>)];
  }
  throw new TypeError(`Expected rows, such as an array of objects, for display.table but received ${textOf(rows)}`);
}

/** As JSON has it; Maps and Sets, which JSON shows as {}, by what they hold. */
function toJson(value: unknown): unknown {
  const text = JSON.stringify(value, (_key, inner: unknown) => {
    if (inner instanceof Map) return Object.fromEntries(inner);
    if (inner instanceof Set) return [...inner];
    return typeof inner === "bigint" ? String(inner) : inner;
  });
  if (text === undefined) {
    throw new TypeError(`Expected a value that JSON can hold for display.json but received ${textOf(value)}`);
  }
  return JSON.parse(text) as unknown;
}
