/**
 * What a notebook kernel lends the library: the running cell's abort signal and its display channel. The kernel puts a
 * `Host` on `globalThis` under `Symbol.for("phi3lab.host")`; elsewhere (a terminal, a script) there is none.
 */

import type { Magic } from "./magic";

/** The MIME types that the library shows things in. */
export const mime = {
  text: "text/plain",
  html: "text/html",
  png: "image/png",
  plotly: "application/vnd.plotly.v1+json",
} as const;

/** What an object shows in a notebook: data by MIME type, as Jupyter's `display_data` carries it. */
export type MimeBundle = Record<string, unknown>;

/** How data is shown. */
export interface DisplayOptions {
  /** Names the output, so that a later call with `update: true` replaces it in place. */
  display_id?: string;
  /** Replace the output of that name instead of showing another. */
  update?: boolean;
  /** What the front end is told of the data, by MIME type. */
  metadata?: Record<string, unknown>;
}

export interface Host {
  /** Aborted when the user interrupts the running cell; undefined between cells. */
  readonly signal?: AbortSignal;
  display(data: MimeBundle, options?: DisplayOptions): void;
  /** Adds a magic to the notebook. */
  registerMagic?(magic: Magic): void;
}

const key = Symbol.for("phi3lab.host");

/** The notebook kernel around this process, or undefined in a script or a terminal. */
export function host(): Host | undefined {
  return (globalThis as Record<symbol, unknown>)[key] as Host | undefined;
}

/** Makes `host()` answer; for the kernel and for tests. */
export function setHost(value: Host | undefined): void {
  (globalThis as Record<symbol, unknown>)[key] = value;
}

/** The method by which an object shows itself in a notebook: `[Jupyter.display]()` gives a {@link MimeBundle}. */
export const jupyterDisplay: unique symbol = Symbol.for("Jupyter.display") as never;
