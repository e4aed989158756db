/** What a figure and a view have in common: a picture, letters, and how both are shown and saved. */
import { writeFile } from "node:fs/promises";
import { extname } from "node:path";
import { type InspectOptions, inspect } from "node:util";
import { jupyterDisplay, type MimeBundle, mime } from "../host";
import { png } from "./png";

/** Bytes of an output at most: notebooks drop what comes faster than a megabyte a second. */
export const most = 500_000;

/** How much larger than its letters say a picture in a notebook is: sharp on a dense screen, and small in the file. */
export const notebookScale = 1.5;

/** What an output takes in a notebook's file, in bytes. */
export const bytesOf = (bundle: MimeBundle): number => Buffer.byteLength(JSON.stringify(bundle));

/**
 * A finished drawing: a {@link Figure} or a {@link View}. As a cell's last value it is shown; `String(drawing)` is its text.
 *
 * @example
 * const drawing = plotRanks(await model.logit_lens(prompt, { watch: [" Paris"] }));
 * String(drawing).split("\n")[0]; // => 'Ranks by layer'
 */
export abstract class Drawing {
  readonly #svg: string;
  readonly #text: string;
  readonly #ansi: string | undefined;

  /** @internal */
  constructor({ svg, text, ansi }: { svg: string; text: string; ansi?: string }) {
    this.#svg = svg;
    this.#text = text;
    this.#ansi = ansi;
  }

  /**
   * The picture as SVG source, on a transparent ground.
   *
   * @example
   * plotNextToken(logits, { tokenizer }).toSVG().slice(0, 4);
   * // => '<svg'
   */
  toSVG(): string {
    return this.#svg;
  }

  /**
   * The drawing in letters, as a terminal shows it.
   *
   * @example console.log(String(plotNextToken(logits, { tokenizer, k: 3 })));
   */
  toString(): string {
    return this.#text;
  }

  /**
   * What a place without scripts and styles shows, as GitHub: a picture and text alone. `PHI3LAB_STATIC=1` makes this of
   * every drawing.
   *
   * @example Object.keys(plotNextToken(logits, { tokenizer }).static()); // => ["image/png", "text/plain"]
   */
  static(): MimeBundle {
    return { [mime.png]: png(this.#svg, notebookScale).toString("base64"), [mime.text]: this.#text };
  }

  /** @internal A terminal shows colours, where it has them. */
  [inspect.custom](_depth: number, { colors }: InspectOptions): string {
    return colors && this.#ansi !== undefined ? this.#ansi : this.#text;
  }

  /**
   * What a notebook shows: the first of these that it can.
   *
   * @internal
   */
  [jupyterDisplay](): MimeBundle {
    return process.env.PHI3LAB_STATIC ? this.static() : { ...this.rich(), [mime.text]: this.#text };
  }

  /** What goes before the text where it can be shown. */
  protected abstract rich(): MimeBundle;
  /** A page of its own. */
  protected abstract page(): string;

  /** @throws RangeError, with what makes it smaller, where a notebook may drop the output. */
  protected checkSize(rich: MimeBundle, shrink: string): void {
    const bytes = bytesOf({ ...rich, [mime.text]: this.#text });
    if (bytes > most)
      throw new RangeError(
        `Expected an output of at most ${most.toLocaleString("en-US")} bytes but this one takes ${bytes.toLocaleString("en-US")}: ${shrink}`,
      );
  }

  /**
   * Writes the drawing to a file.
   *
   * @param path Its ending decides: `.html` (a page of its own, live, that needs no network), `.svg` or `.png` (twice the
   *   size, on white).
   * @throws Error for another ending, or when the file cannot be written.
   * @example await plotNextToken(logits, { tokenizer }).save("next.png");
   */
  async save(path: string): Promise<void> {
    const kind = extname(path).toLowerCase();
    if (kind === ".html") await writeFile(path, this.page());
    else if (kind === ".svg") await writeFile(path, this.#svg);
    else if (kind === ".png") await writeFile(path, png(this.#svg));
    else throw new Error(`Expected a path that ends in .html, .svg or .png but received "${path}"`);
  }
}
