/**
 * A plot that shows itself: live in a notebook with plotly's renderer, as a picture where there is none or the notebook
 * is not trusted, as text in a terminal; and that saves itself as a page or a picture.
 */
import { writeFile } from "node:fs/promises";
import { extname } from "node:path";
import { inspect } from "node:util";
import { jupyterDisplay, type MimeBundle, mime } from "../host";
import { escapeMarkup } from "../markup";
import { config } from "./layout";
import { page } from "./page";
import { png } from "./png";

/** The three forms of one plot; made by the plot functions. */
export interface FigureParts {
  /** Plotly's traces. */
  data: object[];
  /** Plotly's layout. */
  layout: Record<string, unknown>;
  /** The same picture, standing still. */
  svg: string;
  /** The same facts in letters. */
  text: string;
}

/** A finished plot. As a cell's last value it is shown; `String(figure)` is its text. */
export class Figure {
  /** Plotly's traces, free to be changed before the figure is shown live. */
  readonly data: object[];
  /** Plotly's layout, likewise. */
  readonly layout: Record<string, unknown>;
  readonly #svg: string;
  readonly #text: string;

  constructor(parts: FigureParts) {
    this.data = parts.data;
    this.layout = parts.layout;
    this.#svg = parts.svg;
    this.#text = parts.text;
  }

  /** The picture as SVG source, on a transparent ground. */
  toSVG(): string {
    return this.#svg;
  }

  toString(): string {
    return this.#text;
  }

  [inspect.custom](): string {
    return this.#text;
  }

  /** What a notebook shows: the first of these that it can. */
  [jupyterDisplay](): MimeBundle {
    return {
      [mime.plotly]: {
        data: this.data,
        layout: this.layout,
        config,
      },
      // An image, not inline SVG or `image/svg+xml`: JupyterLab shows neither of those while a notebook is not trusted.
      [mime.html]: `<img alt="${escapeMarkup(this.#text)}" src="data:image/svg+xml;base64,${Buffer.from(this.#svg).toString("base64")}"/>`,
      [mime.text]: this.#text,
    };
  }

  /**
   * Writes the plot to a file.
   *
   * @param path Its ending decides: `.html` (a page of its own, live, that needs no network), `.svg` or `.png` (twice the
   *   size, on white).
   * @throws Error for another ending, or when the file cannot be written.
   * @example await plotNextToken(logits, { tokenizer }).save("next.png");
   */
  async save(path: string): Promise<void> {
    const kind = extname(path).toLowerCase();
    if (kind === ".html") await writeFile(path, page(this.data, this.layout));
    else if (kind === ".svg") await writeFile(path, this.#svg);
    else if (kind === ".png") await writeFile(path, png(this.#svg));
    else throw new Error(`Expected a path that ends in .html, .svg or .png but received "${path}"`);
  }
}
