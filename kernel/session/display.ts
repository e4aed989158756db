/** How a value shows itself: its own MIME bundle, or the text that Node would print. */
import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import { jupyterDisplay, type MimeBundle } from "../../src/host";
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
 * The MIME bundle of a value. An object with a `Symbol.for("Jupyter.display")` method shows itself by it; one whose method
 * fails is shown as text, and the failure is printed.
 */
export async function toBundle(value: unknown, cell?: Cell): Promise<MimeBundle> {
  const method = displayMethod(value);
  if (method === undefined) {
    return { "text/plain": inspect(value) };
  }
  try {
    const bundle = await method.call(value);
    if (!isBundle(bundle)) {
      throw new TypeError(
        `Expected Symbol.for("Jupyter.display") to give data by MIME type but it gave ${inspect(bundle, { depth: 0 })}`,
      );
    }
    return encodeBytes("text/plain" in bundle ? bundle : { ...bundle, "text/plain": safeInspect(value) });
  } catch (error) {
    cell?.write("stderr", `${safeInspect(error)}\n`);
    return { "text/plain": safeInspect(value) };
  }
}

/** True for what `display` returns: it stands for an output that is already there. */
export function isHandle(value: unknown): boolean {
  return typeof value === "object" && value !== null && handles.has(value);
}

/** Shows `value` in the running cell. The global `display`. */
export function display(value: unknown, options: DisplayOptions = {}): DisplayHandle {
  const display_id = options.display_id ?? randomUUID();
  void show(value, { ...options, display_id }, false);
  const handle: DisplayHandle = {
    display_id,
    update: (next, more = {}) => show(next, { ...more, display_id }, true),
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
  if (options.raw) {
    if (!isBundle(value)) {
      throw new TypeError(`Expected data by MIME type for display(…, { raw: true }) but received ${inspect(value)}`);
    }
    cell.show(encodeBytes(value), { display_id, metadata, update });
    return Promise.resolve();
  }
  if (displayMethod(value) === undefined) {
    cell.show({ "text/plain": inspect(value) }, { display_id, metadata, update });
    return Promise.resolve();
  }
  const shown = toBundle(value, cell)
    .then((bundle) => cell.show(bundle, { display_id, metadata, update }))
    .catch((error: unknown) => cell.write("stderr", `${safeInspect(error)}\n`))
    .finally(() => cell.pending.delete(shown));
  cell.pending.add(shown);
  return shown;
}

function displayMethod(value: unknown): (() => unknown) | undefined {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) {
    return undefined;
  }
  const method = (value as Record<symbol, unknown>)[jupyterDisplay];
  return typeof method === "function" ? (method as () => unknown) : undefined;
}

function isBundle(value: unknown): value is MimeBundle {
  return typeof value === "object" && value !== null && Object.keys(value).every((key) => key.includes("/"));
}

/** Bytes travel as base64. */
function encodeBytes(bundle: MimeBundle): MimeBundle {
  const entries = Object.entries(bundle).map(([type, data]) => [
    type,
    data instanceof Uint8Array ? Buffer.from(data).toString("base64") : data,
  ]);
  return Object.fromEntries(entries) as MimeBundle;
}

function safeInspect(value: unknown): string {
  try {
    return inspect(value);
  } catch (error) {
    return `[a value that cannot be shown: ${String(error)}]`;
  }
}
