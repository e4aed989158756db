/**
 * A view of something that is no chart: HTML that reads without scripts, and one script that makes it live in place where
 * scripts may run; a picture; and text. It names no address, needs no network, and has no id that another view could have.
 */
import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { extname } from "node:path";
import { inspect } from "node:util";
import { jupyterDisplay, type MimeBundle, mime } from "../host";
import { scriptJson } from "../markup";
import { png } from "./png";

/** What a view is made of. */
export interface ViewParts {
  /** What it says, in letters. */
  text: string;
  /** The still picture, SVG source. */
  svg: string;
  /** The still form: HTML with styles of its own, which a notebook that is not trusted shows as it is. */
  html: string;
  /** What the script gets, and its source: a function of the still form's root and the data, which makes it live. */
  live?: { data: unknown; script: string };
  /** The option that makes an output smaller, for the error of one that is too large. */
  shrink: string;
}

/** Bytes of an output at most: notebooks drop what comes faster than a megabyte a second. */
const most = 500_000;

/**
 * A finished view, shown as a cell's last value; `String(view)` is its text.
 *
 * @example
 * const view = plotTokens(await model.log_probs("The capital of France is Paris."));
 * await view.save("tokens.html");
 * view;
 */
export class View {
  readonly #parts: ViewParts;

  /** @internal */
  constructor(parts: ViewParts) {
    this.#parts = parts;
    const size = Buffer.byteLength(this.#html());
    if (size > most)
      throw new RangeError(
        `Expected an output of at most ${most.toLocaleString("en-US")} bytes but this view takes ${size.toLocaleString("en-US")}: ${parts.shrink}`,
      );
  }

  /** The still form, and behind it the script that finds it by its class and makes it live. */
  #html(): string {
    const { html, live } = this.#parts;
    const name = `phi3lab-${randomBytes(6).toString("hex")}`;
    const root = `<div class="${name}" style="max-width: 60em">${html}</div>`;
    if (!live) return root;
    return `${root}<script>(() => { for (const root of document.querySelectorAll(".${name}")) { if (root.dataset.live) continue; root.dataset.live = "1"; (${live.script})(root, ${scriptJson(live.data)}); } })();</script>`;
  }

  /**
   * The picture as SVG source, on a transparent ground.
   *
   * @example plotTokens(await model.log_probs(input_ids)).toSVG().slice(0, 4); // => '<svg'
   */
  toSVG(): string {
    return this.#parts.svg;
  }
  /**
   * The view in letters, as a terminal shows it.
   *
   * @example console.log(String(plotTokens(await model.log_probs(input_ids))));
   */
  toString(): string {
    return this.#parts.text;
  }
  /**
   * What a place without scripts and styles shows, as GitHub: a picture and text alone. `PHI3LAB_STATIC=1` makes this of
   * every view.
   *
   * @example Object.keys(plotTokens(await model.log_probs(input_ids)).static()); // => ["image/png", "text/plain"]
   */
  static(): MimeBundle {
    return { [mime.png]: png(this.#parts.svg).toString("base64"), [mime.text]: this.#parts.text };
  }
  /** @internal */
  [inspect.custom](): string {
    return this.#parts.text;
  }
  /** @internal */
  [jupyterDisplay](): MimeBundle {
    const still = this.static();
    return process.env.PHI3LAB_STATIC ? still : { [mime.html]: this.#html(), ...still };
  }

  /**
   * Writes the view to a file.
   *
   * @param path Its ending decides: `.html` (a page of its own, live, that needs no network), `.svg` or `.png` (twice the
   *   size, on white).
   * @throws Error for another ending, or when the file cannot be written.
   * @example await plotTokens(await model.log_probs(input_ids)).save("tokens.png");
   */
  async save(path: string): Promise<void> {
    const kind = extname(path).toLowerCase();
    const head = '<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark">';
    if (kind === ".html")
      await writeFile(path, `${head}<body style="font-family: sans-serif">${this.#html()}</body>\n`);
    else if (kind === ".svg") await writeFile(path, this.#parts.svg);
    else if (kind === ".png") await writeFile(path, png(this.#parts.svg));
    else throw new Error(`Expected a path that ends in .html, .svg or .png but received "${path}"`);
  }
}
