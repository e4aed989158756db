/**
 * A view of something that is no chart: HTML that reads without scripts, and one script that makes it live in place where
 * scripts may run; a picture; and text. It names no address, needs no network, and has no id that another view could have.
 */
import { randomBytes } from "node:crypto";
import { type MimeBundle, mime } from "../host";
import { escapeMarkup, scriptJson } from "../markup";
import { bytesOf, Drawing, most, notebookScale } from "./drawing";
import { png, pngLater } from "./png";

/** The sizes that a picture beside HTML is tried in, the sharpest first: where none leaves the output small enough, the HTML alone shows it. */
const scales = [notebookScale, 1];

/** What a view is made of. */
export interface ViewParts {
  /** What it says, in letters. */
  text: string;
  /** The same with colours, for a terminal that has them; default: without. */
  ansi?: string;
  /** The still picture, SVG source. */
  svg: string;
  /** The still form: HTML with styles of its own, which a notebook that is not trusted shows as it is. */
  html: string;
  /** What the script gets, and its source: a function of the still form's root and the data, which makes it live. */
  live?: { data: unknown; script: string };
  /** The option that makes an output smaller, for the error of one that is too large. */
  shrink: string;
}

/**
 * A finished view, shown as a cell's last value; `String(view)` is its text.
 *
 * @example
 * const view = plotTokens(await model.log_probs("The capital of France is Paris."));
 * await view.save("tokens.html");
 * view;
 */
export class View extends Drawing {
  readonly #html: string;

  /** @internal */
  constructor(parts: ViewParts) {
    super(parts);
    this.#html = htmlOf(parts);
    this.checkSize({ [mime.html]: this.#html }, parts.shrink);
  }

  /** @internal */
  protected rich(): MimeBundle {
    for (const scale of scales) {
      const bundle = this.#beside(png(this.toSVG(), scale));
      if (bundle) return bundle;
    }
    return { [mime.html]: this.#html };
  }
  #beside(picture: Buffer): MimeBundle | undefined {
    const bundle = { [mime.html]: this.#html, [mime.png]: picture.toString("base64") };
    return bytesOf({ ...bundle, [mime.text]: String(this) }) <= most ? bundle : undefined;
  }

  /**
   * What a notebook shows, its picture drawn beside the main thread.
   *
   * @internal
   */
  async later(): Promise<MimeBundle> {
    const text = { [mime.text]: String(this) };
    if (process.env.PHI3LAB_STATIC)
      return { [mime.png]: (await pngLater(this.toSVG(), notebookScale)).toString("base64"), ...text };
    for (const scale of scales) {
      const bundle = this.#beside(await pngLater(this.toSVG(), scale));
      if (bundle) return { ...bundle, ...text };
    }
    return { [mime.html]: this.#html, ...text };
  }
  /**
   * What a notebook shows of a state that the next one soon replaces: no picture is drawn of it.
   *
   * @internal
   */
  passing(): MimeBundle {
    const text = { [mime.text]: String(this) };
    return process.env.PHI3LAB_STATIC ? text : { [mime.html]: this.#html, ...text };
  }
  /** @internal */
  protected page(): string {
    const head = '<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark">';
    return `${head}<body style="font-family: sans-serif">${this.#html}</body>\n`;
  }
}

/** A picture as an image of the still form, which no notebook takes out: inline SVG and `image/svg+xml` are not shown while a notebook is not trusted. */
export const stillImage = (svg: string, alt: string): string =>
  `<img alt="${escapeMarkup(alt)}" src="data:image/svg+xml;base64,${Buffer.from(svg).toString("base64")}"/>`;

/** What the parts take as a notebook's output without the picture, in bytes. */
export const viewBytes = (parts: ViewParts): number => bytesOf({ [mime.html]: htmlOf(parts), [mime.text]: parts.text });

/** The still form, and behind it the script that finds it by its class and makes it live. */
function htmlOf({ html, live }: ViewParts): string {
  const name = `phi3lab-${randomBytes(6).toString("hex")}`;
  const root = `<div class="${name}" style="max-width: 60em">${html}</div>`;
  if (!live) return root;
  return `${root}<script>(() => { for (const root of document.querySelectorAll(".${name}")) { if (root.dataset.live) continue; root.dataset.live = "1"; (${live.script})(root, ${scriptJson(live.data)}); } })();</script>`;
}
