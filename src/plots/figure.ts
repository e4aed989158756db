/**
 * A plot that shows itself: live in a notebook with plotly's renderer, as a picture where there is none or the notebook
 * is not trusted, as text in a terminal; and that saves itself as a page or a picture.
 */
import { writeFile } from "node:fs/promises";
import { extname } from "node:path";
import { inspect } from "node:util";
import { jupyterDisplay, type MimeBundle, mime } from "../host";
import { escapeMarkup } from "../markup";
import { letters } from "./letters";
import { page } from "./page";
import { picture } from "./picture";
import type { Plot } from "./plot";
import { plotly } from "./plotly";
import { config } from "./plotly_layout";
import { png } from "./png";

/**
 * A finished plot. As a cell's last value it is shown; `String(figure)` is its text.
 *
 * @example
 * const figure = plotNextToken(logits, { tokenizer });
 * figure.layout.height = 600;           // live it is plotly's: all of it may be changed
 * await figure.save("next.html");
 * figure;
 */
export class Figure {
  /** Plotly's traces, free to be changed before the figure is shown live. */
  readonly data: object[];
  /** Plotly's layout, likewise. */
  readonly layout: Record<string, unknown>;
  readonly #svg: string;
  readonly #text: string;

  /** @internal */
  constructor(plot: Plot) {
    const { data, layout } = plotly(plot);
    this.data = data;
    this.layout = layout;
    this.#svg = picture(plot);
    this.#text = letters(plot);
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
   * The plot in letters, as a terminal shows it.
   *
   * @example console.log(String(plotNextToken(logits, { tokenizer, k: 3 })));
   */
  toString(): string {
    return this.#text;
  }

  /** @internal */
  [inspect.custom](): string {
    return this.#text;
  }

  /**
   * What a notebook shows: the first of these that it can.
   *
   * @internal
   */
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
